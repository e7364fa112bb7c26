package phase

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// turning writes a rank-1 run of 60 checkpoints that walks straight and turns by 60°
// about step at (0: never), with a little noise.
func turning(t *testing.T, at float64, seed uint64) string {
	t.Helper()
	const d = 64
	rng := rand.New(rand.NewPCG(seed, 4))
	steps := every(5, 300)
	v, x := make([]float32, len(steps)*d), make([]float64, d)
	for i, s := range steps {
		a := 0.0
		if at > 0 {
			a = math.Pi / 3 / (1 + math.Exp((at-float64(s))/5))
		}
		x[0] += math.Cos(a)
		x[1] += math.Sin(a)
		for j := range x {
			x[j] += .02 * rng.NormFloat64()
			v[i*d+j] = float32(x[j])
		}
	}
	return rankOne(t, steps, v)
}

// TestTwin labels a turn that the twin shares, one that it does not have, and one
// that the twin was not saved for.
func TestTwin(t *testing.T) {
	run := turning(t, 150, 1)
	for _, c := range []struct {
		name, twin, label string
	}{
		{"the same turn", turning(t, 155, 2), TwinShared},
		{"a turn elsewhere", turning(t, 220, 3), TwinOwn},
		{"no turn", turning(t, 0, 4), TwinOwn},
	} {
		r, twin := analyse(t, run, Options{}), analyse(t, c.twin, Options{})
		if err := r.AddTwin(twin); err != nil {
			t.Fatal(err)
		}
		e := turnsOf(r)
		if len(e) != 1 || abs(e[0].Step-150) > 5 {
			t.Fatalf("events %v", e)
		}
		t.Logf("%s: %v, the twin has %.1f ± %.1f° here, events %v", c.name, e[0], float64(e[0].Twin.Here), float64(e[0].Twin.HereSE), twin.Events)
		if e[0].Twin.Label != c.label || !e[0].Twin.Here.OK() || (e[0].Twin.Step != nil) != (c.label == TwinShared) {
			t.Errorf("%s: %+v", c.name, e[0].Twin)
		}
		if !strings.Contains(e[0].String(), c.label) || r.Twin.Modules[0].Step != 300 || len(r.Twin.Warnings) > 0 {
			t.Errorf("%s: %s, %+v", c.name, e[0], r.Twin)
		}
	}
}

// TestTwinUnknown gives no label where the twin was not observed.
func TestTwinUnknown(t *testing.T) {
	r, twin := analyse(t, turning(t, 150, 1), Options{}), analyse(t, turning(t, 0, 4), Options{})
	twin.Checkpoints = twin.Checkpoints[:20]
	p := plantedAt(200)
	p.steps = every(5, 300)
	if err := r.AddBehaviour(p.draw(1)); err != nil {
		t.Fatal(err)
	}
	if err := r.AddTwin(twin); err != nil {
		t.Fatal(err)
	}
	for _, e := range r.Events {
		if e.Twin == nil || e.Twin.Label != TwinUnknown || e.Twin.Here.OK() {
			t.Errorf("%v: %+v", e, e.Twin)
		}
	}
	if !slices.ContainsFunc(r.Twin.Warnings, func(w string) bool { return strings.Contains(w, "ends at step 100") }) {
		t.Errorf("warnings %v", r.Twin.Warnings)
	}
}

// TestTwinBehaviour puts the behaviour of both beside each other.
func TestTwinBehaviour(t *testing.T) {
	p := plantedAt(200)
	flat := plantedAt(1e9)
	for _, c := range []struct {
		name  string
		twin  planted
		label string
	}{{"the same change", p, TwinShared}, {"no change", flat, TwinOwn}} {
		r, twin := blank(p.steps), blank(p.steps)
		r.Modules, twin.Modules = []ModuleSummary{{Name: down}}, []ModuleSummary{{Name: down}}
		if err := errors.Join(r.AddBehaviour(p.draw(1)), twin.AddBehaviour(c.twin.draw(2)), r.AddTwin(twin)); err != nil {
			t.Fatal(err)
		}
		e := r.Events[0]
		t.Logf("%s: %v, the twin rises by %.2f there", c.name, e, float64(e.Twin.Here))
		if e.Twin.Label != c.label || (float64(e.Twin.Here) > 1) != (c.label == TwinShared) {
			t.Errorf("%s: %+v", c.name, e.Twin)
		}
	}
}

// TestNotTwin refuses the run itself and a run of other modules.
func TestNotTwin(t *testing.T) {
	run := turning(t, 150, 1)
	r := analyse(t, run, Options{})
	if err := r.AddTwin(analyse(t, run, Options{})); !errors.Is(err, ErrSameFile) {
		t.Errorf("the run itself: %v", err)
	}
	other := analyse(t, turning(t, 0, 2), Options{})
	other.Modules[0].Name = "model.layers.3.mlp.down_proj"
	if err := r.AddTwin(other); !errors.Is(err, ErrTwin) {
		t.Errorf("another module: %v", err)
	}
}

// TestTwinBlind: a twin whose turn angle is noise says nothing of a turn.
func TestTwinBlind(t *testing.T) {
	r, twin := analyse(t, turning(t, 150, 1), Options{}), analyse(t, turning(t, 0, 4), Options{})
	twin.Noise.Dominated = true
	if err := r.AddTwin(twin); err != nil {
		t.Fatal(err)
	}
	if e := turnsOf(r); len(e) != 1 || e[0].Twin.Label != TwinBlind {
		t.Errorf("found %v, expected one turn labelled %q", e, TwinBlind)
	}
}
