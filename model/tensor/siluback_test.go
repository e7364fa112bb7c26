package tensor

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestSiLUBack compares with the derivative in float64, near the pole of silu(x)/x
// and far out too; 4e-7 is what a quotient and four products in float32 may be off.
func TestSiLUBack(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 9))
	eachKernel(t, func(t *testing.T) {
		for _, n := range []int{1, 7, 255, 256, 1000} {
			pre, lin, d := randoms(r, n), randoms(r, n), randoms(r, n)
			for i, v := range []float32{0, 1e-30, 9.9e-5, -1.1e-4, 40, -40} {
				pre[i%n] = v
			}
			got, dlin, bare := append([]float32{}, d...), make([]float32, n), append([]float32{}, d...)
			SiLUBack(got, dlin, pre, lin)
			SiLUBack(bare, nil, pre, nil)
			for i, v := range pre {
				σ := 1 / (1 + math.Exp(-float64(v)))
				slope := σ * (1 + float64(v)*(1-σ))
				near(t, "pre", got[i], float64(d[i])*float64(lin[i])*slope)
				near(t, "pre without lin", bare[i], float64(d[i])*slope)
				near(t, "lin", dlin[i], float64(d[i])*float64(v)*σ)
			}
		}
	})
}

func near(t *testing.T, what string, got float32, want float64) {
	t.Helper()
	if math.Abs(float64(got)-want) > 4e-7*math.Max(1, math.Abs(want)) {
		t.Errorf("%s: %g, expected %g", what, got, want)
	}
}

// TestExponentials: top + log(sum) is log Σ exp, and x becomes the softmax times the sum.
func TestExponentials(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 1))
	eachKernel(t, func(t *testing.T) {
		for _, n := range []int{1, 9, 4097} {
			x := randoms(r, n)
			want, soft := 0.0, append([]float32{}, x...)
			for _, v := range x {
				want += math.Exp(float64(v))
			}
			Softmax(soft)
			top, sum := Exponentials(x)
			if got := float64(top) + math.Log(sum); math.Abs(got-math.Log(want)) > 3e-7 {
				t.Errorf("log Σ exp of %d is %g, expected %g", n, got, math.Log(want))
			}
			Scale(x, float32(1/sum))
			sameBits(t, "softmax", x, soft)
		}
	})
}
