package model

import (
	"context"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"agar/model/lora"
	"agar/model/tensor"
)

// TestGradientsOnAMX takes the gradients of rank-1 adapters on down_proj of blocks of a
// real model on the paths with AMX and without it: the loss and each gradient agree to
// what sums in float32 in another order differ by, and are not the same bits, so that
// AMX ran. Without it, gradients are torch's to 3e-6 (TestGradientsOfFamilies). Gradients
// of random tokens are ill-conditioned far down: at block 0 the portable path, whose
// products are rounded but summed in the same order, already differs by 1e-4.
func TestGradientsOnAMX(t *testing.T) {
	models := filepath.SplitList(os.Getenv("AGAR_MODELS"))
	if len(models) == 0 {
		t.Skip("AGAR_MODELS is not set")
	}
	if !slices.Contains(tensor.Kernels(), "amx") {
		t.Skip("this machine has no AMX")
	}
	m := open(t, models[0])
	r := rand.New(rand.NewPCG(4, 4))
	q := BackwardRequest{Request: Request{Lambda: 1}, LoRA: true}
	var next []int32
	for s := range 2 {
		ids := make([]int32, 48)
		for i := range ids {
			ids[i] = int32(r.IntN(m.Spec.Vocab))
			if i > 0 {
				q.Targets, next = append(q.Targets, s*len(ids)+i-1), append(next, ids[i])
			}
		}
		q.Seqs = append(q.Seqs, ids)
	}
	q.Loss = func(logits []float32, at int) (float64, error) {
		return CrossEntropyGradient(logits, m.Spec.Vocab, next[at:at+len(logits)/m.Spec.Vocab], 1/float32(len(next))), nil
	}
	for l, tol := range map[int]float64{0: 2e-3, 2 * m.Spec.Layers / 3: 2e-5} {
		q.Adapter = rankOne(t, m, l, r)
		on := func(kernel string) *Gradient {
			restore, err := tensor.WithKernel(kernel)
			if err != nil {
				t.Fatal(err)
			}
			defer restore()
			g, err := m.Backward(context.Background(), &q)
			if err != nil {
				t.Fatal(err)
			}
			return g
		}
		amx, f32 := on("amx"), on("avx512")
		loss := math.Abs(amx.Loss/f32.Loss - 1)
		a, b := distance(amx.LoRA[0].A, f32.LoRA[0].A), distance(amx.LoRA[0].B, f32.LoRA[0].B)
		t.Logf("block %d: relative differences: loss %.1e, gradients of A %.1e, of B %.1e", l, loss, a, b)
		if loss > 1e-6 || a > tol || b > tol || a == 0 || b == 0 {
			t.Errorf("block %d: loss %.1e, A %.1e, B %.1e apart, expected little and more than nothing", l, loss, a, b)
		}
	}
}

// rankOne attaches random factors of rank 1 to down_proj of block l.
func rankOne(t *testing.T, m *Model, l int, r *rand.Rand) *Adapter {
	t.Helper()
	i := slices.IndexFunc(m.Linears(), func(x Linear) bool { return x.Layer == l && x.Proj == "down_proj" })
	x := m.Linears()[i]
	mod := lora.Module{Name: x.Name, Layer: l, Proj: x.Proj, R: 1, In: x.In, Out: x.Out, Scale: 0.1, A: make([]float32, x.In), B: make([]float32, x.Out)}
	for _, v := range [][]float32{mod.A, mod.B} {
		for i := range v {
			v[i] = float32(r.NormFloat64()) / 30
		}
	}
	a, err := m.Attach(&lora.Adapter{Modules: []lora.Module{mod}}, AttachOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// distance is the L2 of the difference of x and y over that of y.
func distance(x, y []float32) float64 {
	var d, n float64
	for i, v := range y {
		d += math.Pow(float64(x[i]-v), 2)
		n += math.Pow(float64(v), 2)
	}
	return math.Sqrt(d / n)
}
