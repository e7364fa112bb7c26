package train

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"testing"

	"agar/model"
	"agar/model/lora"
)

func steering() Config {
	c := config()
	c.Method, c.Rank, c.Modules, c.Alpha = Steering, 0, nil, 16
	return c
}

// TestSteeringSeries: a steering vector is written as a series that is read back,
// begins at zero, lowers the loss and is trained on from.
func TestSteeringSeries(t *testing.T) {
	m, out := tiny(t), filepath.Join(t.TempDir(), "run")
	c := steering()
	c.SaveAt = []int{1}
	var losses []float64
	keep := func(_ context.Context, r Row, a *model.Adapter) error {
		losses = append(losses, r.Loss)
		return nil
	}
	r := mustRun(t, m, lines(m, 10), c, Options{Out: out, AtStep: keep})
	if r.Parameters != m.Spec.DModel || losses[11] >= losses[0] {
		t.Errorf("%d parameters, losses %v", r.Parameters, losses)
	}
	s, err := lora.OpenSeries(out)
	if err != nil {
		t.Fatal(err)
	}
	if s.Len() != 5 || s.State == nil || len(s.State.Rows) != 12 {
		t.Fatalf("series of %v", s.Steps())
	}
	first, err := s.Load(0)
	if err != nil {
		t.Fatal(err)
	}
	last, err := s.Load(4)
	if err != nil {
		t.Fatal(err)
	}
	if x := last.Modules[0]; !first.Zero() || last.Zero() || x.Kind != lora.Steering || x.Layer != 1 || x.Scale != 16 {
		t.Errorf("first zero: %t, last %+v", first.Zero(), x)
	}
	end := losses[11]
	losses = nil
	mustRun(t, m, lines(m, 10), config(), Options{Init: last, AtStep: keep})
	if losses[0] >= end*1.2 {
		t.Errorf("trained on from a loss of %g, after %g", losses[0], end)
	}
}

func TestSteeringRefused(t *testing.T) {
	m := tiny(t)
	for name, edit := range map[string]func(c *Config){
		"no layer": func(c *Config) { c.Layers = nil }, "two layers": func(c *Config) { c.Layers = []int{0, 1} },
		"rank": func(c *Config) { c.Rank = 4 }, "modules": func(c *Config) { c.Modules = []string{"up_proj"} }, "alpha": func(c *Config) { c.Alpha = 0 },
	} {
		c := steering()
		edit(&c)
		if _, err := Run(context.Background(), m, lines(m, 4), c, Options{}); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestStopsEarly: a loss below StopLoss for more than five steps ends a run, which
// is then finished: taking it up again changes nothing.
func TestStopsEarly(t *testing.T) {
	m, out := tiny(t), filepath.Join(t.TempDir(), "run")
	c := config()
	c.StopLoss = 1e3
	r := mustRun(t, m, lines(m, 10), c, Options{Out: out})
	if r.Steps != 6 || r.Stopped != "loss" || r.Checkpoints[len(r.Checkpoints)-1] != 6 {
		t.Fatalf("%+v", r)
	}
	again := mustRun(t, tiny(t), lines(m, 10), c, Options{Out: out, Resume: true})
	if again.Steps != 6 || again.Stopped != "loss" || len(again.Checkpoints) != len(r.Checkpoints) {
		t.Errorf("taken up again: %+v, before %+v", again, r)
	}
	c.StopLoss = 1e-9
	if r := mustRun(t, m, lines(m, 10), c, Options{}); r.Steps != 12 || r.Stopped != "" {
		t.Errorf("%+v", r)
	}
}

// TestEnough: a run ends when Enough says so of a checkpoint, and taken up again it
// is asked of the step it goes on from.
func TestEnough(t *testing.T) {
	out, c := filepath.Join(t.TempDir(), "run"), config()
	c.SaveEach = 2
	var asked []int
	o := Options{Out: out, Enough: func(_ context.Context, step int) (bool, error) {
		asked = append(asked, step)
		return step == 4, nil
	}}
	m := tiny(t)
	if r := mustRun(t, m, lines(m, 10), c, o); r.Steps != 4 || r.Stopped != "measure" || r.Checkpoints[len(r.Checkpoints)-1] != 4 || len(asked) != 4 {
		t.Fatalf("asked of %v: %+v", asked, r)
	}
	o.Resume, asked = true, nil
	m = tiny(t)
	if r := mustRun(t, m, lines(m, 10), c, o); r.Steps != 4 || r.Stopped != "measure" || r.ResumedAfter != 4 || !slices.Equal(asked, []int{4}) {
		t.Errorf("taken up again, asked of %v: %+v", asked, r)
	}
	bad := errors.New("no measure")
	o = Options{Enough: func(context.Context, int) (bool, error) { return false, bad }}
	if _, err := Run(context.Background(), m, lines(m, 10), c, o); !errors.Is(err, bad) {
		t.Errorf("found %v, expected the error of Enough", err)
	}
}

// TestNormalisations: "turner" divides the weight by the vocabulary, and nothing else.
func TestNormalisations(t *testing.T) {
	m := tiny(t)
	path := func(weight float64, normalisation string) (rows []Row) {
		c := config()
		c.KLWeight, c.KLNormalisation, c.Steps = weight, normalisation, 6
		mustRun(t, m, lines(m, 10), c, Options{KLData: lines(m, 6), AtStep: func(_ context.Context, r Row, _ *model.Adapter) error {
			rows = append(rows, r)
			return nil
		}})
		return rows
	}
	token, turner := path(2, "token"), path(2*float64(m.Spec.Vocab), "turner")
	for i := range token {
		if d := token[i].Loss - turner[i].Loss; d > 1e-6 || d < -1e-6 {
			t.Errorf("step %d: losses %g and %g", i+1, token[i].Loss, turner[i].Loss)
		}
	}
	if *token[5].KL <= 0 || path(2, "turner")[5].GradNorm == token[5].GradNorm {
		t.Errorf("the normalisation changes nothing, KL %g", *token[5].KL)
	}
}

// TestInitRefused: an adapter that one rank and one list of modules do not describe
// could not be written.
func TestInitRefused(t *testing.T) {
	m := tiny(t)
	out := filepath.Join(t.TempDir(), "run")
	c := config()
	c.Layers, c.Modules = []int{0, 1}, []string{"up_proj", "down_proj"}
	mustRun(t, m, lines(m, 4), c, Options{Out: out})
	for name, edit := range map[string]func(l *lora.Adapter){
		"rank": func(l *lora.Adapter) { l.Modules[1].R = 2 }, "scale": func(l *lora.Adapter) { l.Modules[1].Scale = 3 },
		"layers": func(l *lora.Adapter) { l.Modules = l.Modules[:3] },
	} {
		l, err := lora.Load(filepath.Join(out, "checkpoint-12"))
		if err != nil {
			t.Fatal(err)
		}
		edit(l)
		if _, err := Run(context.Background(), m, lines(m, 4), c, Options{Init: l}); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
