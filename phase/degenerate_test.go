package phase

import (
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"agar/model/lora"
)

func random(rng *rand.Rand, n int) []float32 {
	out := make([]float32, n)
	for i := range out {
		out[i] = float32(rng.NormFloat64())
	}
	return out
}

// TestProjection has the share left by forming ΔW, and refuses only the projection
// that takes a whole adapter away.
func TestProjection(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 9))
	m := lora.Module{Name: down, R: 2, In: 5, Out: 7, A: random(rng, 10), B: random(rng, 14), Scale: 3}
	v := random(rng, 7)
	var whole, left float64
	size := lora.Dot(v, v)
	for i := range m.In {
		column, along := make([]float64, m.Out), 0.0
		for o := range m.Out {
			for r := range m.R {
				column[o] += m.Scale * float64(m.B[o*m.R+r]) * float64(m.A[r*m.In+i])
			}
			along += column[o] * float64(v[o])
		}
		for o, x := range column {
			whole += x * x
			x -= along * float64(v[o]) / size
			left += x * x
		}
	}
	if got := ProjectionLeaves(&m, v); math.Abs(got-left/whole) > 1e-6 {
		t.Errorf("left %g, expected %g", got, left/whole)
	}
	one := lora.Module{Name: down, R: 1, In: 5, Out: 7, A: random(rng, 5), B: random(rng, 7), Scale: 3}
	if got := ProjectionLeaves(&one, one.B); math.Abs(got) > 1e-6 {
		t.Errorf("B̂ projected out of rank 1 leaves %g", got)
	}
	a := &lora.Adapter{Dir: "run/checkpoint-5", Modules: []lora.Module{one}}
	if err := CheckProjection(a, one.B); !errors.Is(err, ErrDegenerate) || !strings.Contains(err.Error(), "run/checkpoint-5") {
		t.Errorf("B̂ of rank 1: %v", err)
	}
	other := random(rng, 7)
	if err := CheckProjection(a, other); err != nil {
		t.Errorf("a random direction: %v", err)
	}
	a.Modules = append(a.Modules, lora.Module{Name: "other", R: 1, In: 5, Out: 7, A: random(rng, 5), B: other, Scale: 1})
	if err := CheckProjection(a, one.B); err != nil {
		t.Errorf("with a second module: %v", err)
	}
}

// TestDegenerate lists what would be vacuous on a run.
func TestDegenerate(t *testing.T) {
	tests := func(r *Report) (out []string) {
		for _, d := range r.Degenerate {
			out = append(out, d.Test)
		}
		return out
	}
	r := analyse(t, mustExampleRun(t), Options{})
	if got := strings.Join(tests(r), " "); got != TestProjectB+" "+TestSignOfB {
		t.Errorf("one rank-1 module: %s", got)
	}
	steps := []int{5, 10, 15}
	v := []float32{1, 2, 3, 2, 3, 5, 2, 3, 5}
	r = analyse(t, rankOne(t, steps, v), Options{})
	if got := strings.Join(tests(r), " "); got != TestProjectB+" "+TestSignOfB+" "+TestSameFile || !strings.Contains(strings.Join(r.Warnings, "\n"), "10 and 15") {
		t.Errorf("a checkpoint twice: %s, %v", got, r.Warnings)
	}
	b := random(rand.New(rand.NewPCG(2, 2)), 3*2*6)
	r = analyse(t, stacked(t, steps, 1, 3, 6, 1, nil, b), Options{})
	if got := strings.Join(tests(r), " "); got != TestSignOfB+" "+TestCompFinal {
		t.Errorf("two modules: %s", got)
	}
}
