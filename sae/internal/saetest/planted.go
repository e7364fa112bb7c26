// Package saetest makes data whose dictionary is known, for tests of training,
// judging and indexing.
package saetest

import (
	"context"
	"io"
	"math"
	"math/rand/v2"

	"agar/activations"
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
	for f := 0; f < p.F; f += group {
		p.fire(dst, f, min(f+group, p.F), r)
	}
}

// group is how many features, sorted by frequency, are drawn with the frequency
// of the first: from one candidate to the next is a geometric step, and a
// candidate fires with its share of that frequency.
const group = 32

func (p *Planted) fire(dst []float32, from, to int, r *rand.Rand) {
	top := p.Freq[from]
	for f := from + skip(top, r); f < to; f += 1 + skip(top, r) {
		if p.Parent[f] < 0 && r.Float64() < p.Freq[f]/top {
			p.add(dst, f, r)
		}
	}
}

// skip is the number of failures before a success of probability q.
func skip(q float64, r *rand.Rand) int {
	return int(min(math.Log(1-r.Float64())/math.Log(1-q), 1e6))
}

// add adds a firing of feature f and draws its children.
func (p *Planted) add(dst []float32, f int, r *rand.Rand) {
	a := float32(0.5 + r.Float64())
	for j, v := range p.Dirs[f*p.D : (f+1)*p.D] {
		dst[j] += a * v
	}
	for _, c := range p.children[f] {
		if r.Float64() < p.Freq[c]/p.Freq[f] {
			p.add(dst, c, r)
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
	for i := range n {
		s.p.Row(dst.X[i*s.p.D:(i+1)*s.p.D], s.next+int64(i))
		dst.Index = append(dst.Index, s.next+int64(i))
	}
	s.next += int64(n)
	return ctx.Err()
}

// Recovery says how well a dictionary's decoder rows w [n, D] find the planted
// features that fire at least minFreq often.
type Recovery struct {
	Features   int     // planted ones that count
	MeanCos    float64 // of each with the row assigned to it, one-to-one; 0 where none was left
	Above90    int     // with a cosine of at least 0.9
	Duplicates int     // rows with a cosine of at least 0.9 to a planted feature that another row was assigned to
}

// Recovered assigns rows to planted features one-to-one, largest cosines first.
func (p *Planted) Recovered(w []float32, minFreq float64) Recovery {
	n := len(w) / p.D
	var pairs []pair
	close := make([]int, n) // planted features that a row is near to, plus one
	for f := range p.F {
		if p.Freq[f] < minFreq {
			continue
		}
		for i := range n {
			c := cosine(p.Dirs[f*p.D:(f+1)*p.D], w[i*p.D:(i+1)*p.D])
			if c > 0.1 {
				pairs = append(pairs, pair{f, i, c})
			}
			if c >= 0.9 {
				close[i] = f + 1
			}
		}
	}
	return p.assign(pairs, close, minFreq)
}
