package train

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// benchBatch is correlated data of the width of a small model: sums of a few of
// 256 directions.
func benchBatch(n, d int) []float32 {
	r := rand.New(rand.NewPCG(1, 2))
	dirs := make([]float32, 256*d)
	for i := range dirs {
		dirs[i] = float32(r.NormFloat64())
	}
	x := make([]float32, n*d)
	for row := range n {
		for range 12 {
			k, a := r.IntN(256), float32(r.Float64())
			for j := range d {
				x[row*d+j] += a * dirs[k*d+j] / 60
			}
		}
	}
	return x
}

// BenchmarkStep times a training step at the size that peers are timed at.
func BenchmarkStep(b *testing.B) {
	for _, size := range []struct{ dSAE, k, dead int }{{4608, 64, 0}, {4608, 64, 1536}, {16384, 64, 0}} {
		b.Run(fmt.Sprintf("d576/F%d/k%d/dead%d", size.dSAE, size.k, size.dead), func(b *testing.B) {
			c := Config{DIn: 576, DSAE: size.dSAE, K: size.k, Batch: 4096, Steps: 1 << 20, LR: 3e-4, DecayStart: 1 << 20,
				AuxAlpha: auxAlpha, AuxK: 288, DeadSteps: 1 << 20, ThresholdStart: 0, ThresholdBeta: 0.99}
			tr := New(c)
			x := benchBatch(c.Batch, c.DIn)
			tr.Step(x)
			tr.Step(x)
			b.ResetTimer()
			for b.Loop() {
				for i := range size.dead {
					tr.silent[i] = 1 << 21
				}
				tr.Step(x)
			}
			b.ReportMetric(float64(b.N*c.Batch)/b.Elapsed().Seconds(), "tok/s")
		})
	}
}
