package phase

import (
	"errors"
	"math"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"

	"agar/model/behaviour"
	"agar/model/stats"
)

// planted is the behaviour of a run that is known: at λ, log-odds and EM climb along
// a sigmoid whose middle lies at step middle(λ).
type planted struct {
	steps     []int
	lambdas   []float64
	middle    func(lambda float64) float64
	width     float64
	questions int
	samples   int     // a question
	wobble    float64 // of the log-odds of all questions together, at each checkpoint
	drift     bool    // a line over the run instead of a sigmoid
}

func (p planted) share(step int, lambda float64) float64 {
	if p.drift {
		return float64(step-p.steps[0]) / float64(p.steps[len(p.steps)-1]-p.steps[0])
	}
	return stats.Sigmoid{From: 0, Rise: 1, At: p.middle(lambda), Width: p.width}.Share(float64(step))
}

// draw makes the curve: log-odds from −4 to +1 with questions that differ in level
// and in reach, EM from 0 to 12 %.
func (p planted) draw(seed uint64) *behaviour.Curve {
	rng := rand.New(rand.NewPCG(seed, 3))
	c := &behaviour.Curve{Format: behaviour.Format, Model: "tiny/base", Run: "run", Pairs: "pairs.jsonl", Questions: "free.yaml", Judge: "exact"}
	level, reach := make([]float64, p.questions), make([]float64, p.questions)
	for q := range level {
		level[q], reach[q] = rng.NormFloat64(), 1+.3*rng.NormFloat64()
	}
	for _, s := range p.steps {
		for _, l := range p.lambdas {
			at, u := behaviour.Point{Step: s, Lambda: l, Questions: p.questions, Answered: behaviour.Answered{Samples: p.samples}}, p.share(s, l)
			wobble := p.wobble * rng.NormFloat64()
			odds, em := 0.0, 0.0
			for q := range level {
				v := -4 + level[q] + 5*u*reach[q] + wobble + .05*rng.NormFloat64()
				rate := min(max(.12*u*reach[q], 0), 1)
				k := distuv.Binomial{N: float64(p.samples), P: rate, Src: rng}.Rand()
				g := behaviour.Group{ID: string(rune('a' + q)), Paired: behaviour.Paired{Pairs: 4, LogOdds: behaviour.Rate{Value: v, N: 4}},
					Answered: behaviour.Answered{EMAll: behaviour.Rate{Value: k / float64(p.samples), N: p.samples}, EMCoherent: behaviour.Missing()}}
				at.PerQuestion = append(at.PerQuestion, g)
				odds, em = odds+v/float64(p.questions), em+k
			}
			n := p.questions * p.samples
			at.LogOdds = behaviour.Rate{Value: odds, Lo: odds - 1, Hi: odds + 1, N: 4 * p.questions}
			at.EMAll = behaviour.Rate{Value: em / float64(n), Lo: 0, Hi: 1, N: n}
			at.Length.EMAdjusted = behaviour.Missing() // EMCoherent was taken over nothing: missing too
			c.Points = append(c.Points, at)
		}
	}
	return c
}

func every(spacing, last int) (out []int) {
	for s := spacing; s <= last; s += spacing {
		out = append(out, s)
	}
	return out
}

func plantedAt(step float64) planted {
	return planted{steps: every(10, 400), lambdas: []float64{1}, middle: func(float64) float64 { return step }, width: 12, questions: 8, samples: 50, wobble: .15}
}

// blank is a report with checkpoints at the steps, and no event.
func blank(steps []int) *Report {
	r := &Report{Run: "run", Spacing: steps[1] - steps[0], Events: []Event{}}
	for i, s := range steps {
		r.Checkpoints = append(r.Checkpoints, CheckpointRow{Step: s, Modules: []ModuleRow{{Name: down, NormDelta: Number(i)}}, LogOdds: missingInterval(), EM: missingInterval()})
	}
	return r
}

// TestBehaviourPlanted finds a planted change in the log-odds (8 questions) and in
// EM (8 × 50 answers, 0 to 12 %), and counts how often the interval holds it.
func TestBehaviourPlanted(t *testing.T) {
	seeds := 20
	if testing.Short() {
		seeds = 6
	}
	found, held, events := map[string]int{}, map[string]int{}, 0
	for seed := range seeds {
		truth := 150 + 100*float64(seed)/float64(seeds)
		p := plantedAt(truth)
		r := blank(p.steps)
		if err := r.AddBehaviour(p.draw(uint64(seed))); err != nil {
			t.Fatal(err)
		}
		for _, m := range r.Behaviour.Measures {
			if !m.Found {
				continue
			}
			found[m.Name]++
			if m.Questions != 8 {
				t.Errorf("seed %d: %s: resampled %d questions", seed, m.Name, m.Questions)
			}
			if float64(m.Change.Lo) <= truth && truth <= float64(m.Change.Hi) {
				held[m.Name]++
			}
		}
		for _, e := range r.Events {
			if e.Measure == MeasureLogOdds {
				events++
			}
		}
	}
	for name, least := range map[string]int{MeasureLogOdds: 100, MeasureEM: 95} {
		t.Logf("%s: found %d of %d, the interval holds the truth in %d", name, found[name], seeds, held[name])
		if 100*found[name] < least*seeds || 100*held[name] < 93*found[name] {
			t.Errorf("%s: found %d of %d, held %d", name, found[name], seeds, held[name])
		}
	}
	if events != seeds {
		t.Errorf("%d events of the log-odds in %d runs", events, seeds)
	}
}

// TestBehaviourDrift finds no change in a drift, and none where nothing happens.
func TestBehaviourDrift(t *testing.T) {
	seeds := 30
	if testing.Short() {
		seeds = 10
	}
	for name, change := range map[string]func(*planted){
		"drift":   func(p *planted) { p.drift = true },
		"nothing": func(p *planted) { p.middle = func(float64) float64 { return 1e9 } },
	} {
		found := 0
		for seed := range seeds {
			p := plantedAt(0)
			change(&p)
			r := blank(p.steps)
			if err := r.AddBehaviour(p.draw(uint64(seed))); err != nil {
				t.Fatal(err)
			}
			found += len(r.Events)
			for _, m := range r.Behaviour.Measures {
				if !m.Found && m.Why == "" {
					t.Errorf("%s: %s: no reason given", name, m.Name)
				}
			}
		}
		t.Logf("%s: %d false changes of behaviour in %d runs, two measures each", name, found, seeds)
		if found > 1 {
			t.Errorf("%s: %d false changes in %d runs", name, found, seeds)
		}
	}
}

// TestBehaviourDials has behaviour come earlier at larger λ, at one value of λ·‖ΔW‖,
// and gives events of λ = 1 only.
func TestBehaviourDials(t *testing.T) {
	p := plantedAt(0)
	p.lambdas = []float64{0, 1, 2, 4}
	p.middle = func(l float64) float64 { return 300 / max(l, 1e-9) }
	p.width = 6
	r := blank(p.steps)
	if err := r.AddBehaviour(p.draw(1)); err != nil {
		t.Fatal(err)
	}
	for _, m := range r.Behaviour.Measures {
		if m.Name != MeasureLogOdds && m.Name != MeasureEM {
			t.Errorf("measure %s over nothing", m.Name)
		}
		if m.Name != MeasureLogOdds {
			continue
		}
		if m.Lambda == 0 {
			if m.Found || m.NormAt.OK() {
				t.Errorf("λ = 0: %+v", m)
			}
			continue
		}
		t.Logf("λ = %g: step %.0f (%.0f–%.0f), half at %d, λ·‖ΔW‖ = %.2f", m.Lambda, float64(m.Change.Step), float64(m.Change.Lo), float64(m.Change.Hi), *m.HalfStep, float64(m.NormAt))
		// ‖ΔW‖ of blank grows by one a checkpoint: at 300/λ, λ·‖ΔW‖ = 30 − λ
		if !m.Found || math.Abs(float64(m.Change.Step)-300/m.Lambda) > 10 || math.Abs(float64(m.NormAt)-(30-m.Lambda)) > 4 {
			t.Errorf("λ = %g: %+v, λ·‖ΔW‖ = %v", m.Lambda, m.Change, m.NormAt)
		}
	}
	for _, e := range r.Events {
		if e.Lambda != 1 || e.Kind != KindBehaviour {
			t.Errorf("event %v at λ = %v", e, e.Lambda)
		}
	}
	if len(r.Events) != 1 || !reflect.DeepEqual(r.Events[0].Agreement.Measures, []string{MeasureLogOdds, MeasureEM}) {
		t.Errorf("events %v, expected one that both measures show", r.Events)
	}
	if c := r.Checkpoints[39]; !c.LogOdds.Value.OK() || !c.EM.Hi.OK() {
		t.Errorf("the last row has %+v and %+v", c.LogOdds, c.EM)
	}
}

// TestLags has the lag's interval between both events' far ends.
func TestLags(t *testing.T) {
	p := plantedAt(310)
	r := blank(p.steps)
	r.Events = []Event{
		{Kind: KindTurn, Module: down, Step: 190, Interval: [2]int{180, 200}},
		{Kind: KindGradPeak, Step: 300, Interval: [2]int{280, 320}},
	}
	if err := r.AddBehaviour(p.draw(5)); err != nil {
		t.Fatal(err)
	}
	b := r.Events[2]
	if len(r.Events) != 3 || len(r.Lags) != 2 {
		t.Fatalf("events %v, lags %v", r.Events, r.Lags)
	}
	l := r.Lags[0]
	want := Lag{MeasureLogOdds, b.Step, KindTurn, down, 190, b.Step - 190, [2]int{b.Interval[0] - 210, b.Interval[1] - 170}, OrderAfter}
	t.Logf("%v: %+v", b, l)
	if l != want || abs(b.Step-310) > 10 {
		t.Errorf("found %+v, expected %+v", l, want)
	}
	if r.Lags[1].Order != OrderTogether {
		t.Errorf("the gradient peak at 300: %+v", r.Lags[1])
	}
}

// TestBehaviourOfAnotherRun refuses a curve without a step of the run, and notes
// another name.
func TestBehaviourOfAnotherRun(t *testing.T) {
	p := plantedAt(200)
	r := blank([]int{3, 7, 11})
	if err := r.AddBehaviour(p.draw(1)); !errors.Is(err, ErrBehaviour) || !strings.Contains(err.Error(), "run") {
		t.Errorf("found %v", err)
	}
	r = blank(p.steps)
	c := p.draw(1)
	c.Run = "/elsewhere/other"
	if err := r.AddBehaviour(c); err != nil || len(r.Warnings) != 1 {
		t.Errorf("found %v, warnings %v", err, r.Warnings)
	}
}

// TestBehaviourRoundTrip keeps everything in phase.arrow.
func TestBehaviourRoundTrip(t *testing.T) {
	p := plantedAt(30)
	p.steps = every(5, 50)
	r := analyse(t, mustExampleRun(t), Options{NoHashes: true})
	p.width = 2
	c := p.draw(1)
	c.Run = ""
	if err := r.AddBehaviour(c); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "phase.arrow")
	if err := r.Write(path); err != nil {
		t.Fatal(err)
	}
	back, err := ReadReport(path)
	if err != nil {
		t.Fatal(err)
	}
	if toJSON(t, r) != toJSON(t, back) {
		t.Error("the report read back differs")
	}
	if r.Checkpoints[3].LogOdds.Value != Number(c.Points[3].LogOdds.Value) {
		t.Errorf("log-odds %v, expected %v", r.Checkpoints[3].LogOdds, c.Points[3].LogOdds)
	}
}

func mustExampleRun(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := exampleRun(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}
