package activations

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"agar/model/tensor"
)

// half rounds x to float16 and back.
func half(x []float32) []float32 {
	raw, out := make([]byte, 2*len(x)), make([]float32, len(x))
	tensor.F32ToF16(raw, x)
	tensor.F16ToF32(out, raw)
	return out
}

func TestSubtractRefusesWhatRoundingAte(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	x, exact := make([]float32, 4096), make([]float32, 4096)
	for i := range x {
		x[i], exact[i] = float32(r.NormFloat64()), float32(r.NormFloat64())
	}
	for _, c := range []struct {
		change float64 // ‖difference‖/‖x‖
		a, b   DType
		ok     bool
	}{
		{0.001, F16, F16, false}, {0.01, F16, F16, false}, {0.1, F16, F16, true}, {1, F16, F16, true},
		{0.001, F32, F32, true}, {1e-6, F32, F32, true}, {0.001, F32, F16, false}, {0.1, F16, F32, true}, {0, F16, F16, true},
	} {
		y := make([]float32, len(x))
		for i := range y {
			y[i] = x[i] + float32(c.change)*exact[i]
		}
		a, b := Operand{x, c.a}, Operand{y, c.b}
		if c.a == F16 {
			a.X = half(x)
		}
		if c.b == F16 {
			b.X = half(y)
		}
		dst := make([]float32, len(x))
		err := Subtract(dst, b, a)
		if (err == nil) != c.ok || err != nil && !errors.Is(err, ErrRounding) {
			t.Errorf("a change of %v in %s and %s: found %v", c.change, c.a, c.b, err)
		}
		// The estimate must be right about what rounding did.
		bad, norm := 0.0, 0.0
		for i := range dst {
			d := float64(y[i]) - float64(x[i])
			bad += math.Pow(float64(dst[i])-d, 2)
			norm += d * d
		}
		if share := math.Sqrt(bad / norm); norm > 0 && (share <= maxRounding) != c.ok {
			t.Errorf("a change of %v in %s and %s: rounding made up %.2f %%, but Subtract said %v", c.change, c.a, c.b, 100*share, err)
		}
	}
	if err := Subtract(make([]float32, 1), Operand{X: x}, Operand{X: x}); err == nil {
		t.Error("subtracted into a short slice")
	}
}

func TestRoundingOfKnownValues(t *testing.T) {
	for _, c := range []struct{ x, ulp float32 }{{1, 0x1p-10}, {1.99, 0x1p-10}, {2, 0x1p-9}, {-1024, 1}, {60000, 32}, {0x1p-14, 0x1p-24}, {0x1p-20, 0x1p-24}, {0, 0x1p-24}} {
		if got, want := rounding(c.x), float64(c.ulp)*float64(c.ulp)/12; got != want {
			t.Errorf("rounding(%v) = %v, expected %v", c.x, got, want)
		}
	}
}
