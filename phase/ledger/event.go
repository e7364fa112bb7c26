package ledger

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"

	"agar/phase"
)

// eventClaim takes one event through the battery.
func (e *Evidence) eventClaim(x phase.Event) Claim {
	step := x.Step
	name := x.Kind
	if x.Kind == phase.KindProgress {
		name = x.Measure
	}
	c := Claim{
		ID: fmt.Sprintf("%s@%d", name, x.Step), Kind: KindEvent, Module: x.Module, Step: &step,
		Statement: x.String(),
	}
	c.battery([8]Check{
		e.eventTwin(x), e.eventSeeds(x), e.eventControls(x), e.covariates(x.Interval[0], x.Interval[1]),
		e.eventDegenerate(x), e.heldOut(x.Interval[0]), e.dictionary(x.Step), e.eventNull(x),
	})
	return c
}

// near tells whether two events of one kind are one transition: their intervals
// meet, or they lie closer than half of the wider window.
func near(a, b phase.Event) bool {
	meet := a.Interval[0] <= b.Interval[1] && b.Interval[0] <= a.Interval[1]
	return a.Kind == b.Kind && (meet || 2*abs(a.Step-b.Step) <= max(a.K, b.K))
}

func abs(x int) int { return max(x, -x) }

// ofKind are the events of a kind.
func ofKind(r *phase.Report, kind string) (out []phase.Event) {
	for _, x := range r.Events {
		if x.Kind == kind {
			out = append(out, x)
		}
	}
	return out
}

// shows finds the event of r that is the same transition as x.
func shows(r *phase.Report, x phase.Event) (phase.Event, bool) {
	for _, y := range ofKind(r, x.Kind) {
		if near(x, y) {
			return y, true
		}
	}
	return phase.Event{}, false
}

// eventTwin fails when the twin shows the event at the same steps: it is what
// fine-tuning does, whatever the data. A twin whose angle is noise could not have
// shown a turn.
func (e *Evidence) eventTwin(x phase.Event) Check {
	if e.Twin == nil || x.Twin == nil {
		return notRun("no twin was given")
	}
	t := e.Twin.Report
	n := []Figure{
		fig("events of this kind in the twin", float64(len(ofKind(t, x.Kind))), ""),
		fig("the twin's statistic at this step", float64(x.Twin.Here), x.Unit),
		fig("final ‖ΔW‖ of the twin over that of the run", float64(finalNorm(t)/finalNorm(e.Run.Report)), ""),
	}
	switch x.Twin.Label {
	case phase.TwinShared:
		return failed(n, "the twin has it at step %d too: %s", *x.Twin.Step, x.Twin.Label)
	case phase.TwinUnknown:
		return notRun("the twin was not observed there, or not by this measure")
	case phase.TwinBlind:
		return notRun("the twin has none, but could not have shown one: %s", t.Blind(x.Kind))
	}
	return passed(n, "the twin was observed there and has none (%d elsewhere)", len(ofKind(t, x.Kind)))
}

// eventSeeds passes when at least MinSeeds runs, and SeedShare of those that could,
// show an event of the kind within SeedWindow of the run's length.
func (e *Evidence) eventSeeds(x phase.Event) Check {
	others, copies := e.others()
	could, show, steps := 1, 1, []float64{float64(x.Step)}
	for _, s := range others {
		if s.Report.Blind(x.Kind) != "" {
			continue
		}
		could++
		for _, y := range ofKind(s.Report, x.Kind) {
			if float64(abs(x.Step-y.Step)) <= SeedWindow*float64(length(e.Run.Report)) {
				show, steps = show+1, append(steps, float64(y.Step))
				break
			}
		}
	}
	if could < MinSeeds {
		return notRun("%d runs of this recipe could show it (%d given are copies), %d are needed", could, copies, MinSeeds)
	}
	n := []Figure{
		fig("runs that show it", float64(show), ""), fig("runs that could", float64(could), ""),
		fig("earliest", slices.Min(steps), "steps"), fig("latest", slices.Max(steps), "steps"),
	}
	why := fmt.Sprintf("%d of %d runs show it, between steps %g and %g", show, could, slices.Min(steps), slices.Max(steps))
	return decide(show >= MinSeeds && float64(show) >= SeedShare*float64(could), n, why, why)
}

// eventControls fails when a control of the same size shows the event.
func (e *Evidence) eventControls(x phase.Event) Check {
	could := 0
	for _, c := range e.matched() {
		if y, ok := shows(c.Report, x); ok {
			return failed([]Figure{fig("step in the control", float64(y.Step), "steps")}, "control %s has it at step %d", c.Name, y.Step)
		}
		if c.Report.Blind(x.Kind) == "" {
			could++
		}
	}
	if could == 0 {
		return notRun("%d controls were given, none of them ends within a factor %g of the run's norm and could show it", len(e.Controls), MatchedNorm)
	}
	return passed([]Figure{fig("controls", float64(could), "")}, "none of %d matched controls has it at these steps", could)
}

// eventDegenerate fails on tests that say nothing: a run compared with itself, and
// a turn that the windows place at different steps.
func (e *Evidence) eventDegenerate(x phase.Event) Check {
	copies, of := e.copies()
	n := []Figure{fig("runs compared with", float64(of), ""), fig("of them copies", float64(copies), "")}
	if copies > 0 {
		return failed(n, "%d of %d runs compared with have the same last weights as another", copies, of)
	}
	agree := len(x.Agreement.Ks) > 1
	if agree {
		n = append(n, fig("windows k that show it", float64(len(x.Agreement.Ks)), ""), fig("spread of their steps", float64(x.Agreement.Spread), "steps"))
		if x.Agreement.Spread > 2*max(e.Run.Report.Unit, 1) {
			return failed(n, "the windows place it %d steps apart, over two spacings", x.Agreement.Spread)
		}
	}
	switch {
	case of > 0 && agree:
		return passed(n, "no run is compared with itself, and %d windows agree on the step within two spacings", len(x.Agreement.Ks))
	case of > 0:
		return passed(n, "no run is compared with itself")
	case agree:
		return passed(n, "%d windows agree on the step within two spacings", len(x.Agreement.Ks))
	}
	return notRun("nothing was compared that could be degenerate")
}

// copies are the runs compared with, and those of them that end in the weights of
// the run or of one before.
func (e *Evidence) copies() (copies, of int) {
	_, copies = e.others()
	of = len(e.Seeds) + len(e.Controls)
	if e.Twin != nil {
		of++
		if sameWeights(e.Twin.Report, e.Run.Report) {
			copies++
		}
	}
	for _, c := range e.Controls {
		if sameWeights(c.Report, e.Run.Report) {
			copies++
		}
	}
	return copies, of
}

// eventNull is the event against noise, as rare as that among all places where it
// could have been found. Events have passed thresholds of their own; this adds the
// number of looks.
func (e *Evidence) eventNull(x phase.Event) Check {
	switch x.Kind {
	case phase.KindTurn:
		return e.turnNull(x)
	case phase.KindGradPeak:
		return gradNull(e.Run.Report, x)
	}
	return e.behaviourNull(x)
}

// behaviourNull corrects the tail of rise/se for the checkpoints where a change
// could have been found.
func (e *Evidence) behaviourNull(x phase.Event) Check {
	looks := 0
	if b := e.Run.Report.Behaviour; b != nil {
		for _, m := range b.Measures {
			if m.Name == x.Measure && m.Lambda == float64(x.Lambda) {
				looks = len(m.Points)
			}
		}
	}
	z := math.Abs(float64(x.Statistic / x.SE))
	if looks == 0 || math.IsNaN(z) {
		return notRun("the event has no standard error")
	}
	p := min(1, 2*float64(looks)*distuv.UnitNormal.Survival(z))
	n := []Figure{fig("rise over its standard error", z, ""), fig("checkpoints", float64(looks), ""), fig("corrected p", p, "")}
	why := fmt.Sprintf("a rise of %.1f standard errors among %d checkpoints: %s", z, looks, chance(p))
	return decide(p <= Alpha, n, why, why+fmt.Sprintf(", expected at most %g", Alpha))
}

// turnNull corrects the tail of prominence/se for the independent windows of every k
// and module: of n windows a unit apart and k wide, n·unit/k are independent. The
// se is a jackknife, so the tail is Student's with the increments of two windows
// less two degrees of freedom.
func (e *Evidence) turnNull(x phase.Event) Check {
	r := e.Run.Report
	looks := 0.0
	for _, m := range r.Modules {
		for _, k := range m.Curves {
			if k.TakesPart && k.K > 0 {
				looks += max(1, float64(k.Defined*r.Unit)/float64(k.K))
			}
		}
	}
	z := float64(x.Prominence / x.SE)
	df := float64(2*(x.K/max(r.Unit, 1)) - 2)
	if !(df >= 1) || math.IsNaN(z) {
		return notRun("the event has no standard error")
	}
	p := min(1, looks*distuv.StudentsT{Mu: 0, Sigma: 1, Nu: df}.Survival(z))
	n := []Figure{fig("prominence over its standard error", z, ""), fig("degrees of freedom", df, ""), fig("independent looks", looks, ""), fig("corrected p", p, "")}
	why := fmt.Sprintf("prominence of %.1f standard errors among about %.0f independent looks: %s", z, looks, chance(p))
	return decide(p <= Alpha, n, why, why+fmt.Sprintf(", expected at most %g", Alpha))
}

// gradNull lets the run's own noise make peaks on a trend that has none.
func gradNull(r *phase.Report, x phase.Event) Check {
	p, draws := phase.GradNull(r.Log, float64(x.Prominence), nullDraws)
	if draws == 0 {
		return notRun("too few rows with a gradient norm")
	}
	n := []Figure{fig("prominence", float64(x.Prominence), "factor"), fig("draws", float64(draws), ""), fig("p", p, "")}
	why := fmt.Sprintf("blocks of the log's noise, shuffled on the nearest trend without a peak, give one as prominent with p = %.3g of %d draws", p, draws)
	return decide(p <= Alpha, n, why, why+fmt.Sprintf(", expected at most %g", Alpha))
}

// nullDraws is the number of draws of permutation nulls; the smallest p is one over
// it.
const nullDraws = 199
