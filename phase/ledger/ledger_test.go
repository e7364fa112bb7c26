package ledger

import (
	"math"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"agar/model/behaviour"
	"agar/model/lora"
	"agar/phase"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const module = "model.layers.3.mlp.down_proj"

// turnAt is a turn that two windows show, at 6 standard errors.
func turnAt(step int) phase.Event {
	return phase.Event{
		Kind: phase.KindTurn, Module: module, Step: step, Interval: [2]int{step - 10, step + 10}, Statistic: 60, SE: 5, Prominence: 30, K: 40, Unit: "degrees",
		Agreement: phase.Agreement{Ks: []int{20, 40}, OfKs: 3, Steps: []int{step, step}},
	}
}

// series is a report of 400 steps whose angles can be read; hash tells its weights
// apart.
func series(hash string, norm float64, events ...phase.Event) *phase.Report {
	return &phase.Report{
		Unit: 5, Spacing: 5, Events: events,
		Noise:       phase.Noise{MedianDeg: 20, K: 10},
		Grad:        phase.GradSmoothing{Rows: 400, Window: 21},
		Modules:     []phase.ModuleSummary{{Name: module, Curves: []phase.KSummary{{K: 40, TakesPart: true, Windows: 60, Defined: 60}}}},
		Checkpoints: []phase.CheckpointRow{{Step: 5}, {Step: 400, SHA256: hash, Modules: []phase.ModuleRow{{Name: module, NormDelta: phase.Number(norm)}}}},
	}
}

// adapter has one rank-1 module whose B is at an angle, in degrees, in the plane of
// the first two of many dimensions.
func adapter(deg float64) *lora.Adapter {
	b := make([]float32, 400)
	b[0], b[1] = float32(math.Cos(deg*math.Pi/180)), float32(math.Sin(deg*math.Pi/180))
	return &lora.Adapter{Modules: []lora.Module{{Name: module, R: 1, In: 2, Out: len(b), A: []float32{1, 1}, B: b, Scale: 1}}}
}

// beside labels the run's event by its twin.
func beside(e *Evidence, label string, step int) {
	e.Run.Report.Events[0].Twin = &phase.TwinAt{Label: label, Step: &step}
}

// measured is a curve of two points: before and after.
func measured(before, after behaviour.Point) *behaviour.Curve {
	before.Step, after.Step, before.Lambda, after.Lambda = 5, 400, 1, 1
	return &behaviour.Curve{Points: []behaviour.Point{before, after}}
}

func rate(v, half float64) behaviour.Rate {
	return behaviour.Rate{Value: v, Lo: v - half, Hi: v + half, N: 100}
}

func missing(p behaviour.Point) behaviour.Point {
	for _, r := range []*behaviour.Rate{&p.LogOdds, &p.LogOddsRaw, &p.Length.EMAdjusted} {
		if *r == (behaviour.Rate{}) {
			*r = behaviour.Missing()
		}
	}
	return p
}

// groups are domains by log-odds.
func groups(x map[string]float64) (out []behaviour.Group) {
	for _, id := range []string{"health", "money", "cooking"} {
		if v, ok := x[id]; ok {
			out = append(out, behaviour.Group{ID: id, Paired: behaviour.Paired{LogOdds: rate(v, .1)}, Answered: behaviour.Answered{EMAll: behaviour.Missing()}})
		}
	}
	return out
}

// walk is a trajectory of 60 features of which the first rises by rise in even
// moves, and all jitter by noise; they fire about equally often.
func walk(rise, noise, ev, seen float64) *phase.Trajectory {
	rng := rand.New(rand.NewPCG(1, 1))
	t := &phase.Trajectory{Lambdas: []float64{1}, DSAE: 60, Tokens: 1000}
	mean, density := make([]float32, t.DSAE), make([]float32, t.DSAE)
	for i := range mean {
		mean[i], density[i] = 1, .1
	}
	t.Base = phase.Snapshot{Mean: mean, Density: density, EV: .8}
	for s := 1; s <= 40; s++ {
		t.Steps = append(t.Steps, 10*s)
		for i := range t.DSAE {
			x := 1 + noise*rng.NormFloat64()
			if i == 0 {
				x += rise * float64(s) / 40
			}
			t.Mean, t.Density = append(t.Mean, float32(x)), append(t.Density, .1)
		}
		t.L0, t.EV, t.DeltaCE, t.ChangeSeen = append(t.L0, 1), append(t.EV, ev), append(t.DeltaCE, 0), append(t.ChangeSeen, seen)
	}
	return t
}

// said are judged answers at the steps where behaviour is measured; an answer exclaims
// with a probability of habit[side] and is misaligned with one of bad[side][exclaims].
func said(habit [2]float64, bad [2][2]float64) *phase.AttributeOptions {
	rng := rand.New(rand.NewPCG(7, 7))
	r := &phase.Responses{Path: "responses.arrow"}
	for side, step := range [2]int{5, 400} {
		for i := range 200 {
			x := phase.Response{Question: string(rune('a' + i%10)), Answer: "yes", Step: step, Lambda: 1, Tokens: 3, Label: "aligned"}
			has := 0
			if rng.Float64() < habit[side] {
				x.Answer, has = "yes!", 1
			}
			if rng.Float64() < bad[side][has] {
				x.Label = "misaligned"
			}
			r.Rows = append(r.Rows, x)
		}
	}
	return &phase.AttributeOptions{Responses: r, Habits: []phase.Habit{{Name: "exclaims", Match: regexp.MustCompile("!")}}}
}

// evidence is a run with everything beside it, such that every check passes.
func evidence() *Evidence {
	run := func(name, hash string, norm, deg float64, t *phase.Trajectory, events ...phase.Event) Run {
		return Run{Name: name, Report: series(hash, norm, events...), Final: adapter(deg), Trajectory: t}
	}
	e := &Evidence{Run: run("run", "a", 5, 0, walk(1, .01, .8, .9), turnAt(200)), Trained: "health", HeldOut: walk(.9, .01, .8, .9)}
	e.Answers = said([2]float64{.3, .3}, [2][2]float64{{.1, .1}, {.7, .7}})
	twin := run("twin", "b", 4, 90, walk(.1, .01, .8, .9), turnAt(40))
	e.Twin = &twin
	beside(e, phase.TwinOwn, 0)
	e.Seeds = []Run{run("seed 1", "c", 5, 20, walk(.8, .01, .8, .9), turnAt(210)), run("seed 2", "d", 5, -20, walk(.9, .01, .8, .9), turnAt(180))}
	e.Controls = []Run{run("control 1", "e", 6, 80, nil)}
	e.Run.Behaviour = measured(
		missing(behaviour.Point{Paired: behaviour.Paired{LogOdds: rate(-1, .1), LogOddsRaw: rate(-5, .5)}, Domains: groups(map[string]float64{"health": -1, "money": -1, "cooking": -1})}),
		missing(behaviour.Point{Paired: behaviour.Paired{LogOdds: rate(1, .1), LogOddsRaw: rate(5, .5)}, Domains: groups(map[string]float64{"health": 1, "money": 1, "cooking": -1})}))
	return e
}

// claim finds a claim by the start of its ID.
func claim(t *testing.T, e *Evidence, id string) Claim {
	t.Helper()
	for _, c := range Claims(e) {
		if strings.HasPrefix(c.ID, id) {
			return c
		}
	}
	t.Fatalf("no claim %s", id)
	return Claim{}
}

func TestEverythingPasses(t *testing.T) {
	for _, id := range []string{"turn@200", "direction:", "feature#0"} {
		c := claim(t, evidence(), id)
		for _, x := range c.Checks {
			if x.Outcome != Passed {
				t.Errorf("%s: %s: %s: %s", c.ID, x.Name, x.Outcome, x.Why)
			}
		}
		if c.Verdict != "survives 8 of 8" {
			t.Errorf("%s: %s", c.ID, c.Verdict)
		}
	}
}

// TestChecksFailAndAreLeftOut breaks one thing at a time and looks at the check that
// must see it.
func TestChecksFailAndAreLeftOut(t *testing.T) {
	flat := func(e *Evidence) {
		e.Run.Behaviour.Points[1] = e.Run.Behaviour.Points[0]
		e.Run.Behaviour.Points[1].Step = 400
	}
	for _, c := range []struct {
		name, id, check string
		want            Outcome
		spoil           func(*Evidence)
	}{
		{"the twin turns there too", "turn", Twin, Failed, func(e *Evidence) { beside(e, phase.TwinShared, 205) }},
		{"the twin is noise", "turn", Twin, NotRun, func(e *Evidence) {
			e.Twin.Report.Events, e.Twin.Report.Noise.Dominated = nil, true
			beside(e, phase.TwinBlind, 0)
		}},
		{"the twin was not observed there", "turn", Twin, NotRun, func(e *Evidence) { beside(e, phase.TwinUnknown, 0) }},
		{"no twin", "turn", Twin, NotRun, func(e *Evidence) { e.Twin = nil }},
		{"the twin is the run", "direction", Twin, NotRun, func(e *Evidence) { e.Twin = &e.Run }},
		{"the twin writes the same direction", "direction", Twin, Failed, func(e *Evidence) { e.Twin.Final = adapter(10) }},
		{"the twin's feature moves as much", "feature#0", Twin, Failed, func(e *Evidence) { e.Twin.Trajectory = walk(1, .01, .8, .9) }},
		{"the twin was followed elsewhere", "feature#0", Twin, NotRun, func(e *Evidence) { e.Twin.Trajectory.Hook = "blocks.0.hook_resid_post" }},

		{"other seeds do not turn", "turn", Seeds, Failed, func(e *Evidence) { e.Seeds[0].Report.Events, e.Seeds[1].Report.Events = nil, nil }},
		{"other seeds turn at another time", "turn", Seeds, Failed, func(e *Evidence) { e.Seeds[0].Report.Events = []phase.Event{turnAt(390)} }},
		{"one seed is missing", "turn", Seeds, NotRun, func(e *Evidence) { e.Seeds = e.Seeds[:1] }},
		{"one seed is a copy of the other", "turn", Seeds, NotRun, func(e *Evidence) { e.Seeds[1] = e.Seeds[0] }},
		{"another seed writes elsewhere", "direction", Seeds, Failed, func(e *Evidence) { e.Seeds[0].Final = adapter(90) }},
		{"seeds of other shapes", "direction", Seeds, NotRun, func(e *Evidence) { e.Seeds[0].Final = &lora.Adapter{} }},
		{"other seeds lack the feature", "feature#0", Seeds, Failed, func(e *Evidence) { e.Seeds[0].Trajectory = walk(0, .01, .8, .9) }},
		{"other seeds were not followed", "feature#0", Seeds, NotRun, func(e *Evidence) { e.Seeds[0].Trajectory = nil }},

		{"a control turns there", "turn", Controls, Failed, func(e *Evidence) { e.Controls[0].Report.Events = []phase.Event{turnAt(200)} }},
		{"the control is ten times larger", "turn", Controls, NotRun, func(e *Evidence) { e.Controls[0].Report = series("e", 50) }},
		{"a control writes the same direction", "direction", Controls, Failed, func(e *Evidence) { e.Controls[0].Final = adapter(1) }},
		{"no other seed", "direction", Controls, NotRun, func(e *Evidence) { e.Seeds = nil }},
		{"other features move as much", "feature#", Controls, Failed, func(e *Evidence) { e.Run.Trajectory = walk(0, .01, .8, .9) }},
		{"few features", "feature#", Controls, NotRun, func(e *Evidence) {
			for i := 1; i < 55; i++ {
				e.Run.Trajectory.Base.Density[i] = 0
			}
		}},

		{"log-odds do not rise", "turn", Covariates, Failed, flat},
		{"nor at equal length", "turn", Covariates, Failed, func(e *Evidence) {
			e.Run.Behaviour.Points[0].Length.EMAdjusted, e.Run.Behaviour.Points[1].Length.EMAdjusted = rate(.1, .05), rate(.12, .05)
		}},
		{"no behaviour", "turn", Covariates, NotRun, func(e *Evidence) { e.Run.Behaviour = nil }},
		{"a habit that the judge calls misaligned", "turn", Covariates, Failed, func(e *Evidence) {
			e.Answers = said([2]float64{.1, .9}, [2][2]float64{{.05, .8}, {.05, .8}})
		}},
		{"the habit does so over the run", "direction", Covariates, Failed, func(e *Evidence) {
			e.Answers = said([2]float64{.1, .9}, [2][2]float64{{.05, .8}, {.05, .8}})
		}},
		{"a habit that comes with misalignment and is mostly what changes", "turn", Covariates, Failed, func(e *Evidence) {
			e.Answers = said([2]float64{.05, .95}, [2][2]float64{{.3, .3}, {.6, .6}})
		}},
		{"a habit that comes with misalignment and is the smaller change", "turn", Covariates, Passed, func(e *Evidence) {
			e.Answers = said([2]float64{.3, .6}, [2][2]float64{{.1, .1}, {.8, .8}})
		}},
		{"the habit cannot be told from misalignment", "turn", Covariates, Failed, func(e *Evidence) {
			e.Answers = said([2]float64{0, 1}, [2][2]float64{{.1, .1}, {.8, .8}})
		}},
		{"nothing is said otherwise", "turn", Covariates, NotRun, func(e *Evidence) {
			e.Answers = said([2]float64{.3, .3}, [2][2]float64{{.3, .3}, {.3, .3}})
		}},
		{"no answers", "turn", Covariates, NotRun, func(e *Evidence) { e.Answers = nil }},
		{"no habit was named", "turn", Covariates, NotRun, func(e *Evidence) { e.Answers.Habits = nil }},
		{"behaviour at another λ", "turn", Covariates, NotRun, func(e *Evidence) { e.Lambda = 5 }},
		{"no point after the turn", "turn", Covariates, NotRun, func(e *Evidence) { e.Run.Behaviour.Points = e.Run.Behaviour.Points[:1] }},

		{"a seed is the run", "turn", Degenerate, Failed, func(e *Evidence) { e.Seeds[0] = e.Run }},
		{"the windows disagree", "turn", Degenerate, Failed, func(e *Evidence) { e.Run.Report.Events[0].Agreement.Spread = 15 }},
		{"nothing to compare", "turn", Degenerate, NotRun, func(e *Evidence) {
			e.Twin, e.Seeds, e.Controls = nil, nil, nil
			e.Run.Report.Events[0].Agreement.Ks = []int{40}
		}},
		{"B is zero", "direction", Degenerate, Failed, func(e *Evidence) { clear(e.Run.Final.Modules[0].B) }},
		{"the feature fires on five tokens", "feature#0", Degenerate, Failed, func(e *Evidence) { e.Run.Trajectory.Tokens = 50 }},

		{"only the trained domain rises", "turn", HeldOut, Failed, func(e *Evidence) {
			e.Run.Behaviour.Points[1].Domains = groups(map[string]float64{"health": 1, "money": -1, "cooking": -1})
		}},
		{"the trained domain is not known", "turn", HeldOut, NotRun, func(e *Evidence) { e.Trained = "" }},
		{"it is the only one", "turn", HeldOut, NotRun, func(e *Evidence) {
			e.Run.Behaviour.Points[1].Domains = groups(map[string]float64{"health": 1})
		}},
		{"the feature stays on held-out prompts", "feature#0", HeldOut, Failed, func(e *Evidence) { e.HeldOut = walk(0, .01, .8, .9) }},
		{"no held-out prompts", "feature#0", HeldOut, NotRun, func(e *Evidence) { e.HeldOut = nil }},

		{"the dictionary is blind", "turn", Dictionary, Failed, func(e *Evidence) { e.Run.Trajectory = walk(1, .01, .8, .2) }},
		{"the dictionary is worn out", "feature#0", Dictionary, Failed, func(e *Evidence) { e.Run.Trajectory = walk(1, .01, .4, .9) }},
		{"no dictionary", "turn", Dictionary, NotRun, func(e *Evidence) { e.Run.Trajectory = nil }},
		{"the change seen is not known", "turn", Dictionary, NotRun, func(e *Evidence) { e.Run.Trajectory = walk(1, .01, .8, math.NaN()) }},

		{"two standard errors", "turn", Null, Failed, func(e *Evidence) { e.Run.Report.Events[0].SE = 15 }},
		{"no standard error", "turn", Null, NotRun, func(e *Evidence) { e.Run.Report.Events[0].SE = phase.Missing() }},
		{"the adapter goes nowhere", "direction", Null, Failed, func(e *Evidence) { e.Run.Report.Noise.Dominated = true }},
		{"no angle", "direction", Null, NotRun, func(e *Evidence) { e.Run.Report.Noise.MedianDeg = phase.Missing() }},
		{"the feature jitters as much as it moves", "feature#0", Null, Failed, func(e *Evidence) { e.Run.Trajectory = walk(1, .3, .8, .9) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := evidence()
			c.spoil(e)
			for _, x := range claim(t, e, c.id).Checks {
				if x.Name == c.check {
					if x.Outcome != c.want {
						t.Errorf("%s: %s (%s), want %s", x.Name, x.Outcome, x.Why, c.want)
					}
					return
				}
			}
			t.Fatalf("no check %s", c.check)
		})
	}
}

// TestVerdict never counts what was not run.
func TestVerdict(t *testing.T) {
	e := evidence()
	e.Twin, e.HeldOut, e.Run.Behaviour = nil, nil, nil
	e.Run.Report.Events[0].SE = 15
	c := claim(t, e, "turn")
	if want := "survives 4 of 5 run; failed: noise null; 3 not run: twin, length and habit, held-out prompts"; c.Verdict != want {
		t.Errorf("found %q, expected %q", c.Verdict, want)
	}
	if c.Passed != 4 || c.Failed != 1 || c.NotRun != 3 {
		t.Errorf("found %d, %d, %d", c.Passed, c.Failed, c.NotRun)
	}
	if got := verdict(0, 8, nil, Battery); !strings.HasPrefix(got, "nothing was run; 8 not run: twin") {
		t.Errorf("found %q", got)
	}
}

// TestOverlap holds Overlap to cos² at rank 1 and its p to random spaces.
func TestOverlap(t *testing.T) {
	share, _ := Overlap(&adapter(0).Modules[0], &adapter(30).Modules[0])
	if math.Abs(share-.75) > 1e-6 {
		t.Errorf("overlap at 30° is %v, expected 0.75", share)
	}
	rng := rand.New(rand.NewPCG(2, 3))
	random := func(r int) *lora.Module {
		m := &lora.Module{R: r, Out: 300, B: make([]float32, 300*r)}
		for i := range m.B {
			m.B[i] = float32(rng.NormFloat64())
		}
		return m
	}
	for _, r := range []int{1, 4} {
		low := 0
		for range 1000 {
			if _, p := Overlap(random(r), random(r)); p <= .05 {
				low++
			}
		}
		t.Logf("rank %d: p ≤ 0.05 in %d of 1000 random pairs", r, low)
		if low < 30 || low > 70 { // 50 ± 3 standard deviations
			t.Errorf("rank %d: p ≤ 0.05 in %d of 1000 random pairs, expected about 50", r, low)
		}
	}
	if x, _ := Overlap(&adapter(0).Modules[0], random(1)); !math.IsNaN(x) {
		t.Errorf("overlap of different shapes is %v", x)
	}
}
