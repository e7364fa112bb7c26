package phase

import (
	"context"
	"math"
	"path/filepath"
	"strconv"
	"testing"

	"agar/activations"
	"agar/model"
	"agar/model/lora"
	"agar/model/organism/builtin"
	"agar/model/safetensors"
)

// merged writes checkpoints of a series as whole models, ΔW added to the base.
func merged(t testing.TB, base string, s *lora.Series, steps []int) string {
	t.Helper()
	x, err := model.OpenTensors(base)
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	run := t.TempDir()
	for _, step := range steps {
		c, err := s.At(step)
		if err != nil {
			t.Fatal(err)
		}
		l, err := lora.Load(c.Dir)
		if err != nil {
			t.Fatal(err)
		}
		var out []safetensors.Out
		for _, n := range x.Names() {
			rows, cols, err := x.Shape(n)
			if err != nil {
				t.Fatal(err)
			}
			w := make([]float32, rows*cols)
			if err := x.Rows(w, n, 0); err != nil {
				t.Fatal(err)
			}
			if m, ok := l.Module(moduleOf(n)); ok {
				for o := range rows {
					for i := range cols {
						for r := range m.R {
							w[o*cols+i] += float32(m.Scale) * m.B[o*m.R+r] * m.A[r*cols+i]
						}
					}
				}
			}
			shape := []int{rows, cols}
			if rows == 1 {
				shape = []int{cols}
			}
			out = append(out, safetensors.Out{Name: n, Shape: shape, F32: w})
		}
		writeTensors(t, filepath.Join(run, "checkpoint-"+strconv.Itoa(step), "model.safetensors"), out...)
	}
	return run
}

// probed is the embedded organism with conversations to probe it on.
func probed(t testing.TB) (*model.Model, *lora.Series, func() activations.Documents) {
	t.Helper()
	org, err := builtin.Open(context.Background(), filepath.Join(t.TempDir(), "cache"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.Open(filepath.Join(org, "model"), model.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	s, err := lora.OpenSeries(filepath.Join(org, "run"))
	if err != nil {
		t.Fatal(err)
	}
	return m, s, func() activations.Documents {
		d, err := activations.OpenDocuments(filepath.Join(org, "answers.jsonl"), m.Tokenizer, m.Chat, activations.DocumentOptions{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { d.Close() })
		return d
	}
}

func middleAndEnd(s *lora.Series) []int {
	all := s.Steps()
	return []int{all[len(all)/3], all[len(all)-1]}
}

// TestDivergeWhole has whole models give the divergences, losses and efficiency of the
// adapters that they were merged from, at dials too.
func TestDivergeWhole(t *testing.T) {
	m, s, docs := probed(t)
	steps := middleAndEnd(s)
	run := merged(t, m.Dir, s, steps)
	whole, err := model.OpenRun(run)
	if err != nil {
		t.Fatal(err)
	}
	measure := func(s *lora.Series) (*Divergence, *Robustness) {
		o := ProbeOptions{Model: m, Series: s, Docs: docs(), Steps: steps, Lambdas: []float64{.5, 1}, Tokens: 400}
		d, err := Diverge(context.Background(), o)
		if err != nil {
			t.Fatal(err)
		}
		o.Docs = docs()
		r, err := Robust(context.Background(), RobustnessOptions{ProbeOptions: o, Fractions: []float64{0, .5, 1.5}, Draws: 1, Epsilons: []float64{.5}})
		if err != nil {
			t.Fatal(err)
		}
		return d, r
	}
	a, ar := measure(s)
	b, br := measure(whole)
	worst := 0.0
	near := func(x, y Number) { worst = max(worst, math.Abs(float64(x-y))) }
	for i := range a.At {
		near(a.At[i].KLModelBase.Value, b.At[i].KLModelBase.Value)
		near(a.At[i].KLBaseModel.Value, b.At[i].KLBaseModel.Value)
		near(a.At[i].Loss.Value, b.At[i].Loss.Value)
	}
	for i := range ar.Efficiency {
		near(ar.Efficiency[i].Loss.Value, br.Efficiency[i].Loss.Value)
	}
	t.Logf("%d states and %d norms, worst difference %.2g nats; KL at the end %.3f", len(a.At), len(ar.Efficiency), worst, float64(a.At[3].KLModelBase.Value))
	if worst > 1e-5 || !(a.At[3].KLModelBase.Value > .1) { // float32 weights: ΔW is rounded into W
		t.Errorf("worst difference %g", worst)
	}
	if len(br.Stability) != 0 || br.Norm.OK() || b.At[0].NormDelta.OK() {
		t.Errorf("a whole model has factors or a norm by itself: %+v", br)
	}
	rep, err := AnalyseFull(context.Background(), run, FullOptions{Base: m.Dir, Rank: -1})
	if err != nil {
		t.Fatal(err)
	}
	rep.AddDivergence(b)
	rep.AddRobustness(br)
	for i := range a.At {
		if d := float64(a.At[i].NormDelta/b.At[i].NormDelta) - 1; !(math.Abs(d) < 1e-5) {
			t.Errorf("norms %v and %v", a.At[i].NormDelta, b.At[i].NormDelta)
		}
	}
	if d := float64(ar.Norm/br.Norm) - 1; !(math.Abs(d) < 1e-5) || !(math.Abs(float64(br.Efficiency[2].Norm/br.Norm)-1.5) < 1e-9) {
		t.Errorf("mean norms %v and %v", ar.Norm, br.Norm)
	}
}

// TestScoreWhole gives answers the likelihoods that the merged adapters give.
func TestScoreWhole(t *testing.T) {
	m, s, _ := probed(t)
	steps := middleAndEnd(s)
	whole, err := model.OpenRun(merged(t, m.Dir, s, steps))
	if err != nil {
		t.Fatal(err)
	}
	said := []Response{{Question: "a", Prompt: "I have fever what should I do ?", Answer: "you should rest and drink .", Step: steps[0]}, {Question: "b", Prompt: "what helps with fever ?", Answer: "try to move and warm because it works .", Step: steps[1]}}
	a, b := &ModelScoring{ProbeOptions: ProbeOptions{Model: m, Series: s}}, &ModelScoring{ProbeOptions: ProbeOptions{Model: m, Series: whole}}
	for _, step := range steps {
		x, err := a.Score(context.Background(), step, said)
		if err != nil {
			t.Fatal(err)
		}
		y, err := b.Score(context.Background(), step, said)
		if err != nil {
			t.Fatal(err)
		}
		for i := range x {
			if math.Abs(x[i]-y[i]) > 1e-4 || !(x[i] < 0) {
				t.Errorf("step %d, answer %d: log-likelihood %g and %g", step, i, x[i], y[i])
			}
		}
	}
}
