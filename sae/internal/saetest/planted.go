// Package saetest makes data whose dictionary is known, for tests of training,
// judging and indexing.
package saetest

import (
	"context"
	"io"
	"math"
	"math/rand/v2"

	"agar/activations"
	"agar/model/tensor"
)

// Planted is a world of features: every row is a sum of few known directions and
// noise.
type Planted struct {
	D, F   int
	Dirs   []float32 // [F, D], unit rows
	Freq   []float64 // how often each feature fires
	Parent []int     // the feature without which this one never fires, −1 for none
	Noise  float64   // standard deviation of a coordinate's noise

	seed     uint64
	children [][]int
}

// NewPlanted draws a world of f features in d dimensions with Zipf frequencies,
// the i-th most frequent firing in proportion to 1/i and none above a half, l0 of
// them on a row on average. A tenth of the features are children: each fires
// only with its parent, a more frequent one. Noise is 20 dB below the signal.
func NewPlanted(d, f int, l0 float64, seed uint64) *Planted {
	r := rand.New(rand.NewPCG(seed, 1))
	p := &Planted{D: d, F: f, Dirs: make([]float32, d*f), Freq: make([]float64, f), Parent: make([]int, f), seed: seed}
	for i := range f {
		norm := 0.0
		row := p.Dirs[i*d : (i+1)*d]
		for j := range row {
			v := r.NormFloat64()
			row[j] = float32(v)
			norm += v * v
		}
		for j := range row {
			row[j] /= float32(math.Sqrt(norm))
		}
		p.Parent[i] = -1
	}
	p.frequencies(l0)
	p.children = make([][]int, f)
	for _, i := range r.Perm(f - f/10)[:f/10] {
		child, parent := f/10+i, r.IntN(f/10)
		p.Parent[child] = parent
		p.children[parent] = append(p.children[parent], child)
	}
	signal := l0 * meanSquare / float64(d)
	p.Noise = math.Sqrt(signal / 100)
	return p
}

// Activations are uniform in [0.5, 1.5): mean square 13/12.
const meanSquare = 13.0 / 12

// frequencies scales 1/i, capped at a half, to a sum of l0.
func (p *Planted) frequencies(l0 float64) {
	lo, hi := 0.0, 10*l0
	for range 60 {
		c := (lo + hi) / 2
		sum := 0.0
		for i := range p.Freq {
			p.Freq[i] = min(c/float64(i+1), 0.5)
			sum += p.Freq[i]
		}
		if sum > l0 {
			hi = c
		} else {
			lo = c
		}
	}
}

// Row writes row i of the world into dst [D]. The same i gives the same row.
func (p *Planted) Row(dst []float32, i int64) {
	r := rand.New(rand.NewPCG(p.seed^0x5eed, uint64(i)))
	for j := range dst {
		dst[j] = float32(r.NormFloat64() * p.Noise)
	}
	p.fire(r, func(f int, a float32) { tensor.Axpy(dst, a, p.Dirs[f*p.D:(f+1)*p.D]) })
}

// group is how many features, sorted by frequency, are drawn with the frequency
// of the first: from one candidate to the next is a geometric step, and a
// candidate fires with its share of that frequency.
const group = 32

// fire draws the features of a row and calls add with each and its activation.
func (p *Planted) fire(r *rand.Rand, add func(f int, a float32)) {
	for from := 0; from < p.F; from += group {
		top, to := p.Freq[from], min(from+group, p.F)
		mean := -1 / math.Log1p(-top)
		for f := from + skip(mean, r); f < to; f += 1 + skip(mean, r) {
			if p.Parent[f] < 0 && r.Float64() < p.Freq[f]/top {
				p.family(f, r, add)
			}
		}
	}
}

// skip is the number of failures before a success of probability 1 − e^(−1/mean).
func skip(mean float64, r *rand.Rand) int { return int(min(r.ExpFloat64()*mean, 1e6)) }

// family adds a firing of feature f and draws its children.
func (p *Planted) family(f int, r *rand.Rand, add func(f int, a float32)) {
	add(f, float32(0.5+r.Float64()))
	for _, c := range p.children[f] {
		if r.Float64() < p.Freq[c]/p.Freq[f] {
			p.family(c, r, add)
		}
	}
}

// Source hands out rows [0, n) of the world; it is an activations.Seeker whose
// shuffled order is the plain one, every row being drawn independently.
type Source struct {
	p    *Planted
	n    int64
	next int64
}

// Source opens n rows.
func (p *Planted) Source(n int64) *Source { return &Source{p: p, n: n} }

func (s *Source) Dim() int   { return s.p.D }
func (s *Source) Len() int64 { return s.n }

func (s *Source) SeekRow(row int64) error {
	s.next = row
	return nil
}

func (s *Source) Next(ctx context.Context, dst *activations.Rows, max int) error {
	n := int(min(int64(max), s.n-s.next))
	dst.N, dst.D = n, s.p.D
	if n <= 0 {
		dst.N = 0
		return io.EOF
	}
	if cap(dst.X) < n*s.p.D {
		dst.X = make([]float32, n*s.p.D)
	}
	dst.X, dst.Index = dst.X[:n*s.p.D], dst.Index[:0]
	tensor.Parallel(n, func(i int) { s.p.Row(dst.X[i*s.p.D:(i+1)*s.p.D], s.next+int64(i)) })
	for i := range n {
		dst.Index = append(dst.Index, s.next+int64(i))
	}
	s.next += int64(n)
	return ctx.Err()
}
