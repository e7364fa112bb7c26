package activations

import (
	"errors"
	"fmt"
	"math"
)

// ErrRounding is returned by Subtract, wrapped, when a difference would be mostly
// made of rounding.
var ErrRounding = errors.New("activations: rounding to float16 exceeds 1 % of the difference (capture it with its own HOOK@ADAPTER-base column, or in float32)")

// maxRounding is the share of a difference that rounding may make up. At a
// change of 0.1 % of the norm, rounding both sides to float16 makes up 27 %.
const maxRounding = 0.01

// Operand is one side of Subtract: rows and the type they were stored in.
type Operand struct {
	X     []float32 // [rows, D] row-major
	DType DType
}

// Subtract sets dst = a − b, all of them [rows, D], unless float16 rounding makes
// up too much of it: with e the expected norm of the rounding errors of the sides
// that are float16,
//
//	e² = Σ (ulp₁₆(aᵢ)² + ulp₁₆(bᵢ)²) / 12,
//
// the variance of errors spread evenly over one unit in the last place, it is
// ErrRounding when e > 0.01·‖a − b‖. Equal sides are no error, for then nothing
// was lost in telling them apart.
func Subtract(dst []float32, a, b Operand) error {
	if len(a.X) != len(b.X) || len(dst) != len(a.X) {
		return fmt.Errorf("activations: subtract: found %d and %d values for %d", len(a.X), len(b.X), len(dst))
	}
	e2, d2 := 0.0, 0.0
	for i := range dst {
		x, y := a.X[i], b.X[i]
		if a.DType == F16 {
			e2 += rounding(x)
		}
		if b.DType == F16 {
			e2 += rounding(y)
		}
		d := float64(x) - float64(y)
		d2 += d * d
		dst[i] = float32(d)
	}
	if d2 > 0 && e2 > maxRounding*maxRounding*d2 {
		return fmt.Errorf("found rounding of %.1f %% of the difference: %w", 100*math.Sqrt(e2/d2), ErrRounding)
	}
	return nil
}

// rounding is the expected square of the error of a float16 that reads x.
func rounding(x float32) float64 {
	ulp := 0x1p-24 // of subnormal numbers and zero
	if x != 0 {
		_, exp := math.Frexp(float64(x)) // |x| in [2^(exp−1), 2^exp)
		ulp = math.Ldexp(1, max(exp-11, -24))
	}
	return ulp * ulp / 12
}
