package tensor

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
)

// FuzzRowAlone holds one row alone equal, bit for bit, to the same row among 2…64
// others: with one and two threads, with panels kept and packed anew, for Linear,
// LinearAdd and MatMul, on every path.
func FuzzRowAlone(f *testing.F) {
	for i, s := range [][4]uint16{
		{2, 5, 3, 1}, {6, 16, 16, 5}, {7, 17, 33, 6}, {13, 31, 64, 0}, {14, 400, 65, 13}, {15, 800, 130, 9},
		{33, 1153, 47, 32}, {64, 96, 200, 63}, {64, 769, 129, 3}, {48, 1536, 20, 47},
		{40, 1153, 290, 33}, {63, 1599, 299, 0}, {5, 160, 160, 4}, {33, 600, 255, 31},
	} {
		f.Add(uint64(i), s[0], s[1], s[2], s[3])
	}
	f.Fuzz(func(t *testing.T, seed uint64, n, in, out, row uint16) {
		c := &aloneCase{n: 2 + int(n)%63, in: 1 + int(in)%1600, out: 1 + int(out)%300}
		c.row = int(row) % c.n
		for _, name := range Kernels() {
			restore, err := WithKernel(name)
			if err != nil {
				t.Fatal(err)
			}
			c.draw(rand.New(rand.NewPCG(seed, 9)))
			c.check(t, name)
			restore()
		}
	})
}

// aloneCase is a product of n rows, one of which is also computed alone.
type aloneCase struct {
	n, in, out, row int
	x, w, y0        []float32
}

func (c *aloneCase) draw(r *rand.Rand) {
	c.x, c.w, c.y0 = randoms(r, c.n*c.in), randoms(r, c.in*c.out), randoms(r, c.n*c.out)
}

func (c *aloneCase) check(t *testing.T, name string) {
	xr, yr := c.x[c.row*c.in:(c.row+1)*c.in], c.y0[c.row*c.out:(c.row+1)*c.out]
	want := make([]float32, c.out)
	Linear(want, xr, 1, WeightF32(c.out, c.in, c.w))
	wantAdd := append([]float32{}, yr...)
	Add(wantAdd, want) // LinearAdd adds the whole product once

	for threads := 1; threads <= 2; threads++ {
		old := runtime.GOMAXPROCS(threads)
		for _, keep := range []*Panels{nil, NewPanels(1 << 30)} {
			what := fmt.Sprintf("%s, %d threads, kept %v, row %d of %d×%d·%d", name, threads, keep != nil, c.row, c.n, c.in, c.out)
			w := WeightF32(c.out, c.in, c.w)
			w.Keep(keep)
			y := make([]float32, c.n*c.out)
			Linear(y, c.x, c.n, w)
			sameBits(t, "Linear: "+what, y[c.row*c.out:(c.row+1)*c.out], want)
			copy(y, c.y0)
			LinearAdd(y, c.x, c.n, w)
			sameBits(t, "LinearAdd: "+what, y[c.row*c.out:(c.row+1)*c.out], wantAdd)
			one := append([]float32{}, yr...)
			LinearAdd(one, xr, 1, w)
			sameBits(t, "LinearAdd alone: "+what, one, wantAdd)
		}
		c.checkMatMul(t, fmt.Sprintf("%s, %d threads", name, threads), want)
		runtime.GOMAXPROCS(old)
	}
}

// checkMatMul: MatMul and MatMulSerial give what Linear gives where it does not
// multiply by planes, however the operands are stored.
func (c *aloneCase) checkMatMul(t *testing.T, what string, want []float32) {
	a := Mat{Data: c.x, Rows: c.n, Cols: c.in}
	b := Mat{Data: c.w, Rows: c.in, Cols: c.out, Trans: true}
	at, bt := transposed(a), transposed(b)
	if active().split != nil { // products with weights are on their own there
		want = make([]float32, c.out)
		MatMul(Mat{Data: want, Rows: 1, Cols: c.out}, Mat{Data: c.x[c.row*c.in:], Rows: 1, Cols: c.in}, b, false)
	}
	for i, f := range []func(dst, a, b Mat, acc bool){MatMul, MatMulSerial} {
		for j, m := range [][2]Mat{{a, b}, {at, b}, {a, bt}, {at, bt}} {
			y := make([]float32, c.n*c.out)
			f(Mat{Data: y, Rows: c.n, Cols: c.out}, m[0], m[1], false)
			sameBits(t, fmt.Sprintf("%s: product %d.%d", what, i, j), y[c.row*c.out:(c.row+1)*c.out], want)
			turned := make([]float32, c.n*c.out)
			f(Mat{Data: turned, Rows: c.n, Cols: c.out, Trans: true}, m[0], m[1], false)
			for k := range want {
				sameBits(t, fmt.Sprintf("%s: dst transposed %d.%d", what, i, j), turned[k*c.n+c.row:][:1], want[k:k+1])
			}
		}
	}
}

// transposed is the same matrix stored the other way round.
func transposed(m Mat) Mat {
	m = m.checked("transposed", "m")
	d := Mat{Data: make([]float32, m.Rows*m.Cols), Rows: m.Rows, Cols: m.Cols, Trans: !m.Trans}.checked("transposed", "d")
	for i := range m.Rows {
		for j := range m.Cols {
			k := i*d.Stride + j
			if d.Trans {
				k = j*d.Stride + i
			}
			d.Data[k] = at(m, i, j)
		}
	}
	return d
}

// TestLargeProductSerialAndThreaded crosses the sizes at which the driver packs
// rows and panels by the chunk.
func TestLargeProductSerialAndThreaded(t *testing.T) {
	if testing.Short() {
		t.Skip("a second of arithmetic")
	}
	r := rand.New(rand.NewPCG(1, 4))
	m, k, n := rowChunk/(4*2000)+150, 2000, 600
	a := Mat{Data: randoms(r, m*k), Rows: m, Cols: k}
	b := Mat{Data: randoms(r, k*n), Rows: k, Cols: n}
	x, y := Mat{Data: make([]float32, m*n), Rows: m, Cols: n}, Mat{Data: make([]float32, m*n), Rows: m, Cols: n}
	MatMul(x, a, b, false)
	MatMulSerial(y, a, b, false)
	sameBits(t, "serial", y.Data, x.Data)
	one := make([]float32, n)
	for _, i := range []int{0, 195, m - 300, m - 1} {
		MatMul(Mat{Data: one, Rows: 1, Cols: n}, Mat{Data: a.Data[i*k:], Rows: 1, Cols: k}, b, false)
		sameBits(t, fmt.Sprint("row ", i), x.Data[i*n:(i+1)*n], one)
	}
}
