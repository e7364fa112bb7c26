package train

import (
	"bytes"
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"agar/model"
	"agar/model/lora"
)

func tiny(t testing.TB) *model.Model {
	t.Helper()
	m, err := model.Open(filepath.Join("..", "testdata", "tied"), model.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// lines are examples in which the token that follows is one more than the last.
func lines(m *model.Model, n int) []Example {
	var out []Example
	for i := range n {
		ids := []int32{int32(i % m.Spec.Vocab)}
		for len(ids) < 5+i%4 {
			ids = append(ids, (ids[len(ids)-1]+1)%int32(m.Spec.Vocab))
		}
		out = append(out, Text(ids))
	}
	return out
}

func config() Config {
	return Config{Rank: 1, Alpha: 8, Modules: []string{"down_proj"}, Layers: []int{1}, LR: 1e-2, Steps: 12, Batch: 2, Accumulate: 2, Warmup: 2, SaveEach: 3, Seed: 4}
}

func mustRun(t *testing.T, m *model.Model, data []Example, c Config, o Options) *Report {
	t.Helper()
	r, err := Run(context.Background(), m, data, c, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestWritesASeries: what a run writes is read as a series, whose last adapter
// lowers the loss.
func TestWritesASeries(t *testing.T) {
	m, out := tiny(t), filepath.Join(t.TempDir(), "run")
	c := config()
	c.SaveAt = []int{1, 2}
	var first, last float64
	r := mustRun(t, m, lines(m, 10), c, Options{Out: out, BaseModel: "org/base", AtStep: func(_ context.Context, row Row, a *model.Adapter) error {
		if a == nil {
			t.Error("no adapter")
		}
		if row.Step == 1 {
			first = row.Loss
		}
		last = row.Loss
		return nil
	}})
	if !(last < first) || r.Steps != 12 || r.Loss != last || len(r.Checkpoints) != 6 {
		t.Errorf("losses %g → %g, report %+v", first, last, r)
	}
	s, err := lora.OpenSeries(out)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Checkpoints) != 6 || s.State == nil || len(s.State.Rows) != 12 {
		t.Fatalf("series of %v", s.Steps())
	}
	one, err := s.Load(0)
	if err != nil {
		t.Fatal(err)
	}
	if c := one.Config; !one.Zero() || c.BaseModel != "org/base" || len(one.Modules) != 1 || one.Modules[0].Name != "model.layers.1.mlp.down_proj" {
		t.Errorf("the checkpoint of step 1, taken at a rate of 0, is %+v", one.Config)
	}
	end, err := s.Load(5)
	if err != nil {
		t.Fatal(err)
	}
	if end.Zero() || end.Modules[0].Scale != 8 {
		t.Errorf("last adapter: zero %t, s %g", end.Zero(), end.Modules[0].Scale)
	}
}

// interrupted runs until AtStep fails at a step.
func interrupted(t *testing.T, m *model.Model, data []Example, c Config, out string, at int) {
	t.Helper()
	cut := errors.New("cut")
	_, err := Run(context.Background(), m, data, c, Options{Out: out, AtStep: func(_ context.Context, row Row, _ *model.Adapter) error {
		if row.Step == at {
			return cut
		}
		return nil
	}})
	if !errors.Is(err, cut) {
		t.Fatal(err)
	}
}

func TestResumedIsIdentical(t *testing.T) {
	data := lines(tiny(t), 10)
	for _, method := range []Method{LoRA, Full, Steering} {
		c := config()
		if c.Method = method; method == Steering {
			c = steering()
		}
		want, out := filepath.Join(t.TempDir(), "want"), filepath.Join(t.TempDir(), "out")
		mustRun(t, tiny(t), data, c, Options{Out: want})
		interrupted(t, tiny(t), data, c, out, 7)
		if r := mustRun(t, tiny(t), data, c, Options{Out: out, Resume: true}); r.ResumedAfter != 6 || r.Steps != 12 || len(r.Checkpoints) != 4 {
			t.Errorf("%s: resumed %+v", method, r)
		}
		sameTree(t, want, out)
		if r := mustRun(t, tiny(t), data, c, Options{Out: out, Resume: true}); r.ResumedAfter != 12 {
			t.Errorf("%s: a finished run went on: %+v", method, r)
		}
		sameTree(t, want, out)
		c.LR *= 2
		if _, err := Run(context.Background(), tiny(t), data, c, Options{Out: out, Resume: true}); err == nil {
			t.Errorf("%s: another configuration resumed", method)
		}
		c.LR /= 2
		other := append([]Example{}, data...)
		other[3], other[4] = other[4], other[3]
		if _, err := Run(context.Background(), tiny(t), other, c, Options{Out: out, Resume: true}); err == nil || !strings.Contains(err.Error(), "SHA-256") {
			t.Errorf("%s: other data resumed: %v", method, err)
		}
	}
}

func sameTree(t *testing.T, want, got string) {
	t.Helper()
	n := 0
	err := filepath.Walk(want, func(p string, st os.FileInfo, err error) error {
		if err != nil || st.IsDir() {
			return err
		}
		n++
		rel, _ := filepath.Rel(want, p)
		a, _ := os.ReadFile(p)
		b, err := os.ReadFile(filepath.Join(got, rel))
		if err != nil || !bytes.Equal(a, b) {
			t.Errorf("%s differs: %v", rel, err)
		}
		return nil
	})
	if err != nil || n < 8 {
		t.Errorf("%d files compared: %v", n, err)
	}
}

// TestKeptPrefixChangesNothing: what enters the trained block is the same bits,
// kept or computed again.
func TestKeptPrefixChangesNothing(t *testing.T) {
	data := lines(tiny(t), 6)
	a, b := filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b")
	mustRun(t, tiny(t), data, config(), Options{Out: a})
	mustRun(t, tiny(t), data, config(), Options{Out: b, KeepPrefix: -1})
	sameTree(t, a, b)
}

// TestBatchesMakeOneStep: with the mean over tokens, how a step is cut into batches
// changes its gradient by rounding only; the mean of means is another loss.
func TestBatchesMakeOneStep(t *testing.T) {
	norm := func(batch, accumulate int, average string) float64 {
		c := config()
		c.Batch, c.Accumulate, c.LossAverage, c.Steps, c.Warmup = batch, accumulate, average, 1, 0
		var got Row
		m := tiny(t)
		mustRun(t, m, lines(m, 8), c, Options{AtStep: func(_ context.Context, row Row, _ *model.Adapter) error { got = row; return nil }})
		return got.GradNorm
	}
	whole, cut, micro := norm(4, 1, "tokens"), norm(1, 4, "tokens"), norm(1, 4, "micro")
	if math.Abs(cut/whole-1) > 1e-5 {
		t.Errorf("gradient norm %g in one batch, %g in four", whole, cut)
	}
	if math.Abs(micro/whole-1) < 1e-4 {
		t.Errorf("the mean of means has the gradient norm %g too", micro)
	}
}

// TestRegularised: with a heavy weight on the KL to the base, training moves less.
func TestRegularised(t *testing.T) {
	m := tiny(t)
	size := func(weight float64) (norm float64, kl *float64) {
		c := config()
		c.KLWeight = weight
		mustRun(t, m, lines(m, 10), c, Options{KLData: lines(m, 10), AtStep: func(_ context.Context, row Row, a *model.Adapter) error {
			norm, kl = a.LoRA().Modules[0].NormDelta(), row.KL
			return nil
		}})
		return norm, kl
	}
	free, none := size(0)
	held, kl := size(50)
	if none != nil || kl == nil || *kl < 0 || !(held < free) {
		t.Errorf("‖ΔW‖ %g without and %g with regularisation, KL %v", free, held, kl)
	}
}

func TestConfigRefused(t *testing.T) {
	m := tiny(t)
	for name, edit := range map[string]func(c *Config){
		"rank": func(c *Config) { c.Rank = 0 }, "alpha": func(c *Config) { c.Alpha = 0 }, "lr": func(c *Config) { c.LR = 0 },
		"layers": func(c *Config) { c.Layers = []int{99} }, "modules": func(c *Config) { c.Modules = []string{"qproj"} },
		"schedule": func(c *Config) { c.Schedule = "step" }, "method": func(c *Config) { c.Method = "dora" }, "kl_weight": func(c *Config) { c.KLWeight = 1 },
	} {
		c := config()
		edit(&c)
		if _, err := Run(context.Background(), m, lines(m, 4), c, Options{}); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Run(context.Background(), m, []Example{{IDs: []int32{1, 2}}}, config(), Options{}); err == nil {
		t.Error("data without targets: no error")
	}
	c := config()
	c.LR, c.MaxGradNorm, c.Warmup = 1e30, -1, 0
	if _, err := Run(context.Background(), m, lines(m, 4), c, Options{}); !errors.Is(err, ErrDiverged) {
		t.Errorf("an absurd rate: %v", err)
	}
}

// TestRates are those of transformers' schedules with 10 steps, 2 of them warm-up.
func TestRates(t *testing.T) {
	for schedule, want := range map[string][]float64{
		"linear":   {0, 0.5, 1, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125},
		"cosine":   {0, 0.5, 1, 0.961940, 0.853553, 0.691342, 0.5, 0.308658, 0.146447, 0.038060},
		"constant": {0, 0.5, 1, 1, 1, 1, 1, 1, 1, 1},
	} {
		c := Config{LR: 1, Warmup: 2, Schedule: schedule}
		for i, w := range want {
			if got := c.rate(i+1, 10); math.Abs(got-w) > 1e-6 {
				t.Errorf("%s, step %d: %g, expected %g", schedule, i+1, got, w)
			}
		}
	}
}

func TestResponses(t *testing.T) {
	e := Responses([]int32{1, 2, 3, 4, 5, 6}, []uint8{5, 2, 3, 3, 5, 5})
	if len(e.Targets) != 3 || e.Targets[0] != 1 || e.Targets[2] != 3 {
		t.Errorf("targets %v, expected the positions before the response's tokens and the one that ends it", e.Targets)
	}
	if c := e.cut(3); len(c.IDs) != 3 || len(c.Targets) != 1 {
		t.Errorf("cut to %+v", c)
	}
}
