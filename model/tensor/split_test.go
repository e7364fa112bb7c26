package tensor

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
)

// onAMX runs the rest of a test on the path with AMX, or skips it.
func onAMX(t *testing.T) {
	t.Helper()
	restore, err := WithKernel(amxName)
	if err != nil {
		t.Skipf("no AMX here: %v", err)
	}
	t.Cleanup(restore)
}

// nearest rounds a + b to float32 once: the float64 sum is made odd where it is not
// exact, so that rounding it again cannot meet a tie that is none.
func nearest(a, b float64) float32 {
	s := a + b
	bb := s - a
	if e := (a - (s - bb)) + (b - bb); e != 0 && math.Float64bits(s)&1 == 0 {
		s = math.Nextafter(s, math.Inf(int(math.Copysign(1, e))))
	}
	return float32(s)
}

// planesOf are the planes of x, as float32.
func planesOf(x float32) (p [3]float32) {
	for i := range p {
		b := math.Float32bits(x)
		if i < 2 {
			b += 0x8000
		}
		p[i] = math.Float32frombits(b &^ 0xffff)
		x -= p[i]
	}
	return p
}

// splitSum is an element of a product by planes as a processor with AMX computes it
// (Intel SDM, TDPBF16PS): of 32 steps the even and the odd ones are chains of fused
// multiply-adds, whose sum is added to what was there; runs are summed on their own.
func splitSum(a, b []float32) (sum float32) {
	blocks := (len(a) + splitSide - 1) / splitSide
	runs := (blocks + splitRun - 1) / splitRun
	run := (blocks + runs - 1) / runs * splitSide
	for ; len(a) > 0; a, b = a[min(run, len(a)):], b[min(run, len(b)):] {
		sum += splitRunSum(a[:min(run, len(a))], b[:min(run, len(b))])
	}
	return sum
}

func splitRunSum(a, b []float32) (c float32) {
	for k0 := 0; k0 < len(a); k0 += splitSide {
		for _, p := range [][2]int{{1, 1}, {1, 0}, {2, 0}, {0, 0}, {0, 1}, {0, 2}} {
			var t [2]float32
			for k := k0; k < min(k0+splitSide, len(a)); k++ {
				t[k%2] = nearest(float64(planesOf(a[k])[p[0]])*float64(planesOf(b[k])[p[1]]), float64(t[k%2]))
			}
			c += t[0] + t[1]
		}
	}
	return c
}

// TestSplitBits holds products by planes against the definition of the instruction, bit
// for bit: every shape of edge, accumulated and not, and more steps than are packed at a
// time.
func TestSplitBits(t *testing.T) {
	onAMX(t)
	r := rand.New(rand.NewPCG(3, 3))
	for _, s := range [][3]int{{1, 160, 160}, {31, 161, 191}, {32, 192, 576}, {33, 200, 577}, {70, 163, 2500}, {300, 171, 640}} {
		n, out, in := s[0], s[1], s[2]
		x, y0 := randoms(r, n*in), randoms(r, n*out)
		w := WeightF32(out, in, randoms(r, in*out))
		y, add := make([]float32, n*out), slices.Clone(y0)
		Linear(y, x, n, w)
		LinearAdd(add, x, n, w)
		for _, i := range some(r, n) {
			for _, j := range some(r, out) {
				want := splitSum(x[i*in:(i+1)*in], w.f32[j*in:(j+1)*in])
				what := fmt.Sprintf("%v: element %d, %d", s, i, j)
				sameBits(t, what, y[i*out+j:][:1], []float32{want})
				sameBits(t, what+", added", add[i*out+j:][:1], []float32{y0[i*out+j] + want})
			}
		}
	}
}

// accuracyCase makes operands that test the accuracy of sums.
type accuracyCase struct {
	name string
	draw func(r *rand.Rand, x, w []float32, in int)
}

// logUniform is a number of random sign whose logarithm is uniform over 2^±e.
func logUniform(r *rand.Rand, e float64) float32 {
	return float32(math.Copysign(math.Exp2((2*r.Float64()-1)*e), r.Float64()-0.5))
}

var accuracyCases = []accuracyCase{
	{"normal", func(*rand.Rand, []float32, []float32, int) {}},
	{"outlier channels", func(r *rand.Rand, x, w []float32, in int) { // as residual streams have
		for i := range x {
			if i%in%97 == 5 {
				x[i] *= 1000
			}
		}
	}},
	{"cancelling sums", func(r *rand.Rand, x, w []float32, in int) { // neighbours leave a part in 1e4
		for i := 1; i < len(x); i += 2 {
			x[i] = x[i-1]
		}
		for i := 1; i < len(w); i += 2 {
			w[i] = -w[i-1] * (1 + 1e-4*w[i])
		}
	}},
	{"wide exponents", func(r *rand.Rand, x, w []float32, in int) {
		for i := range x {
			x[i] = logUniform(r, 20)
		}
		for i := range w {
			w[i] = logUniform(r, 20)
		}
	}},
	{"gradients", func(r *rand.Rand, x, w []float32, in int) {
		Scale(x, 1e-9)
		for i := range w {
			w[i] *= 0.02
		}
	}},
}

// TestSplitAccuracy compares products by planes, and those in float32 of the path beside
// them, with float64: errors relative to Σ|xw| in units of 2⁻²⁴, the rounding of float32.
// By planes they are about half as large, and at most a quarter larger where numbers
// spread over 80 powers of two.
func TestSplitAccuracy(t *testing.T) {
	const n, out = 4, 160
	for _, in := range []int{576, 1536, 8192} {
		for _, c := range accuracyCases {
			r := rand.New(rand.NewPCG(uint64(in), 8))
			x, w := randoms(r, n*in), randoms(r, out*in)
			c.draw(r, x, w, in)
			worst, rms := map[string]float64{}, map[string]float64{}
			for _, k := range []string{"avx512", amxName} {
				restore, err := WithKernel(k)
				if err != nil {
					t.Skipf("no AMX here: %v", err)
				}
				y := make([]float32, n*out)
				Linear(y, x, n, WeightF32(out, in, w))
				restore()
				worst[k], rms[k] = errorsOf(y, x, w, in, out)
			}
			t.Logf("%5d steps, %-16s  float32: worst %.2f, rms %.3f   by planes: worst %.2f, rms %.3f", in, c.name, worst["avx512"], rms["avx512"], worst[amxName], rms[amxName])
			// The rms of 640 errors is known to about 3 %; the worst scatters more.
			if rms[amxName] > 1.25*rms["avx512"] || worst[amxName] > 1.5*worst["avx512"] {
				t.Errorf("%d steps, %s: by planes worst %.3f, rms %.4f; in float32 %.3f, %.4f", in, c.name, worst[amxName], rms[amxName], worst["avx512"], rms["avx512"])
			}
		}
	}
}

// errorsOf are the largest and the root mean square error of y = x·wᵀ in 2⁻²⁴·Σ|xw|.
func errorsOf(y, x, w []float32, in, out int) (worst, rms float64) {
	for i, got := range y {
		var sum, size float64
		a, b := x[i/out*in:][:in], w[i%out*in:][:in]
		for k := range a {
			p := float64(a[k]) * float64(b[k])
			sum, size = sum+p, size+math.Abs(p)
		}
		e := math.Abs(float64(got)-sum) / size / 0x1p-24
		worst, rms = max(worst, e), rms+e*e
	}
	return worst, math.Sqrt(rms / float64(len(y)))
}

// TestSplitEdges: what is no number stays none, in its row alone; what float32 holds
// below 2⁻¹²⁶ counts as 0; zeros give 0; and the largest numbers whose upper bits round
// to infinity, beyond 3.389e38, give none.
func TestSplitEdges(t *testing.T) {
	onAMX(t)
	const n, in, out = 7, 160, 160
	x, w := make([]float32, n*in), make([]float32, out*in)
	for i := range w {
		w[i] = 1
	}
	inf, sick := float32(math.Inf(1)), func(v float32) bool { return v != v }
	is := func(want float32) func(float32) bool { return func(v float32) bool { return v == want } }
	for i, c := range []struct {
		at   float32
		want func(float32) bool
	}{
		{0, is(0)}, {inf, sick}, {-inf, sick}, {math.Float32frombits(0x7fffffff), sick}, {0x1p-127, is(0)}, {0x1.fcp127, is(0x1.fcp127)}, {math.MaxFloat32, sick},
	} {
		x[i*in+33] = c.at
		y := make([]float32, n*out)
		Linear(y, x, n, WeightF32(out, in, w))
		for j, v := range y {
			if want := c.want; j/out == i && !want(v) || j/out != i && v != 0 {
				t.Fatalf("%g in row %d: element %d, %d is %g", c.at, i, j/out, j%out, v)
			}
		}
		x[i*in+33] = 0
	}
}

// TestSplitStorage: a weight gives the bits that its numbers in float32 give, whatever
// its type, its order, and the way it is stored; types with fewer bits have fewer planes.
func TestSplitStorage(t *testing.T) {
	onAMX(t)
	const n, in, out = 37, 256, 224
	r := rand.New(rand.NewPCG(5, 5))
	x := randoms(r, n*in)
	check := func(what string, w *Weight) {
		y, want := make([]float32, n*w.Rows()), make([]float32, n*w.Rows())
		Linear(want, x, n, WeightF32(w.Rows(), in, w.Float32(nil)))
		Linear(y, x, n, w)
		sameBits(t, what, y, want)
	}
	order := make([]int32, out-9)
	for i := range order {
		order[i] = int32(r.IntN(out))
	}
	for _, dt := range allTypes {
		w, err := NewWeight(dt, out, in, encoded(r, dt, out, in))
		if err != nil {
			t.Fatal(err)
		}
		check(dt.String(), w)
		check(dt.String()+", permuted", w.Permuted(order))
		check(dt.String()+", sliced", w.Slice(20, 200))
		if l, _ := layoutOf(dt); l.block != 1 {
			continue
		}
		if w, err = NewTransposed(dt, out, in, encoded(r, dt, in, out)); err != nil {
			t.Fatal(err)
		}
		check(dt.String()+", transposed", w)
		check(dt.String()+", transposed and sliced", w.Slice(20, 200))
		check(dt.String()+", transposed and permuted", w.Permuted(order))
	}
}

// TestSplitByShape: the shape of the weight alone decides, so that a small model trains
// to the same bits with AMX and without it.
func TestSplitByShape(t *testing.T) {
	onAMX(t)
	r := rand.New(rand.NewPCG(6, 6))
	for _, s := range [][3]int{{159, 2000, 0}, {2000, 159, 0}, {160, 160, 1}} {
		out, in := s[0], s[1]
		x, w := randoms(r, 2*in), randoms(r, out*in)
		y, want := make([]float32, 2*out), make([]float32, 2*out)
		Linear(y, x, 2, WeightF32(out, in, w))
		restore, err := WithKernel("avx512")
		if err != nil {
			t.Fatal(err)
		}
		Linear(want, x, 2, WeightF32(out, in, w))
		restore()
		if other := !slices.Equal(y, want); other != (s[2] == 1) {
			t.Errorf("%d×%d: bits other than without AMX: %v", out, in, other)
		}
	}
}

// TestTrainingPath: training takes AMX where it is, products that are not asked to do
// not, and who names a path gets it for both.
func TestTrainingPath(t *testing.T) {
	if !slices.Contains(Kernels(), amxName) {
		if got := TrainingKernel(); got != Kernel() {
			t.Errorf("training on %s without AMX, expected %s", got, Kernel())
		}
		t.Skip("no AMX here")
	}
	if os.Getenv(kernelEnv) == "" && (TrainingKernel() != amxName || Kernel() == amxName) {
		t.Errorf("training on %s, others on %s", TrainingKernel(), Kernel())
	}
	const in, out = 200, 300
	r := rand.New(rand.NewPCG(7, 7))
	x, w := randoms(r, in), WeightF32(out, in, randoms(r, in*out))
	of := func(p Products) []float32 {
		y := make([]float32, out)
		p.Linear(y, x, 1, w)
		p.LinearAdd(y, x, 1, w)
		return y
	}
	for _, k := range Kernels() {
		restore, err := WithKernel(k)
		if err != nil {
			t.Fatal(err)
		}
		if TrainingKernel() != k {
			t.Errorf("training on %s, expected %s", TrainingKernel(), k)
		}
		sameBits(t, k, of(Training()), of(Products{}))
		restore()
	}
	if os.Getenv(kernelEnv) == "" && slices.Equal(of(Training()), of(Products{})) {
		t.Error("products of training have the bits of others: AMX did not run")
	}
}
