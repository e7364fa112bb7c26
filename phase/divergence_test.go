package phase

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"agar/model"
	"agar/model/chat"
	"agar/model/lora"
)

func diverge(t testing.TB, o ProbeOptions) *Divergence {
	t.Helper()
	d, err := Diverge(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestDiverge holds both directions and the loss to whole forwards whose logits are
// turned into probabilities in float64.
func TestDiverge(t *testing.T) {
	m := tiny(t)
	series := downSeries(t, block1, 2, m.Spec.DMLP, m.Spec.DModel, 1, 3, 6)
	docs := conversations(5, 14)
	d := diverge(t, ProbeOptions{Model: m, Series: series, Docs: docs, Lambdas: []float64{0, 1, 3}})
	if len(d.At) != 9 || d.Documents != 5 || d.Lambda != 1 {
		t.Fatalf("%d states of %d documents", len(d.At), d.Documents)
	}
	worst := 0.0
	for i, at := range d.At {
		l, err := series.Load(i / 3)
		if err != nil {
			t.Fatal(err)
		}
		a, err := m.Attach(l, model.AttachOptions{AllowZero: true})
		if err != nil {
			t.Fatal(err)
		}
		var mb, bm, loss float64
		n := 0
		for _, doc := range docs.docs {
			p, q := probabilities(t, m, doc.IDs, a, at.Lambda), probabilities(t, m, doc.IDs, nil, 0)
			for j := 0; j+1 < len(doc.IDs); j++ {
				if doc.Roles[j+1] != chat.RoleAssistant {
					continue
				}
				for v := range p[j] {
					mb += p[j][v] * math.Log(p[j][v]/q[j][v])
					bm += q[j][v] * math.Log(q[j][v]/p[j][v])
				}
				loss -= math.Log(p[j][doc.IDs[j+1]])
				n++
			}
		}
		if n != d.Tokens {
			t.Fatalf("%d tokens, expected %d", d.Tokens, n)
		}
		for _, x := range []struct {
			got  Number
			want float64
		}{{at.KLModelBase.Value, mb}, {at.KLBaseModel.Value, bm}, {at.Loss.Value, loss}} {
			worst = max(worst, math.Abs(float64(x.got)-x.want/float64(n)))
		}
		if same := at.Step == 1 || at.Lambda == 0; same != (at.KLModelBase.Value == 0) || same != (at.Loss.Value == d.BaseLoss.Value) {
			t.Errorf("step %d, λ = %g: KL %v, loss %v, base %v", at.Step, at.Lambda, at.KLModelBase.Value, at.Loss.Value, d.BaseLoss.Value)
		}
		if at.Step > 1 && at.Lambda > 0 && !(at.KLBaseModel.Lo < at.KLBaseModel.Value && at.KLBaseModel.Value < at.KLBaseModel.Hi) {
			t.Errorf("step %d, λ = %g: interval %+v", at.Step, at.Lambda, at.KLBaseModel)
		}
	}
	last := d.At[8]
	t.Logf("worst error %.2g nats; at the last checkpoint, λ = 3, KL(model‖base) %.4f, KL(base‖model) %.4f", worst, float64(last.KLModelBase.Value), float64(last.KLBaseModel.Value))
	if !(worst < 1e-5) { // float32 logits
		t.Errorf("worst error %g nats", worst)
	}
	if last.KLModelBase.Value == last.KLBaseModel.Value {
		t.Error("both directions are equal")
	}
}

// probabilities are the next-token distributions at every position.
func probabilities(t testing.TB, m *model.Model, ids []int32, a *model.Adapter, lambda float64) (out [][]float64) {
	t.Helper()
	r, err := m.Forward(context.Background(), &model.Request{Seqs: [][]int32{ids}, Adapter: a, Lambda: float32(lambda), Logits: model.AllLogits})
	if err != nil {
		t.Fatal(err)
	}
	v := m.Spec.Vocab
	for i := range ids {
		p, sum := make([]float64, v), 0.0
		for j, x := range r.Logits[i*v : (i+1)*v] {
			p[j] = math.Exp(float64(x))
			sum += p[j]
		}
		for j := range p {
			p[j] /= sum
		}
		out = append(out, p)
	}
	return out
}

// TestDivergeSmall has both directions agree to second order: as λ → 0 their ratio
// tends to 1 and they fall as λ².
func TestDivergeSmall(t *testing.T) {
	m := tiny(t)
	series := downSeries(t, block1, 1, m.Spec.DMLP, m.Spec.DModel, 4)
	d := diverge(t, ProbeOptions{Model: m, Series: series, Docs: conversations(6, 20), On: OnText, Lambdas: []float64{.02, .04}})
	a, b := d.At[0], d.At[1]
	ratio, growth := float64(a.KLModelBase.Value/a.KLBaseModel.Value), float64(b.KLModelBase.Value/a.KLModelBase.Value)
	t.Logf("KL(model‖base)/KL(base‖model) = %.4f at λ = 0.02; doubling λ makes it %.3f times as large", ratio, growth)
	if math.Abs(ratio-1) > .1 || math.Abs(growth-4) > .4 {
		t.Errorf("ratio %g, growth %g", ratio, growth)
	}
}

// TestDivergenceInReport puts the curve into the report and its Arrow file.
func TestDivergenceInReport(t *testing.T) {
	m := tiny(t)
	series := downSeries(t, block1, 1, m.Spec.DMLP, m.Spec.DModel, 1, 3, 5)
	r, err := Analyse(context.Background(), series, Options{NoHashes: true})
	if err != nil {
		t.Fatal(err)
	}
	d := diverge(t, ProbeOptions{Model: m, Series: series, Docs: conversations(3, 10), Steps: []int{3, 5}})
	r.AddDivergence(d)
	path := filepath.Join(t.TempDir(), "phase.arrow")
	if err := r.Write(path); err != nil {
		t.Fatal(err)
	}
	back, err := ReadReport(path)
	if err != nil {
		t.Fatal(err)
	}
	if toJSON(t, r) != toJSON(t, back) || back.Checkpoints[0].KLModelBase.OK() || back.Checkpoints[2].KLBaseModel != d.At[1].KLBaseModel.Value {
		t.Errorf("read back %+v", back.Checkpoints)
	}
}

// TestTurned has x' of the same length, at cos = √(1−ε²) to x.
func TestTurned(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	x := random(rng, 300)
	for _, e := range []float64{0, .1, .6, 1} {
		y := turned(x, e, rng)
		cos := lora.Dot(x, y) / math.Sqrt(lora.Dot(x, x)*lora.Dot(y, y))
		if math.Abs(lora.Dot(y, y)/lora.Dot(x, x)-1) > 1e-5 || math.Abs(cos-math.Sqrt(1-e*e)) > 1e-5 {
			t.Errorf("ε = %g: ‖x'‖²/‖x‖² = %g, cos = %g", e, lora.Dot(y, y)/lora.Dot(x, x), cos)
		}
	}
	if y := turned([]float32{3}, .5, rng); y[0] != 3 {
		t.Errorf("one number alone: %v", y)
	}
}

// TestRobust has the loss of the base at fraction 0, that of the checkpoint at 1, no
// change at ε = 0, the norm with the scale in it, and the same draws again.
func TestRobust(t *testing.T) {
	m := tiny(t)
	series := downSeries(t, block1, 2, m.Spec.DMLP, m.Spec.DModel, 1, 3, 9)
	run := func() *Robustness {
		r, err := Robust(context.Background(), RobustnessOptions{
			ProbeOptions: ProbeOptions{Model: m, Series: series, Docs: conversations(6, 14)}, Fractions: []float64{0, 1, 2}, Epsilons: []float64{0, .5, 1}, Draws: 4,
		})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	r := run()
	if r.Step != 9 || r.Efficiency[0].Loss.Value != r.BaseLoss.Value || r.Efficiency[1].Loss.Value != r.Loss.Value || r.Efficiency[2].Norm != 2*r.Norm {
		t.Errorf("efficiency %+v, loss %v, base %v", r.Efficiency, r.Loss, r.BaseLoss)
	}
	if math.Abs(float64(r.Norm/r.NormWithoutScale)-2) > 1e-6 { // α 4, rank 2
		t.Errorf("norm %v with and %v without the scale 2", r.Norm, r.NormWithoutScale)
	}
	for _, c := range r.Stability {
		t.Logf("%s: Δloss %.4f at ε = 0.5 and %.4f at 1", c.Of, float64(c.At[1].DeltaLoss.Value), float64(c.At[2].DeltaLoss.Value))
		if math.Abs(float64(c.At[0].DeltaLoss.Value)) > 1e-6 || c.At[2].DeltaLoss.Value == 0 || !c.At[1].DeltaLoss.Lo.OK() {
			t.Errorf("%s: %+v", c.Of, c.At)
		}
	}
	if toJSON(t, r) != toJSON(t, run()) {
		t.Error("a second run differs")
	}
}

// TestProbeRefuses names what is wrong.
func TestProbeRefuses(t *testing.T) {
	m := tiny(t)
	series := downSeries(t, block1, 1, m.Spec.DMLP, m.Spec.DModel, 3)
	ctx := context.Background()
	for name, o := range map[string]ProbeOptions{
		"expected a model":           {},
		`found "own"`:                {Model: m, Series: series, Docs: conversations(1, 8), On: OnOwn},
		"found λ = NaN":              {Model: m, Series: series, Docs: conversations(1, 8), Lambdas: []float64{math.NaN()}},
		"found no token that counts": {Model: m, Series: series, Docs: &fixed{}},
		"nearest are":                {Model: m, Series: series, Docs: conversations(1, 8), Steps: []int{4}},
	} {
		if _, err := Diverge(ctx, o); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("expected %q, found %v", name, err)
		}
	}
	stopped, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := Diverge(stopped, ProbeOptions{Model: m, Series: series, Docs: conversations(2, 8)}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
