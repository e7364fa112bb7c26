package tensor

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
)

// benchShapes are rows×in×out of the products worth watching: SmolLM2's MLP, an
// SAE's encoder, and one row of the MLP.
var benchShapes = [][3]int{{1024, 576, 1536}, {1024, 1536, 576}, {4096, 576, 4608}, {1, 576, 1536}}

// flops reports the rate of a benchmark that did so many operations an iteration.
func flops(b *testing.B, perOp float64) {
	b.ReportMetric(perOp*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
	b.ReportMetric(0, "ns/op")
}

// benchPaths runs f for every path with one and two threads.
func benchPaths(b *testing.B, name string, f func(b *testing.B)) {
	for _, k := range Kernels() {
		for threads := 1; threads <= min(2, runtime.NumCPU()); threads++ {
			b.Run(fmt.Sprintf("%s/%s/threads=%d", name, k, threads), func(b *testing.B) {
				restore, err := WithKernel(k)
				if err != nil {
					b.Fatal(err)
				}
				defer restore()
				defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(threads))
				f(b)
			})
		}
	}
}

func BenchmarkLinear(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, s := range benchShapes {
		n, in, out := s[0], s[1], s[2]
		x, y := randoms(r, n*in), make([]float32, n*out)
		w := WeightF32(out, in, randoms(r, in*out))
		for _, kept := range []bool{true, false} {
			benchPaths(b, fmt.Sprintf("%dx%dx%d/kept=%v", n, in, out, kept), func(b *testing.B) {
				w.Keep(nil)
				if kept {
					w.Keep(NewPanels(1 << 30))
				}
				Linear(y, x, n, w)
				for b.Loop() {
					Linear(y, x, n, w)
				}
				flops(b, 2*float64(n)*float64(in)*float64(out))
			})
		}
	}
}

// BenchmarkMatMul measures what training and attention need: xᵀ·y with x and y as
// rows lie, and q·kᵀ of one head.
func BenchmarkMatMul(b *testing.B) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, c := range []struct {
		name           string
		m, k, n        int
		aTrans, bTrans bool
	}{{"xTy", 4608, 1024, 576, true, false}, {"qkT", 128, 64, 128, false, true}} {
		x := Mat{Data: randoms(r, c.m*c.k), Rows: c.m, Cols: c.k, Trans: c.aTrans}
		y := Mat{Data: randoms(r, c.k*c.n), Rows: c.k, Cols: c.n, Trans: c.bTrans}
		dst := Mat{Data: make([]float32, c.m*c.n), Rows: c.m, Cols: c.n}
		benchPaths(b, fmt.Sprintf("%s/%dx%dx%d", c.name, c.m, c.k, c.n), func(b *testing.B) {
			for b.Loop() {
				MatMul(dst, x, y, false)
			}
			flops(b, 2*float64(c.m)*float64(c.k)*float64(c.n))
		})
	}
}

// BenchmarkVector measures the vector kernels on rows of 1536 floats, which stay in
// the first cache; bytes are those read and written.
func BenchmarkVector(b *testing.B) {
	const n = 1536
	r := rand.New(rand.NewPCG(5, 6))
	x, y, z, v := randoms(r, n), randoms(r, n), randoms(r, n), make([]float32, n)
	half := make([]byte, 2*n)
	for _, c := range []struct {
		name  string
		bytes int64
		f     func()
	}{
		{"Dot", 8 * n, func() { Dot(x, y) }},
		{"Axpy", 12 * n, func() { Axpy(z, 1e-9, x) }},
		{"SumSq", 4 * n, func() { SumSq(x) }},
		{"RMSNorm", 12 * n, func() { RMSNorm(z, x, y, 1e-5) }},
		{"Softmax", 8 * n, func() { Softmax(v) }},
		{"SiLUMul", 12 * n, func() { SiLUMul(z, x, y) }},
		{"AdamStep", 28 * n, func() { AdamStep(z, x, y, v, AdamConst{LR: 1e-9, Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, Step: 9}) }},
		{"F32ToF16", 6 * n, func() { F32ToF16(half, x) }},
		{"F16ToF32", 6 * n, func() { F16ToF32(z, half) }},
	} {
		for _, k := range Kernels() {
			b.Run(c.name+"/"+k, func(b *testing.B) {
				restore, err := WithKernel(k)
				if err != nil {
					b.Fatal(err)
				}
				defer restore()
				b.SetBytes(c.bytes)
				for b.Loop() {
					c.f()
				}
			})
		}
	}
}

// BenchmarkDecode measures the decoding of rows of 1536 weights; bytes are those of
// the float32 numbers written, and weights a second a quarter of that.
func BenchmarkDecode(b *testing.B) {
	const n = 1536
	r, dst := rand.New(rand.NewPCG(7, 8)), make([]float32, n)
	for _, dt := range allTypes {
		src := encoded(r, dt, 1, n)
		for _, k := range Kernels() {
			b.Run(dt.String()+"/"+k, func(b *testing.B) {
				restore, err := WithKernel(k)
				if err != nil {
					b.Fatal(err)
				}
				defer restore()
				b.SetBytes(4 * n)
				for b.Loop() {
					Dequantize(dst, dt, src)
				}
			})
		}
	}
}

// BenchmarkLinearPacking measures what storage types cost a product of 128 rows that
// packs its weights anew, as a capture does when no memory is left for panels.
func BenchmarkLinearPacking(b *testing.B) {
	const n, in, out = 128, 1536, 1536
	r := rand.New(rand.NewPCG(9, 10))
	x, y := randoms(r, n*in), make([]float32, n*out)
	for _, dt := range allTypes {
		w, err := NewWeight(dt, out, in, encoded(r, dt, out, in))
		if err != nil {
			b.Fatal(err)
		}
		benchPaths(b, dt.String(), func(b *testing.B) {
			for b.Loop() {
				Linear(y, x, n, w)
			}
			flops(b, 2*n*in*out)
		})
	}
}
