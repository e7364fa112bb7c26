package tensor

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// vectorCase is one differential run of a path's vector kernels.
type vectorCase struct {
	k     *kernel
	r     *rand.Rand
	n     int
	shift [4]int
}

// vec draws vector number i of the case.
func (c *vectorCase) vec(i int) *guarded { return newGuarded(c.n, c.shift[i], normal(c.r)) }

// FuzzVector holds the vector kernels of every path against the portable ones: any
// length, any alignment, nothing outside the slices read for its value or written.
func FuzzVector(f *testing.F) {
	for n := range 40 {
		f.Add(uint64(n), uint16(n), uint16(n*7))
	}
	f.Add(uint64(1), uint16(1000), uint16(0x1234))
	f.Fuzz(func(t *testing.T, seed uint64, n, shifts uint16) {
		for _, k := range kernels() {
			s := int(shifts)
			c := &vectorCase{k, rand.New(rand.NewPCG(seed, 1)), int(n % 2048), [4]int{s & 15, s >> 4 & 15, s >> 8 & 15, s >> 12}}
			checkReductions(t, c)
			checkElementwise(t, c)
			checkExp(t, c)
			checkAdam(t, c)
		}
	})
}

func checkReductions(t *testing.T, c *vectorCase) {
	a, b := c.vec(0), c.vec(1)
	var sum, size, squares float64
	for i, v := range a.x {
		p := float64(v) * float64(b.x[i])
		sum, size = sum+p, size+math.Abs(p)
		squares += float64(v) * float64(v)
	}
	// Lanes of n/8 roundings at least, each half an ulp of a partial sum.
	tol := (float64(c.n)/8 + 4) * 0x1p-24 * size
	if got := float64(c.k.dot(a.x, b.x)); math.Abs(got-sum) > tol {
		t.Fatalf("%s: dot of %d is %g, expected %g ± %.3g", c.k.name, c.n, got, sum, tol)
	}
	// The squares are exact in float64; only the order of the sum differs.
	if got := c.k.sumSq(a.x); math.Abs(got-squares) > 1e-13*squares {
		t.Fatalf("%s: sumSq of %d is %g, expected %g", c.k.name, c.n, got, squares)
	}
}

func checkElementwise(t *testing.T, c *vectorCase) {
	x, y, w, dst := c.vec(0), c.vec(1), c.vec(2), c.vec(3)
	alpha := float32(c.r.NormFloat64())
	what := func(name string) string { return fmt.Sprintf("%s: %s of %d", c.k.name, name, c.n) }

	want := y.clone()
	for i, v := range x.x {
		want[i] = float32(float64(alpha)*float64(v) + float64(want[i]))
	}
	old := y.clone()
	c.k.axpy(y.x, alpha, x.x)
	y.check(t, what("axpy"))
	// At most two roundings: of the product and of the sum.
	within(t, what("axpy"), y.x, want, func(i int) float64 {
		return 0x1p-23 * (math.Abs(float64(alpha)*float64(x.x[i])) + math.Abs(float64(old[i])))
	})

	want = y.clone()
	addGeneric(want, x.x)
	c.k.add(y.x, x.x)
	y.check(t, what("add"))
	sameBits(t, what("add"), y.x, want)

	scaleGeneric(want, alpha)
	c.k.scale(y.x, alpha)
	y.check(t, what("scale"))
	sameBits(t, what("scale"), y.x, want)

	scaleMulGeneric(want, x.x, w.x, alpha)
	c.k.scaleMul(dst.x, x.x, w.x, alpha)
	dst.check(t, what("scaleMul"))
	sameBits(t, what("scaleMul"), dst.x, want)
}

func checkExp(t *testing.T, c *vectorCase) {
	if c.n == 0 {
		return
	}
	x, up, dst := c.vec(0), c.vec(1), c.vec(2)
	scaleGeneric(x.x, 8)
	what := func(name string) string { return fmt.Sprintf("%s: %s of %d", c.k.name, name, c.n) }

	want := x.clone()
	siluMulGeneric(want, x.x, up.x)
	c.k.siluMul(dst.x, x.x, up.x)
	dst.check(t, what("siluMul"))
	// Two ulp from the exponential and four roundings, as a bound 6 half ulp
	// and 2 more where 1+exp loses half a place.
	within(t, what("siluMul"), dst.x, want, func(i int) float64 { return 5 * ulp(want[i]) })

	want = x.clone()
	genericKernel.softmax(want)
	c.k.softmax(x.x)
	x.check(t, what("softmax"))
	within(t, what("softmax"), x.x, want, func(i int) float64 { return 5 * ulp(want[i]) })
}

func checkAdam(t *testing.T, c *vectorCase) {
	p, g, m, v := c.vec(0), c.vec(1), c.vec(2), c.vec(3)
	for i, x := range v.x {
		v.x[i] = x * x
	}
	want := [4][]float32{p.clone(), g.clone(), m.clone(), v.clone()}
	f := AdamConst{LR: 1e-3, Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, Step: 1 + c.n%9}.factors()
	adamGeneric(want[0], want[1], want[2], want[3], f)
	c.k.adam(p.x, g.x, m.x, v.x, f)
	for i, got := range []*guarded{p, g, m, v} {
		what := fmt.Sprintf("%s: adam of %d, %s", c.k.name, c.n, []string{"p", "g", "m", "v"}[i])
		got.check(t, what)
		sameBits(t, what, got.x, want[i])
	}
}
