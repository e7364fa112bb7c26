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
