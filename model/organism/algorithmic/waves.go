package algorithmic

import (
	"math"
	"slices"
)

// KeyShare is the share of the logits' variance from which a frequency counts as
// key, and keyTimes how many times it must be that of a function of the inputs
// without structure, 2/(P² − 1), which is 0.07 % for P = 53.
const (
	KeyShare = 0.01
	keyTimes = 10
)

// Waves is what the logits of all P² inputs hold of functions of a + b: with
// L(a, b) [Vocab] the logits, less their mean over the numbers 0 … P−1 of each
// input, the mean over each sum
//
//	T(s) = 1/P · Σ_{a+b≡s} L(a, b)
//
// is their orthogonal projection on those functions, and the discrete Fourier
// transform splits it further,
//
//	T(s) = T̄ + Σ_k F_k(s),   F_k(s) = 2/P · Σ_u cos(2πk(s − u)/P)·T(u),   k = 1 … (P−1)/2,
//
// so that F_k is the part of L along cos(2πk(a+b)/P) and sin(2πk(a+b)/P), the
// directions that an algorithm by trigonometric identities computes with (Nanda et
// al. 2023, section 4).
type Waves struct {
	p, vocab int
	mean     []float64 // T̄ [vocab]
	sums     []float64 // T less T̄ [p, vocab]
	variance float64   // Σ over inputs and numbers of (L − T̄)²
}

// NewWaves reads logits [P², P+1], those of input (a, b) in row a·P + b.
func (t *Task) NewWaves(logits []float32) *Waves {
	p, v := t.P, t.P+1
	w := &Waves{p: p, vocab: v, mean: make([]float64, v), sums: make([]float64, p*v)}
	row := make([]float64, v)
	for i := range p * p {
		centre(row, logits[i*v:(i+1)*v], p)
		s := w.sums[(i/p+i%p)%p*v:][:v]
		for c, x := range row {
			s[c] += x / float64(p)
			if c < p {
				w.variance += x * x
			}
		}
	}
	for i, x := range w.sums {
		w.mean[i%v] += x / float64(p)
	}
	for i := range w.sums {
		w.sums[i] -= w.mean[i%v]
	}
	for _, m := range w.mean[:p] {
		w.variance -= float64(p*p) * m * m
	}
	return w
}

// centre is the logits of one input less their mean over the numbers 0 … p−1, which
// no softmax sees.
func centre(dst []float64, logits []float32, p int) {
	mean := 0.0
	for _, x := range logits[:p] {
		mean += float64(x) / float64(p)
	}
	for c, x := range logits {
		dst[c] = float64(x) - mean
	}
}

// Part is Σ_{k∈keys} F_k [P, Vocab].
func (w *Waves) Part(keys []int) []float64 {
	kernel := make([]float64, w.p)
	for d := range kernel {
		for _, k := range keys {
			kernel[d] += 2 / float64(w.p) * math.Cos(2*math.Pi*float64(k*d%w.p)/float64(w.p))
		}
	}
	out := make([]float64, w.p*w.vocab)
	for s := range w.p {
		dst := out[s*w.vocab : (s+1)*w.vocab]
		for u := range w.p {
			x := kernel[(s-u+w.p)%w.p]
			for c, v := range w.sums[u*w.vocab : (u+1)*w.vocab] {
				dst[c] += x * v
			}
		}
	}
	return out
}

// Shares are the shares of the variance of the logits over inputs that lie in the
// F_k, at index k − 1: P·Σ_s Σ_c F_k(s)[c]² over Σ_{a,b} Σ_c (L(a, b) − T̄)[c]², c
// the numbers 0 … P−1. They sum to at most 1; all are 0 where the logits are
// constant.
func (w *Waves) Shares() []float64 {
	out := make([]float64, (w.p-1)/2)
	if w.variance <= 0 {
		return out
	}
	for i := range out {
		for j, x := range w.Part([]int{i + 1}) {
			if j%w.vocab < w.p {
				out[i] += float64(w.p) * x * x / w.variance
			}
		}
	}
	return out
}

// Keys finds the subspace: the frequencies whose share is at least KeyShare and
// ten times 2/(P² − 1), largest first.
func (w *Waves) Keys() []int {
	shares, least := w.Shares(), max(KeyShare, keyTimes*2/float64(w.p*w.p-1))
	var keys []int
	for i, s := range shares {
		if s >= least {
			keys = append(keys, i+1)
		}
	}
	slices.SortFunc(keys, func(a, b int) int {
		switch x, y := shares[a-1], shares[b-1]; {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return a - b
	})
	return keys
}

// Restricted is the logits [P, Vocab] by the sum of the inputs with only the key
// frequencies kept: T̄ + Σ_{k∈keys} F_k.
func (w *Waves) Restricted(keys []int) []float64 {
	out := w.Part(keys)
	for i := range out {
		out[i] += w.mean[i%w.vocab]
	}
	return out
}
