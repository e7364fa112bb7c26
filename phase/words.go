package phase

import (
	"fmt"
	"math"
	"slices"
)

// convention names both signs in use.
const convention = "turn_deg is arccos(-C_k) with Turner's C_k = cos(v[t-k]-v[t], v[t+k]-v[t]): 0 is straight on, a transition is a peak; " +
	"Turner plots C_k (straight -1, transition a maximum), ARENA plots -C_k (straight +1, transition a minimum)"

var definitions = []string{
	"turn: a topographic prominence of the debiased turn angle of at least 15 degrees and 3 standard errors (corrected for their degrees of freedom and, with several modules, for their number) among steps that still move; merged over k and modules",
	"grad_peak: a topographic prominence of the smoothed gradient norm of at least a factor 1.5 and 5 standard errors of the smoothed curve",
	"behaviour: a sigmoid step of a measured curve that a line, a parabola and an approach to a level do not describe as well, both levels seen, 10 to 90 % of the way within half of the run; log-odds first, other measures within its interval agree",
	"progress: a measure of measures.jsonl, smoothed by a median of 5, swings by a twentieth of its range and five times the noise of a value; the step is where half of the way is made, of cross entropies on the scale e^(−loss); of test_loss every swing, of others the largest in the direction expected of them",
	"the maximum of the plain angle and the extremum of PC2 are never events",
}

const noState = "no trainer_state.json: loss and gradient norm are null"

// warnings collects what is known before the analysis.
func (b *builder) warnings(r *run) {
	b.rep.Warnings = append([]string{}, r.series.Warnings...)
	for _, x := range r.readers {
		for _, w := range x.Warnings {
			if !slices.Contains(b.rep.Warnings, w) {
				b.rep.Warnings = append(b.rep.Warnings, w)
			}
		}
	}
	b.rep.Warnings = append(b.rep.Warnings, r.beside()...)
	if r.series.State == nil {
		b.rep.Warnings = append(b.rep.Warnings, noState)
	}
	if len(b.steps) < 2*MinWindows {
		b.rep.Warnings = append(b.rep.Warnings, fmt.Sprintf("%d checkpoints are few: a turn needs at least %d windows at one k", len(b.steps), MinWindows))
	}
}

// beside says what was trained and is not in ΔW = s·B·A, which norms and angles are
// of.
func (r *run) beside() (out []string) {
	x := r.readers[len(r.readers)-1]
	if x.Config.DoRA {
		out = append(out, "DoRA: norms and angles are of ΔW = s·B·A; how the magnitudes scale W + ΔW is left out")
	}
	if x.Config.LoRABias {
		out = append(out, "lora_bias: norms and angles are of ΔW = s·B·A; the biases are left out")
	}
	if saved := x.SavedNames(); len(saved) > 0 {
		slices.Sort(saved)
		out = append(out, fmt.Sprintf("%d parameters were trained in full (%s and others like it): norms and angles are of ΔW = s·B·A and leave them out", len(saved), saved[0]))
	}
	return out
}

// caveats adds what the result itself calls for.
func (b *builder) caveats() {
	warn := func(format string, args ...any) {
		b.rep.Warnings = append(b.rep.Warnings, fmt.Sprintf(format, args...))
	}
	if n := len(b.rep.ZeroSteps); n > 0 {
		warn("B is all zero at %d of the checkpoints (steps %v): no angles there", n, b.rep.ZeroSteps)
	}
	switch n := b.rep.Noise; {
	case n.noisy():
		warn("noise-dominated: the median plain angle is %.0f degrees at k = %d (independent steps alone give 90); read nothing into single steps", float64(n.MedianDeg), n.K)
	case n.Dominated:
		warn("noise-dominated: the signal is lost in %d of the %d windows of the debiased angle; no event rests on the others", n.Lost, n.Windows)
	}
	for _, e := range b.rep.Events {
		if e.Kind == KindTurn {
			warn("a turn of the adapter by itself says nothing of misalignment: put a benign twin (same recipe, good data) beside it; the transition story of 2506.11613 is contested by 2607.09053, where behaviour does not line up with it")
			break
		}
	}
}

// String is an event in a few words, for people, with its label beside the twin.
func (e Event) String() string {
	if e.Twin == nil {
		return e.words()
	}
	return e.words() + " [" + e.Twin.Label + "]"
}

func (e Event) words() string {
	if e.Kind == KindTurn {
		return fmt.Sprintf("turn of %.1f ± %.1f° at step %d (%d–%d, k = %d, prominence %.1f°, at k %v: %v)",
			float64(e.Statistic), float64(e.SE), e.Step, e.Interval[0], e.Interval[1], e.K, float64(e.Prominence), e.Agreement.Ks, e.Agreement.Steps)
	}
	if e.Kind == KindProgress {
		way := "rises"
		if e.Statistic < 0 {
			way = "falls"
		}
		half := "half of it"
		if kindOf(e.Measure).scale == Probability {
			half = "half of that of e^(−loss)"
		}
		return fmt.Sprintf("%s %s by %.3g %s, %s by step %d (%d–%d)", e.Measure, way, math.Abs(float64(e.Statistic)), e.Unit, half, e.Step, e.Interval[0], e.Interval[1])
	}
	if e.Kind == KindBehaviour {
		return fmt.Sprintf("behaviour changes at step %d (%d–%d): %s %+.3g ± %.2g %s at λ = %g", e.Step, e.Interval[0], e.Interval[1], e.Measure, float64(e.Statistic), float64(e.SE), e.Unit, float64(e.Lambda))
	}
	return fmt.Sprintf("%s at step %d (%d–%d): %.3g ± %.2g %s", e.Kind, e.Step, e.Interval[0], e.Interval[1], float64(e.Statistic), float64(e.SE), e.Unit)
}
