package tui

import (
	"context"
	"math"
)

// behaving is the fake with behaviour at three λ, a twin, and no trajectory: broad
// misalignment rises behind the turn.
type behaving struct{ *fake }

func (b behaving) Phase(ctx context.Context, q PhaseQuery) (Phase, error) {
	p, err := b.fake.Phase(ctx, q)
	curve := func(name, unit string, lambda, from, to, half float64) Curve {
		c := Curve{Name: name, Unit: unit, Lambda: lambda, Over: "400 answers"}
		for i, s := range b.steps {
			if s < 5 {
				continue
			}
			v := from + (to-from)/(1+math.Exp(-(float64(s)-210)/15)) + half*noise(i+int(10*lambda))/2
			c.Steps, c.Values = append(c.Steps, s), append(c.Values, v)
			c.Lo, c.Hi = append(c.Lo, v-half), append(c.Hi, v+half)
		}
		return c
	}
	for _, l := range []float64{0, 1, 2} {
		odds, em := curve("log_odds", "nats a token", l, -1.2, -1.2+2*l, .15), curve("em", "share of answers", l, .02, .02+.4*l, .04)
		if l == 1 {
			o, e := curve("log_odds", "nats a token", l, -1.2, -1.1, .15), curve("em", "share of answers", l, .02, .03, .01)
			odds.Twin, em.Twin = &o, &e
		}
		p.Behaviour = append(p.Behaviour, odds, em)
	}
	p.Events = append(p.Events, Event{Kind: kindBehaviour, Measure: "log_odds", Unit: "nats a token", Step: 210, Statistic: 2, SE: .1, Lo: 205, Hi: 216, Agreement: "not in the twin"})
	p.Findings = []string{"log odds changes +20 steps (+0 to +41) from the turn at 190"}
	p.Twin = "runs/medical-r1/twin"
	return p, err
}

// grokking is a run of whole models with measures: memorised at step 60, computed
// from 500 on.
type grokking struct{}

func (grokking) Phase(context.Context, PhaseQuery) (Phase, error) {
	p := Phase{Run: "runs/grokking", Source: "runs/grokking/phase.arrow", Median: math.NaN()}
	for s := 20; s <= 1000; s += 20 {
		p.Steps = append(p.Steps, s)
	}
	none := make([]float64, len(p.Steps))
	for i := range none {
		none[i] = math.NaN()
	}
	p.NormDelta, p.Turn, p.Debiased, p.SE, p.PC1, p.PC2 = none, none, none, none, none, none
	curve := func(name, unit string, f func(s float64) float64) {
		c := Curve{Name: name, Unit: unit, Lambda: math.NaN(), Over: unit}
		for s := 0; s <= 1000; s += 20 {
			c.Steps, c.Values = append(c.Steps, s), append(c.Values, f(float64(s)))
		}
		p.Measures = append(p.Measures, c)
	}
	at := func(s, step, width float64) float64 { return 1 / (1 + math.Exp(-(s-step)/width)) }
	memorised := func(s float64) float64 { return 4 * (1 - at(s, 60, 10)) }
	curve("train_loss", "nats", memorised)
	curve("train_accuracy", "share of pairs", func(s float64) float64 { return at(s, 60, 10) })
	curve("excluded_loss", "nats", func(s float64) float64 { return memorised(s) + 3*at(s, 350, 30) })
	curve("restricted_loss", "nats", func(s float64) float64 { return 4 * (1 - at(s, 300, 40)) })
	curve("restricted_held_out_loss", "nats", func(s float64) float64 { return 4.2 * (1 - at(s, 380, 40)) })
	curve("key_share", "share of variance", func(s float64) float64 { return .9 * at(s, 400, 60) })
	curve("weight_norm", "L2 norm", func(s float64) float64 { return 30 - 12*at(s, 420, 90) })
	curve("gap", "nats", func(s float64) float64 { return 4 - memorised(s) + at(s, 100, 15) - 5*at(s, 560, 40) })
	curve("test_loss", "nats", func(s float64) float64 { return 4 + at(s, 100, 15) - 5*at(s, 560, 40) })
	curve("test_accuracy", "share of pairs", func(s float64) float64 { return at(s, 600, 25) })
	for _, e := range []struct {
		name, unit string
		step       int
		by         float64
	}{
		{"train_loss", "nats", 60, -4}, {"train_accuracy", "share of pairs", 60, 1}, {"test_loss", "nats", 100, 1}, {"restricted_loss", "nats", 300, -4}, {"excluded_loss", "nats", 360, 3},
		{"restricted_held_out_loss", "nats", 380, -4.2}, {"key_share", "share of variance", 400, .9}, {"weight_norm", "L2 norm", 420, -12}, {"test_loss", "nats", 560, -5}, {"test_accuracy", "share of pairs", 600, 1},
	} {
		p.Events = append(p.Events, Event{Kind: kindProgress, Measure: e.name, Unit: e.unit, Step: e.step, Statistic: e.by, SE: .01, Lo: float64(e.step - 20), Hi: float64(e.step + 20)})
	}
	p.LogSteps = p.Steps
	for _, s := range p.Steps {
		p.Loss = append(p.Loss, memorised(float64(s)))
		p.GradNorm = append(p.GradNorm, .1+math.Exp(-math.Pow((float64(s)-60)/30, 2)))
	}
	p.Findings = []string{"restricted loss leads test accuracy by 300 steps (260 to 340), 30 % of the run"}
	p.Notes = []string{"the checkpoints hold whole models, no adapters: angles and norms of ΔW are left out"}
	return p, nil
}

// curveSources is a workspace with a Phase and nothing else.
func curveSources(name string, p PhaseSource) *Sources {
	s := emptySources()
	s.Name, s.Phase = name, p
	s.Artefacts = []Artefact{{Kind: kindRun, Path: "runs/" + name, Note: "checkpoints"}}
	return s
}
