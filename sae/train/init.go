package train

import (
	"math"
	"math/rand/v2"

	"agar/model/tensor"
)

// decoderEps is added to a decoder row's norm before dividing by it, torch's
// float32 epsilon as in dictionary_learning.
const decoderEps = 1.1920929e-07

// initialise draws the decoder's rows, uniform in a cube and then scaled to norm
// 1 (nn.Linear's default initialisation after normalisation), and copies them
// into the encoder. Biases stay zero.
func (t *Trainer) initialise() {
	r := rand.New(rand.NewPCG(t.cfg.Seed, initStream))
	for i := range t.wDec {
		t.wDec[i] = 2*r.Float32() - 1
	}
	for i := range t.cfg.DSAE {
		unit(t.row(t.wDec, i))
	}
	copy(t.wEnc, t.wDec)
}

// initStream separates the generator of the weights from others with the same
// seed.
const initStream = 0x1a17

// unit scales w to norm 1.
func unit(w []float32) {
	norm := float32(math.Sqrt(tensor.SumSq(w))) + decoderEps
	for j, v := range w {
		w[j] = v / norm
	}
}

// Weiszfeld's iteration as dictionary_learning runs it.
const (
	medianIterations = 100
	medianTolerance  = 1e-5
)

// geometricMedian returns the point with the least sum of distances to the rows
// of x [n, d], by Weiszfeld's iteration from the mean: each step is the mean
// weighted by one over the distance.
func geometricMedian(x []float32, n, d int) []float32 {
	weight := make([]float64, n)
	for i := range weight {
		weight[i] = 1
	}
	guess := weightedMean(x, weight, d)
	for range medianIterations {
		tensor.Parallel(n, func(r int) {
			weight[r] = 1 / max(distance(x[r*d:(r+1)*d], guess), minDistance)
		})
		next := weightedMean(x, weight, d)
		moved := 0.0
		for j, v := range next {
			moved += (v - guess[j]) * (v - guess[j])
		}
		guess = next
		if math.Sqrt(moved) < medianTolerance {
			break
		}
	}
	out := make([]float32, d)
	for j, v := range guess {
		out[j] = float32(v)
	}
	return out
}

// minDistance keeps a point that coincides with the guess from taking all the
// weight as infinity.
const minDistance = 1e-12

func distance(p []float32, q []float64) float64 {
	sum := 0.0
	for j, v := range p {
		e := float64(v) - q[j]
		sum += e * e
	}
	return math.Sqrt(sum)
}

func weightedMean(x []float32, weight []float64, d int) []float64 {
	mean, total := make([]float64, d), 0.0
	for r, w := range weight {
		for j, v := range x[r*d : (r+1)*d] {
			mean[j] += w * float64(v)
		}
		total += w
	}
	for j := range mean {
		mean[j] /= total
	}
	return mean
}
