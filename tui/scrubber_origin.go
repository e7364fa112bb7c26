package tui

import "fmt"

func (p *scrubber) timelineOrigin() []origin {
	out := []origin{
		{"event ▲ turn", "a peak of the debiased turn angle with a topographic prominence of at least 15° and three standard errors, merged over k; its step is the checkpoint of the largest angle", "checkpoints that still move", p.data.Source},
		{"event ⚑ grad_peak", "the peak of the logged gradient norm", "logged steps", p.data.Source},
		{"steps", "optimiser steps at which a checkpoint was saved", "", p.data.Run},
	}
	for _, n := range p.data.Notes {
		out = append(out, origin{"note", n, "", p.data.Source})
	}
	return out
}

func (p *scrubber) logOrigin() []origin {
	return []origin{
		{"loss", "training loss as the trainer logged it, nats a token", "the batches since the log line before", p.data.Run + " (trainer_state.json)"},
		{"grad norm", "global norm of the gradient before clipping as the trainer logged it", "the batch at the log line", p.data.Run + " (trainer_state.json)"},
	}
}

func (p *scrubber) normOrigin() []origin {
	return []origin{{"‖ΔW‖_F", "Frobenius norm of s·B·A of the module, s = α/r or α/√r", "the module " + p.data.Module, p.data.Source}}
}

func (p *scrubber) turnOrigin() []origin {
	return []origin{
		{fmt.Sprintf("turn angle θ, k = %d", p.data.TurnK), "arccos(−cos(v_{t−k} − v_t, v_{t+k} − v_t)) in degrees: 0° is straight on, 90° a right angle. v_t is the adapter at step t; for rank above 1 the angle is that of increments of ΔW under the Frobenius product", "checkpoints k steps before and after; those that hardly moved are left out", p.data.Source},
		{fmt.Sprintf("debiased, k = %d", p.data.DebiasedK), "the same angle from sums over pairs of increments far enough apart that noise drops out; missing where no signal is left", "pairs of increments within the window", p.data.Source},
		{"±, band", "one standard error of the debiased angle", "", p.data.Source},
	}
}

func (p *scrubber) pcaOrigin() []origin {
	return []origin{{"PCA path", "the adapter at every checkpoint in the plane of the first two principal components of the path, each axis on its own scale; percentages are shares of the variance. A random walk gives 60.8 % and 15.2 % and an arc too: the shape alone is no event", "all checkpoints of the run", p.data.Source}}
}

func (p *scrubber) changesOrigin() []origin {
	ax := &p.env.axes
	return []origin{{"change", "mean activation at the cursor's checkpoint and the λ of the dial against the base model's on the same tokens; sorted by the size of the difference", "all tokens that are followed: " + orNone(ax.On), orMissing(ax.Source)}}
}

func (p *scrubber) dialOrigin() []origin {
	ax := &p.env.axes
	over := "the tokens that are followed: " + orNone(ax.On)
	out := []origin{
		{"λ", "factor on the adapter at run time; 0 is the base model, 1 the fine-tuned one", "the λ that the trajectory was computed for", orMissing(ax.Source)},
		{"L0", "features active on a token, mean", over, orMissing(ax.Source)},
		{"EV", "explained variance of the activations at that checkpoint by the frozen dictionary", over, orMissing(ax.Source)},
		{"ΔCE", "rise of the cross-entropy in nats a token when the dictionary's reconstruction takes the place of the activations", counted(ax.CETokens, "tokens") + " of the first windows", orMissing(ax.Source)},
		{"change seen", "1 − ‖Δh − Δx̂‖² / ‖Δh‖²: the share of the adapter's change to the activations that the dictionary's reconstruction shows; negative where it moves another way", over, orMissing(ax.Source)},
	}
	for _, w := range ax.Warnings {
		out = append(out, origin{"note", w, "", ax.Source})
	}
	return append(append(append(out, p.logOrigin()...), p.normOrigin()...), p.turnOrigin()...)
}
