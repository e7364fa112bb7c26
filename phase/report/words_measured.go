package report

import (
	"fmt"
	"strings"

	"agar/phase"
)

// measures says what the run wrote down of itself: where every measure begins and ends,
// which lead the accuracies, and double descents.
func (w *writer) measures() {
	p := w.d.Run.Progress
	if p == nil {
		return
	}
	for i, m := range p.Measures {
		keys := []string{fmt.Sprintf("run.progress.measures.%d", i)}
		if len(m.Values) == 0 {
			w.add(secMeasures, keys, "`%s`: no value.", m.Name)
			continue
		}
		last := len(m.Values) - 1
		text := fmt.Sprintf("`%s`%s: %.4g at step %d, %.4g at step %d", m.Name, unitOf(m.Unit), float64(m.Values[0]), m.Steps[0], float64(m.Values[last]), m.Steps[last])
		var moves []string
		for _, x := range m.Moves {
			moves = append(moves, fmt.Sprintf("from %.3g to %.3g, half of it by step %d (%s)", float64(x.Start), float64(x.End), x.Step, steps(x.Interval)))
		}
		if len(moves) == 0 {
			text += "; no move beyond its noise"
		} else {
			text += "; it moves " + strings.Join(moves, ", then ")
		}
		w.add(secMeasures, keys, "%s.", text)
	}
	for i, l := range p.Leads {
		way, lead, share, ends := "before", l.Lead, l.Share, l.Interval
		if lead < 0 {
			way, lead, share, ends = "after", -lead, -share, [2]int{-ends[1], -ends[0]}
		}
		w.add(secMeasures, []string{fmt.Sprintf("run.progress.leads.%d", i)}, "`%s` moves %s %s `%s` does (%s by their intervals), which is %s %% of the run.",
			l.Measure, count(lead, "step"), way, l.Reference, between(ends), num(100*share, 1))
	}
	for i, x := range p.Descents {
		lower := "not below the first minimum"
		if x.Lower {
			lower = "below the first minimum"
		}
		w.add(secMeasures, []string{fmt.Sprintf("run.progress.double_descents.%d", i)}, "Double descent of `%s`: %.3g at step %d, down to %.3g at %d, up to %.3g at %d, down to %.3g at %d, %s.", x.Measure,
			float64(x.Values[0]), x.Steps[0], float64(x.Values[1]), x.Steps[1], float64(x.Values[2]), x.Steps[2], float64(x.Values[3]), x.Steps[3], lower)
	}
}

func unitOf(u string) string {
	if u == "" {
		return ""
	}
	return " (" + u + ")"
}

// probes says what running the model on fixed tokens showed.
func (w *writer) probes() {
	if d := w.d.Run.Divergence; d != nil {
		var first, last *phase.DivergenceAt
		for i := range d.At {
			if x := &d.At[i]; x.Lambda == d.Lambda {
				if first == nil {
					first = x
				}
				last = x
			}
		}
		if first != nil {
			w.add(secProbes, []string{"run.divergence"}, "On %s (%d tokens of %s, λ = %g, nats a token, intervals of 95 %% over documents): KL(model‖base) goes from %s at step %d to %s at step %d, KL(base‖model) from %s to %s, the loss from %s to %s (the base's is %s).",
				probed(d.On), d.Tokens, count(d.Documents, "document"), d.Lambda, interval(first.KLModelBase, 4), first.Step, interval(last.KLModelBase, 4), last.Step,
				interval(first.KLBaseModel, 4), interval(last.KLBaseModel, 4), interval(first.Loss, 4), interval(last.Loss, 4), interval(d.BaseLoss, 4))
		}
	}
	if r := w.d.Run.Robustness; r != nil {
		w.add(secProbes, []string{"run.robustness"}, "Efficiency and stability of checkpoint %d (%d tokens of %s): the loss is %s at its own mean norm of %s a module, %s for the base.", r.Step, r.Tokens, count(r.Documents, "document"), interval(r.Loss, 4), num(r.Norm, 4), interval(r.BaseLoss, 4))
		for i, c := range r.Stability {
			if n := len(c.At); n > 0 {
				w.add(secProbes, []string{fmt.Sprintf("run.robustness.stability.%d", i)}, "Turning %s at right angles by ε = %g, its norm kept, changes the loss by %s nats a token (%d draws).", factorName(c.Of), c.At[n-1].Epsilon, interval(c.At[n-1].DeltaLoss, 4), c.At[n-1].Draws)
			}
		}
	}
	if c := w.d.Run.Canary; c != nil {
		w.add(secProbes, []string{"run.canary"}, "Canary: %s.", c)
	}
	if s := w.d.Run.Significance; s != nil {
		w.add(secProbes, []string{"run.significance"}, "%s.", s)
	}
	if w.d.Measured != nil {
		w.add(secProbes, []string{"measured"}, "These numbers were measured by running `%s` (SHA-256 %s) on `%s` and are kept in `%s`; `agar phase verify` takes them as recorded, and computes anew what follows from them.",
			w.d.Measured.Model, short(w.d.Measured.ModelSHA256), w.d.Measured.Data, MeasuredFile)
	}
}

func probed(on string) string {
	if on == phase.OnAnswers {
		return "the assistant's tokens"
	}
	return "all tokens"
}

func factorName(of string) string {
	if of == "both" {
		return "both factors"
	}
	return "the factor " + strings.ToUpper(of)
}

// short is the beginning of a hash.
func short(h string) string { return h[:min(12, len(h))] }

// interval is a value with its interval, when it has one.
func interval(x phase.Interval, digits int) string {
	if !x.Lo.OK() || !x.Hi.OK() {
		return num(x.Value, digits)
	}
	return num(x.Value, digits) + " [" + num(x.Lo, digits) + ", " + num(x.Hi, digits) + "]"
}
