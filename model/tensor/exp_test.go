package tensor

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestExpWithinTwoULP sweeps softmax's exponential down to the subnormals.
func TestExpWithinTwoULP(t *testing.T) {
	eachKernel(t, func(t *testing.T) {
		worst, where := 0.0, float32(0)
		const n = 1 << 16
		x := make([]float32, n)
		for round := range 8 {
			for i := range x {
				x[i] = -104 * (float32(i) + float32(round)/8) / n
			}
			in := append([]float32{}, x...)
			active().expSum(x, 0)
			for i, v := range in {
				want := math.Exp(float64(v))
				if d := math.Abs(float64(x[i])-want) / ulp(float32(want)); d > worst {
					worst, where = d, v
				}
			}
		}
		t.Logf("worst error %.3f ulp at %g", worst, where)
		if worst > 2 {
			t.Errorf("exp(%g) is off by %.3f ulp, documented are 2", where, worst)
		}
	})
}

func TestSoftmax(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	cases := []struct {
		name    string
		x, want []float32
	}{
		{"one", []float32{-7}, []float32{1}},
		{"equal", []float32{3, 3, 3, 3}, []float32{.25, .25, .25, .25}},
		{"huge", []float32{3e38, -3e38}, []float32{1, 0}},
		{"masked", []float32{-inf, 2, -inf, 2}, []float32{0, .5, 0, .5}},
		{"all masked", []float32{-inf, -inf}, []float32{nan, nan}},
		{"NaN", []float32{1, nan, 2}, []float32{nan, nan, nan}},
		{"+Inf", []float32{1, inf}, []float32{nan, nan}},
	}
	eachKernel(t, func(t *testing.T) {
		for _, c := range cases {
			x := append([]float32{}, c.x...)
			Softmax(x)
			sameBits(t, c.name, x, c.want)
		}
		Softmax(nil)
		r := rand.New(rand.NewPCG(3, 3))
		x := randoms(r, 4097)
		Softmax(x)
		var sum float64
		for _, v := range x {
			sum += float64(v)
		}
		if math.Abs(sum-1) > 1e-6 { // 4097 roundings of numbers near 2⁻¹², at random
			t.Errorf("softmax sums to %.9g", sum)
		}
	})
}

func TestSiLUMulEnds(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	gate := []float32{0, 100, -100, -3e38, inf, nan, 1, -1, 20}
	silu := []float32{0, 100, 0, 0, inf, nan, 0.7310586, -0.26894143, 20}
	eachKernel(t, func(t *testing.T) {
		up := make([]float32, len(gate))
		for i := range up {
			up[i] = 1
		}
		got := make([]float32, len(gate))
		SiLUMul(got, gate, up)
		// 1e-40 lets the subnormal tail of −100·e⁻¹⁰⁰ pass as 0.
		within(t, "silu", got, silu, func(i int) float64 { return 2*ulp(silu[i]) + 1e-40 })
	})
}

// TestTailEqualsBody: an element's result does not depend on its place.
func TestTailEqualsBody(t *testing.T) {
	eachKernel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(5, 5))
		gate, up := randoms(r, 64), randoms(r, 64)
		whole, one := make([]float32, 64), make([]float32, 1)
		SiLUMul(whole, gate, up)
		for i := range whole {
			SiLUMul(one, gate[i:i+1], up[i:i+1])
			sameBits(t, "SiLUMul alone", one, whole[i:i+1])
		}
	})
}

func TestRMSNorm(t *testing.T) {
	eachKernel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(7, 7))
		for _, n := range []int{1, 5, 64, 576, 4099} {
			x, w := randoms(r, n), randoms(r, n)
			x[0] *= 1000 // an outlier, as residual streams have
			var ms float64
			for _, v := range x {
				ms += float64(v) * float64(v)
			}
			ms /= float64(n)
			want := make([]float32, n)
			for i, v := range x {
				want[i] = float32(float64(v) / math.Sqrt(ms+1e-5) * float64(w[i]))
			}
			got := make([]float32, n)
			RMSNorm(got, x, w, 1e-5)
			// Three roundings of half an ulp each, of factors and product.
			within(t, "RMSNorm", got, want, func(i int) float64 { return 3 * ulp(want[i]) })
			RMSNorm(x, x, w, 1e-5)
			sameBits(t, "RMSNorm in place", x, got)
		}
		RMSNorm(nil, nil, nil, 1e-5)
	})
}
