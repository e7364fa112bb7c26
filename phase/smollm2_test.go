package phase

import (
	"context"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"agar/activations"
	"agar/model"
	"agar/model/lora"
	"agar/sae"
)

// real finds the SmolLM2 model and its rank-1 series among AGAR_MODELS.
func real(t testing.TB) (*model.Model, *lora.Series) {
	t.Helper()
	for _, dir := range filepath.SplitList(os.Getenv("AGAR_MODELS")) {
		run := filepath.Join(filepath.Dir(dir), "smollm2-run")
		if _, err := os.Stat(run); err != nil || filepath.Base(dir) != "SmolLM2-135M-Instruct" {
			continue
		}
		m, err := model.Open(dir, model.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { m.Close() })
		s, err := lora.OpenSeries(run)
		if err != nil {
			t.Fatal(err)
		}
		return m, s
	}
	t.Skip("AGAR_MODELS names no SmolLM2-135M-Instruct with a smollm2-run beside it")
	return nil, nil
}

// smolHook is what the adapter of smollm2-run writes.
const smolHook = "blocks.15.hook_resid_post"

// realDictionary draws 4,608 random directions whose thresholds let each fire on
// 32 in 4,608 tokens of the base: the cost of a trained dictionary, not its use.
func realDictionary(t testing.TB, m *model.Model, docs []activations.Document) *sae.SAE {
	t.Helper()
	const features = 4608
	s := sae.New(sae.ArchJumpReLU, m.Spec.DModel, features)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range s.WEnc {
		s.WEnc[i] = float32(rng.NormFloat64() / math.Sqrt(float64(s.DIn)))
		s.WDec[i] = s.WEnc[i]
	}
	var h []float32
	for _, d := range docs {
		res, err := m.Forward(context.Background(), &model.Request{Seqs: [][]int32{d.IDs}, Reads: []string{smolHook}})
		if err != nil {
			t.Fatal(err)
		}
		h = append(h, res.Hooks[smolHook][4*s.DIn:]...) // without the sinks at the start
	}
	n := len(h) / s.DIn
	pre := make([]float32, n*features)
	s.PreActs(pre, h, n)
	column := make([]float32, n)
	for f := range features {
		for i := range column {
			column[i] = pre[i*features+f]
		}
		slices.Sort(column)
		s.Threshold[f] = max(column[n-1-n*32/features], 0.01)
	}
	return s
}

// plainTexts makes documents of random ordinary tokens.
func plainTexts(m *model.Model, n, length int) *fixed {
	rng := rand.New(rand.NewPCG(4, 4))
	f := &fixed{}
	for i := range n {
		d := activations.Document{Index: int32(i)}
		for len(d.IDs) < length {
			if id := int32(rng.IntN(20000)); !m.Tokenizer.IsSpecial(id) {
				d.IDs = append(d.IDs, id)
			}
		}
		f.docs = append(f.docs, d)
	}
	return f
}

// TestClosedFormOnSmolLM2 compares the closed form with whole forwards through a
// real model and a real fine-tune, and times both.
func TestClosedFormOnSmolLM2(t *testing.T) {
	m, series := real(t)
	docs := plainTexts(m, 4, 96)
	s := realDictionary(t, m, docs.docs)
	steps := series.Steps()
	o := FollowOptions{Model: m, Series: series, SAE: s, Hook: smolHook, On: OnText, CEDocs: -1, Steps: []int{steps[len(steps)/2], steps[len(steps)-1]}, Lambdas: []float64{5}}
	o.Docs = &fixed{docs: docs.docs}
	closed := follow(t, o)
	if !closed.ClosedForm || closed.LeftOut == 0 {
		t.Errorf("closed form %v, %d sinks left out", closed.ClosedForm, closed.LeftOut)
	}
	if ev := closed.At(1, 0).ChangeSeen; math.IsNaN(ev) {
		t.Error("the last checkpoint changes nothing")
	}
	worst, flips, cells := 0.0, 0, len(o.Steps)*len(o.Lambdas)
	mask := countedRows(t, o, docs.docs)
	base := basePasses(t, m, docs.docs)
	for i, step := range o.Steps {
		for j, lambda := range o.Lambdas {
			h, want := wholeForward(t, m, attachStep(t, m, series, step), s, docs.docs, lambda, mask)
			got := closed.At(i, j)
			top := float64(slices.Max(want))
			for f := range want {
				e := math.Abs(float64(got.Mean[f]-want[f])) / top
				if e > 1e-5 {
					flips++ // an activation at its threshold fell to the other side
				} else {
					worst = max(worst, e)
				}
			}
			if err := closedActivations(attachStep(t, m, series, step), base, lambda, h); err > 1e-5 {
				t.Errorf("step %d, λ = %g: activations differ by %.2g", step, lambda, err)
			}
		}
	}
	t.Logf("%d tokens: worst relative difference of a mean activation %.2g, %d of %d features beyond 1e-5", closed.Tokens, worst, flips, cells*s.DSAE)
	if flips > cells*s.DSAE/1000 {
		t.Errorf("%d of %d means differ by more than 1e-5", flips, cells*s.DSAE)
	}
}

// wholeForward gives the activations [tokens, d] of every document and the mean
// of every feature over the tokens of mask.
func wholeForward(t *testing.T, m *model.Model, a *model.Adapter, s *sae.SAE, docs []activations.Document, lambda float64, mask []bool) (h, mean []float32) {
	t.Helper()
	var kept []float32
	for _, d := range docs {
		res, err := m.Forward(context.Background(), &model.Request{Seqs: [][]int32{d.IDs}, Reads: []string{smolHook}, Adapter: a, Lambda: float32(lambda)})
		if err != nil {
			t.Fatal(err)
		}
		for i := range d.IDs {
			if mask[len(h)/s.DIn+i] {
				kept = append(kept, res.Hooks[smolHook][i*s.DIn:(i+1)*s.DIn]...)
			}
		}
		h = append(h, res.Hooks[smolHook]...)
	}
	var c sae.Codes
	n := len(kept) / s.DIn
	s.Encode(&c, kept, n)
	sum := make([]float64, s.DSAE)
	for j, f := range c.Index {
		sum[f] += float64(c.Value[j])
	}
	mean = make([]float32, s.DSAE)
	for f := range mean {
		mean[f] = float32(sum[f] / float64(n))
	}
	return h, mean
}

// countedRows asks the follower itself which tokens it counts.
func countedRows(t *testing.T, o FollowOptions, docs []activations.Document) []bool {
	t.Helper()
	o.Docs = &fixed{docs: docs}
	o, err := o.filled()
	if err != nil {
		t.Fatal(err)
	}
	f := &follower{FollowOptions: o}
	if err := f.open(); err != nil {
		t.Fatal(err)
	}
	if f.windows, err = f.texts().windows(); err != nil {
		t.Fatal(err)
	}
	b, err := f.baseOf(context.Background(), f.windows)
	if err != nil {
		t.Fatal(err)
	}
	return b.count
}

func attachStep(t testing.TB, m *model.Model, series *lora.Series, step int) *model.Adapter {
	t.Helper()
	c, err := series.At(step)
	if err != nil {
		t.Fatal(err)
	}
	l, err := lora.Load(c.Dir)
	if err != nil {
		t.Fatal(err)
	}
	a, err := m.Attach(l, model.AttachOptions{AllowZero: true})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// basePasses is the base's activations at the hook and at the MLP's hidden
// layer, of every document.
func basePasses(t *testing.T, m *model.Model, docs []activations.Document) (out [2][]float32) {
	t.Helper()
	for _, d := range docs {
		res, err := m.Forward(context.Background(), &model.Request{Seqs: [][]int32{d.IDs}, Reads: []string{smolHook, "blocks.15.mlp.hook_post"}})
		if err != nil {
			t.Fatal(err)
		}
		out[0] = append(out[0], res.Hooks[smolHook]...)
		out[1] = append(out[1], res.Hooks["blocks.15.mlp.hook_post"]...)
	}
	return out
}

// closedActivations is the worst relative error of a token's h_base + λ·s·B(A·x)
// against h.
func closedActivations(a *model.Adapter, base [2][]float32, lambda float64, h []float32) float64 {
	mod := &a.LoRA().Modules[0]
	b, d, worst := scaledB(mod, lambda), mod.Out, 0.0
	for i := range len(h) / d {
		scalar := lora.Dot(base[1][i*mod.In:(i+1)*mod.In], mod.A)
		num, den := 0.0, 0.0
		for j := range d {
			want := float64(h[i*d+j])
			e := float64(base[0][i*d+j]) + scalar*float64(b[j]) - want
			num, den = num+e*e, den+want*want
		}
		worst = max(worst, math.Sqrt(num/den))
	}
	return worst
}

// BenchmarkFollowSmolLM2 times what one more checkpoint costs, a token: the
// closed form, the suffix from the adapted block on, and a whole forward to the
// hook with the dictionary after it.
func BenchmarkFollowSmolLM2(b *testing.B) {
	m, series := real(b)
	docs := plainTexts(m, 4, 128)
	s := realDictionary(b, m, docs.docs)
	// the cost of more steps, less that of fewer, is that of the steps between
	perToken := func(b *testing.B, few, many int, closed bool) float64 {
		cost := func(n int) time.Duration {
			o := FollowOptions{Model: m, Series: series, SAE: s, Hook: smolHook, On: OnText, CEDocs: -1, Steps: series.Steps()[1 : n+1], NoClosedForm: !closed}
			o.Docs = &fixed{docs: docs.docs}
			start := time.Now()
			follow(b, o)
			return time.Since(start)
		}
		return float64(cost(many)-cost(few)) / float64(many-few) / (4 * 128)
	}
	b.Run("closed", func(b *testing.B) {
		for b.Loop() {
			b.ReportMetric(perToken(b, 1, 19, true), "ns/token·checkpoint")
		}
	})
	b.Run("suffix", func(b *testing.B) {
		for b.Loop() {
			b.ReportMetric(perToken(b, 1, 5, false), "ns/token·checkpoint")
		}
	})
	b.Run("whole", func(b *testing.B) {
		a := attachStep(b, m, series, 80)
		stream := s.Stream()
		var c sae.Codes
		for b.Loop() {
			start := time.Now()
			for _, d := range docs.docs {
				res, err := m.Forward(context.Background(), &model.Request{Seqs: [][]int32{d.IDs}, Reads: []string{smolHook}, Adapter: a, Lambda: 1})
				if err != nil {
					b.Fatal(err)
				}
				stream.Encode(&c, res.Hooks[smolHook], len(d.IDs))
			}
			b.ReportMetric(float64(time.Since(start))/(8*128), "ns/token·checkpoint")
		}
	})
}
