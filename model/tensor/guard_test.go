package tensor

import (
	"math"
	"math/rand/v2"
	"testing"
)

// guardWord is a NaN that no kernel makes.
const guardWord = 0x7fabcdef

// guarded is a vector between guard words, starting at any distance from an
// aligned address.
type guarded struct {
	all []float32
	x   []float32
}

// newGuarded makes a vector of n floats that starts shift floats after an aligned
// address plus the guards, filled from the distribution draw.
func newGuarded(n, shift int, draw func() float32) *guarded {
	const margin = 16
	g := &guarded{all: aligned(margin + shift + n + margin)}
	for i := range g.all {
		g.all[i] = math.Float32frombits(guardWord)
	}
	g.x = g.all[margin+shift : margin+shift+n]
	for i := range g.x {
		g.x[i] = draw()
	}
	return g
}

// clone copies the values into plain memory.
func (g *guarded) clone() []float32 { return append([]float32{}, g.x...) }

// check fails when a guard word has changed.
func (g *guarded) check(t *testing.T, what string) {
	t.Helper()
	n := len(g.all) - len(g.x)
	for _, v := range g.all {
		if math.Float32bits(v) == guardWord {
			n--
		}
	}
	if n > 0 {
		t.Fatalf("%s: %d guard words overwritten", what, n)
	}
}

// normal draws from the standard normal distribution.
func normal(r *rand.Rand) func() float32 {
	return func() float32 { return float32(r.NormFloat64()) }
}

// bitsOf is the bit pattern of x, one for all NaNs.
func bitsOf(x float32) uint32 {
	if x != x {
		return 0x7fc00000
	}
	return math.Float32bits(x)
}

// sameBits fails unless two vectors agree bit for bit.
func sameBits(t *testing.T, what string, got, want []float32) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d numbers, expected %d", what, len(got), len(want))
	}
	for i := range got {
		if bitsOf(got[i]) != bitsOf(want[i]) {
			t.Fatalf("%s: element %d is %g (%08x), expected %g (%08x)", what, i, got[i], math.Float32bits(got[i]), want[i], math.Float32bits(want[i]))
		}
	}
}

// within fails unless |got − want| ≤ tol(i) everywhere; NaN must meet NaN.
func within(t *testing.T, what string, got, want []float32, tol func(i int) float64) {
	t.Helper()
	for i := range want {
		if got[i] != got[i] && want[i] != want[i] || got[i] == want[i] {
			continue
		}
		if d := math.Abs(float64(got[i]) - float64(want[i])); !(d <= tol(i)) {
			t.Fatalf("%s: element %d is %g, expected %g: off by %.3g, allowed %.3g", what, i, got[i], want[i], d, tol(i))
		}
	}
}

// ulp is the spacing of float32 at x.
func ulp(x float32) float64 {
	a := math.Abs(float64(x))
	return max(math.Ldexp(1, math.Ilogb(max(a, 0x1p-149))-23), 0x1p-149)
}
