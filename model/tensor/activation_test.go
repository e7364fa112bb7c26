package tensor

import (
	"math"
	"math/rand/v2"
	"testing"
)

// samples are numbers of every size, special ones first.
func samples(n int) []float32 {
	x := []float32{0, 1, -1, 1e-30, -1e-30, 88, -88, 1e10, -1e10, 3e38, -3e38}
	rng := rand.New(rand.NewPCG(7, 8))
	for len(x) < n {
		x = append(x, float32(rng.NormFloat64()*math.Exp(3*rng.NormFloat64())))
	}
	return x
}

// TestActivations holds every activation against its formula in float64, alone and
// as a gate, on each path and at odd lengths.
func TestActivations(t *testing.T) {
	tanh := func(x float64) float64 {
		return 0.5 * x * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)))
	}
	for _, kernel := range Kernels() {
		restore, err := WithKernel(kernel)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			name string
			f    func(x []float32)
			gate func(g, u []float32)
			want func(x float64) float64
		}{
			{"GELU", GELU, GELUMul, func(x float64) float64 { return 0.5 * x * math.Erfc(-x/math.Sqrt2) }},
			{"GELUTanh", GELUTanh, GELUTanhMul, tanh},
			{"SiLU", SiLU, func(g, u []float32) { SiLUMul(g, g, u) }, func(x float64) float64 { return x / (1 + math.Exp(-x)) }},
			{"ReLU", ReLU, nil, func(x float64) float64 { return max(x, 0) }},
			{"Softcap", func(x []float32) { Softcap(x, 30) }, nil, func(x float64) float64 { return 30 * math.Tanh(x/30) }},
		} {
			for _, n := range []int{1, 11, 255, 256, 257, 1001} {
				checkActivation(t, kernel+" "+c.name, samples(n)[:n], c.f, c.gate, c.want)
			}
		}
		restore()
	}
}

// checkActivation allows 4 ulp of the result, and 2e-7 of |x| where the formula in
// its tanh form cancels.
func checkActivation(t *testing.T, name string, x []float32, f func([]float32), gate func(g, u []float32), want func(float64) float64) {
	t.Helper()
	got, gated, up := append([]float32(nil), x...), append([]float32(nil), x...), make([]float32, len(x))
	for i := range up {
		up[i] = -2
	}
	f(got)
	if gate != nil {
		gate(gated, up)
	}
	for i, v := range x {
		w := want(float64(v))
		tol := 5e-7*math.Abs(w) + 2e-7*min(math.Abs(float64(v)), 8) + 1e-37
		if d := math.Abs(float64(got[i]) - w); !(d <= tol) {
			t.Errorf("%s(%g) = %g, expected %g", name, v, got[i], w)
		}
		if gate != nil && math.Abs(w) < 1e38 && !(math.Abs(float64(gated[i])+2*w) <= 2*tol) {
			t.Errorf("%s(%g)·−2 = %g, expected %g", name, v, gated[i], -2*w)
		}
	}
}

// TestLayerNorm holds LayerNorm against its formula; a row far from zero keeps its
// digits.
func TestLayerNorm(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{1, 2, 3, 7, 64, 1023} {
		x, w, b := make([]float32, n), make([]float32, n), make([]float32, n)
		mean := 0.0
		for i := range x {
			x[i], w[i], b[i] = float32(100+rng.NormFloat64()), float32(rng.NormFloat64()), float32(rng.NormFloat64())
			mean += float64(x[i]) / float64(n)
		}
		variance := 0.0
		for _, v := range x {
			variance += (float64(v) - mean) * (float64(v) - mean) / float64(n)
		}
		got := append([]float32(nil), x...)
		LayerNorm(got, got, w, b, 1e-5)
		for i, v := range x {
			want := (float64(v)-mean)/math.Sqrt(variance+1e-5)*float64(w[i]) + float64(b[i])
			if math.Abs(float64(got[i])-want) > 2e-5*(1+math.Abs(want)) {
				t.Errorf("%d of %d: %g, expected %g", i, n, got[i], want)
			}
		}
	}
}
