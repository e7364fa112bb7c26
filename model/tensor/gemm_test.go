package tensor

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// randoms are n numbers from the standard normal distribution.
func randoms(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

// at reads element (i, j) of a Mat whose stride is set.
func at(m Mat, i, j int) float32 {
	if m.Trans {
		i, j = j, i
	}
	return m.Data[i*m.Stride+j]
}

// eachKernel runs a test once on every path of this machine.
func eachKernel(t *testing.T, f func(t *testing.T)) {
	for _, name := range Kernels() {
		t.Run(name, func(t *testing.T) {
			restore, err := WithKernel(name)
			if err != nil {
				t.Fatal(err)
			}
			defer restore()
			f(t)
		})
	}
}

func TestMatMulAgainstFloat64(t *testing.T) {
	shapes := [][3]int{{1, 1, 1}, {6, 16, 5}, {14, 32, 9}, {100, 77, 33}, {129, 65, 500}, {1, 700, 1500}, {3, 5, 0}, {300, 40, 800}}
	eachKernel(t, func(t *testing.T) {
		for _, s := range shapes {
			for mode := range 16 {
				t.Run(fmt.Sprint(s, mode), func(t *testing.T) { checkMatMul(t, s[0], s[1], s[2], mode) })
			}
		}
	})
}

// some are up to 14 indices below n, the first and the last among them.
func some(r *rand.Rand, n int) []int {
	is := []int{0, n - 1}
	for range min(n, 12) {
		is = append(is, r.IntN(n))
	}
	return is
}

// checkMatMul compares one product with sums in float64. The bits of mode are:
// a stored transposed, b stored transposed, dst stored transposed, accumulate.
func checkMatMul(t *testing.T, m, n, k, mode int) {
	r := rand.New(rand.NewPCG(uint64(m*n+k), uint64(mode)))
	mat := func(rows, cols int, trans bool) Mat {
		h, w := rows, cols
		if trans {
			h, w = cols, rows
		}
		stride := w + r.IntN(3)
		return Mat{Data: randoms(r, h*stride), Rows: rows, Cols: cols, Stride: stride, Trans: trans}
	}
	a, b, dst := mat(m, k, mode&1 != 0), mat(k, n, mode&2 != 0), mat(m, n, mode&4 != 0)
	old := append([]float32(nil), dst.Data...)
	MatMul(dst, a, b, mode&8 != 0)
	before := dst
	before.Data = old
	for _, i := range some(r, m) {
		for _, j := range some(r, n) {
			var sum, size float64
			for l := range k {
				p := float64(at(a, i, l)) * float64(at(b, l, j))
				sum, size = sum+p, size+math.Abs(p)
			}
			if mode&8 != 0 {
				sum += float64(at(before, i, j))
				size += math.Abs(float64(at(before, i, j)))
			}
			// The bound of k roundings is k·2⁻²⁴·Σ|ab|; independent roundings
			// grow like √k, and 4 more cover the short sums.
			tol := (math.Sqrt(float64(k)) + 4) * 0x1p-24 * size
			if d := math.Abs(float64(at(dst, i, j)) - sum); d > tol {
				t.Fatalf("dst[%d,%d] = %g, float64 gives %g: off by %.3g, allowed %.3g", i, j, at(dst, i, j), sum, d, tol)
			}
		}
	}
}
