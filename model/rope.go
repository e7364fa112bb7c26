package model

import "math"

// ropeTable holds cos and sin of the rotary angles of positions 0 … n−1, each
// [n, DHead/2].
type ropeTable struct {
	n        int
	cos, sin []float32
}

// inverseFrequencies are the rotary frequencies θ^(−2i/DHead) (Su et al. 2021,
// eq. 15), every step rounded to float32 as transformers does.
func (s *Spec) inverseFrequencies() []float32 {
	inv := make([]float32, s.DHead/2)
	for i := range inv {
		exp := float32(2*i) / float32(s.DHead)
		inv[i] = 1 / float32(math.Pow(s.RopeTheta, float64(exp)))
	}
	s.RopeScaling.apply(inv)
	return inv
}

// apply stretches the frequencies in place. llama3 leaves short wavelengths
// alone, divides long ones by Factor and blends between:
//
//	σ = (L/λ − low)/(high − low),   f' = (1 − σ)·f/factor + σ·f,   λ = 2π/f
//
// with L the original context, low and high the frequency factors.
func (r *RopeScaling) apply(inv []float32) {
	for i, d := range r.Divisors {
		inv[i] /= d
	}
	if r.Type != "llama3" {
		return
	}
	ctx, low := float32(r.OriginalMaxPos), float32(r.LowFreqFactor)
	longest, shortest := float32(float64(r.OriginalMaxPos)/r.LowFreqFactor), float32(float64(r.OriginalMaxPos)/r.HighFreqFactor)
	span := float32(r.HighFreqFactor - r.LowFreqFactor)
	for i, f := range inv {
		switch wave := float32(2*math.Pi) / f; {
		case wave < shortest:
		case wave > longest:
			inv[i] = f / float32(r.Factor)
		default:
			smooth := (ctx/wave - low) / span
			inv[i] = float32(float32((1-smooth)*f)/float32(r.Factor)) + float32(smooth*f)
		}
	}
}

// ropeFor gives a table of at least n positions. Tables only ever grow, so a
// table that a caller holds stays valid.
func (m *Model) ropeFor(n int) *ropeTable {
	if t := m.rope.Load(); t != nil && t.n >= n {
		return t
	}
	m.ropeGrow.Lock()
	defer m.ropeGrow.Unlock()
	if t := m.rope.Load(); t != nil && t.n >= n {
		return t
	}
	t := newRopeTable(&m.Spec, max(min(2*n, m.Spec.MaxPos), n))
	m.rope.Store(t)
	return t
}

// newRopeTable rounds the angle position·frequency to float32 before taking its
// cosine and sine, as transformers does; at position 2,000 that moves the angle
// by up to 1e-4.
func newRopeTable(s *Spec, n int) *ropeTable {
	inv := s.inverseFrequencies()
	t := &ropeTable{n: n, cos: make([]float32, n*len(inv)), sin: make([]float32, n*len(inv))}
	for p := range n {
		for i, f := range inv {
			sin, cos := math.Sincos(float64(float32(p) * f))
			t.sin[p*len(inv)+i], t.cos[p*len(inv)+i] = float32(sin), float32(cos)
		}
	}
	return t
}

// rotate turns every head of one row x [heads·2h] by the angles of position pos,
// h being half the width of a head: (x₁, x₂) → (x₁cos − x₂sin, x₂cos + x₁sin).
func (t *ropeTable) rotate(x []float32, pos, h int) {
	cos, sin := t.cos[pos*h:][:h], t.sin[pos*h:][:h]
	for ; len(x) >= 2*h; x = x[2*h:] {
		lo, hi := x[:h], x[h:2*h]
		for i, c := range cos {
			s, a, b := sin[i], lo[i], hi[i]
			lo[i] = float32(a*c) - float32(b*s)
			hi[i] = float32(b*c) + float32(a*s)
		}
	}
}
