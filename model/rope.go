package model

import (
	"fmt"
	"math"
	"sync"
	"sync/atomic"
)

// Rope is a rotary embedding (Su et al. 2021).
type Rope struct {
	Theta   float64 // base of the frequencies
	Dim     int     // leading values of a head that are turned; 0: all
	Scaling RopeScaling
}

// RopeScaling changes the rotary frequencies. The zero value changes nothing.
type RopeScaling struct {
	Type           string  // "", linear, dynamic, yarn, longrope or llama3
	Factor         float64 // by which the context is longer than the original
	OriginalMaxPos int     // the original context
	LowFreqFactor  float64 // llama3
	HighFreqFactor float64
	BetaFast       float64 // yarn: turns within the original context from which frequencies stay
	BetaSlow       float64 // and below which they are divided
	Untruncated    bool    // yarn: the bounds between are not rounded to whole frequencies
	Attention      float64 // yarn, longrope: factor on cos and sin; 0 is 1
	Short, Long    []float64
	// Short and Long divide the frequencies of longrope one by one, in sequences
	// up to OriginalMaxPos and in longer ones.

	// Divisors, when set, divide the frequencies one by one [Dim/2]. It is how
	// GGUF files carry llama3 scaling.
	Divisors []float32
}

// byLength tells whether frequencies depend on the length of the sequence.
func (r *RopeScaling) byLength() bool { return r.Type == "dynamic" || r.Type == "longrope" }

// stretch tells for which lengths the frequencies are those of a sequence of n
// tokens: two lengths of one stretch share them.
func (r *RopeScaling) stretch(n int) int {
	switch {
	case !r.byLength() || n <= r.OriginalMaxPos:
		return 0
	case r.Type == "longrope":
		return r.OriginalMaxPos + 1
	}
	return n
}

// check refuses a rotary embedding that cannot be computed for heads of width
// dHead.
func (r *Rope) check(dHead int) error {
	switch {
	case !(r.Theta > 0 && r.Theta < 1e30):
		return fmt.Errorf("rope theta: found %g, expected a positive number", r.Theta)
	case r.Dim < 2 || r.Dim > dHead || r.Dim%2 != 0:
		return fmt.Errorf("rotary embedding: found %d values of heads of %d turned, expected an even number of at most as many", r.Dim, dHead)
	}
	return r.Scaling.check(r.Dim)
}

func (r *RopeScaling) check(dim int) error {
	if r.Divisors != nil && len(r.Divisors) != dim/2 {
		return fmt.Errorf("rope divisors: found %d, expected %d", len(r.Divisors), dim/2)
	}
	if r.Type == "" {
		return nil
	}
	if !(r.Factor >= 1 && r.Factor < 1e9) || !(r.Attention >= 0 && r.Attention < 1e9) {
		return fmt.Errorf("%s rope scaling: found factor %g and attention_factor %g, expected a factor of at least 1 and none below 0", r.Type, r.Factor, r.Attention)
	}
	if r.Type != "linear" && (r.OriginalMaxPos < 1 || r.OriginalMaxPos > maxPos) {
		return fmt.Errorf("%s rope scaling: found original_max_position_embeddings %d, expected at least 1", r.Type, r.OriginalMaxPos)
	}
	switch r.Type {
	case "linear":
	case "dynamic":
		if dim < 4 {
			return fmt.Errorf("dynamic rope scaling: found %d values of a head turned, expected at least 4", dim)
		}
	case "yarn":
		if !(r.BetaFast > 0 && r.BetaSlow > 0 && r.BetaFast < 1e9 && r.BetaSlow < 1e9) {
			return fmt.Errorf("yarn rope scaling: found beta_fast %g and beta_slow %g, expected positive numbers", r.BetaFast, r.BetaSlow)
		}
	case "longrope":
		return r.checkLists(dim)
	case "llama3":
		if !(r.LowFreqFactor > 0) || !(r.HighFreqFactor > r.LowFreqFactor) || r.HighFreqFactor > 1e9 {
			return fmt.Errorf("llama3 rope scaling: found low_freq_factor %g and high_freq_factor %g, expected 0 < low < high", r.LowFreqFactor, r.HighFreqFactor)
		}
	default:
		return fmt.Errorf("rope scaling %q is not supported, expected default, linear, dynamic, yarn, longrope or llama3", r.Type)
	}
	return nil
}

func (r *RopeScaling) checkLists(dim int) error {
	for name, list := range map[string][]float64{"short_factor": r.Short, "long_factor": r.Long} {
		if len(list) != dim/2 {
			return fmt.Errorf("longrope scaling: %s: found %d numbers, expected %d", name, len(list), dim/2)
		}
		for _, v := range list {
			if !(v > 1e-9 && v < 1e9) {
				return fmt.Errorf("longrope scaling: %s: found %g, expected positive numbers", name, v)
			}
		}
	}
	return nil
}

// inverseFrequencies are the rotary frequencies θ^(−2i/Dim) (Su et al. 2021,
// eq. 15) for a sequence of n tokens, every step rounded to float32 as
// transformers does.
func (r *Rope) inverseFrequencies(n int) []float32 {
	s := &r.Scaling
	theta := r.Theta
	if s.Type == "dynamic" {
		theta = s.grown(theta, r.Dim, n)
	}
	inv := make([]float32, r.Dim/2)
	for i := range inv {
		exp := float32(2*i) / float32(r.Dim)
		base := float32(math.Pow(theta, float64(exp)))
		if s.Type == "longrope" {
			base *= float32(s.list(n)[i])
		}
		inv[i] = 1 / base
	}
	switch s.Type {
	case "linear":
		for i := range inv {
			inv[i] /= float32(s.Factor)
		}
	case "yarn":
		s.yarn(inv, r)
	case "llama3":
		s.llama3(inv)
	}
	for i, d := range s.Divisors {
		inv[i] /= d
	}
	return inv
}

// grown is the base that NTK-aware scaling takes for a sequence of n tokens
// beyond the original context L (bloc97 and emozilla 2023):
//
//	θ·(factor·n/L − (factor − 1))^(Dim/(Dim − 2))
func (r *RopeScaling) grown(theta float64, dim, n int) float64 {
	if n <= r.OriginalMaxPos {
		return theta
	}
	x := float32(n)*float32(r.Factor)/float32(r.OriginalMaxPos) - float32(r.Factor-1)
	power := float32(math.Pow(float64(x), float64(float32(float64(dim)/float64(dim-2)))))
	return float64(float32(theta) * power)
}

// list is the divisors of longrope for a sequence of n tokens.
func (r *RopeScaling) list(n int) []float64 {
	if n > r.OriginalMaxPos {
		return r.Long
	}
	return r.Short
}

// yarn divides the frequencies that turn less than BetaSlow times within the
// original context by Factor, leaves those that turn more than BetaFast times,
// and blends between (Peng et al. 2023, section 3.2).
func (r *RopeScaling) yarn(inv []float32, rope *Rope) {
	dim := float64(rope.Dim)
	at := func(turns float64) float64 {
		return dim * math.Log(float64(r.OriginalMaxPos)/(turns*2*math.Pi)) / (2 * math.Log(rope.Theta))
	}
	low, high := at(r.BetaFast), at(r.BetaSlow)
	if !r.Untruncated {
		low, high = math.Floor(low), math.Ceil(high)
	}
	low, high = max(low, 0), min(high, dim-1)
	if low == high {
		high += 0.001
	}
	for i := range inv {
		ramp := min(max((float32(i)-float32(low))/float32(high-low), 0), 1)
		stay := 1 - ramp
		exp := float32(2*i) / float32(rope.Dim)
		divided := 1 / (float32(r.Factor) * float32(math.Pow(rope.Theta, float64(exp))))
		inv[i] = float32(divided*(1-stay)) + float32(inv[i]*stay)
	}
}

// llama3 leaves short wavelengths alone, divides long ones by Factor and blends
// between:
//
//	σ = (L/λ − low)/(high − low),   f' = (1 − σ)·f/factor + σ·f,   λ = 2π/f
//
// with L the original context, low and high the frequency factors.
func (r *RopeScaling) llama3(inv []float32) {
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

// ropeTable holds cos and sin of the rotary angles of positions 0 … n−1, each
// [n, half].
type ropeTable struct {
	n, half  int
	stretch  int // the lengths that it is for
	cos, sin []float32
}

// ropeStore keeps the tables of one Rope: the one for lengths within the original
// context, and the last one beyond it.
type ropeStore struct {
	grow   sync.Mutex
	within atomic.Pointer[ropeTable]
	beyond atomic.Pointer[ropeTable]
}

// get gives a table for a sequence of n tokens. Tables only ever grow or make
// way, so a table that a caller holds stays valid.
func (st *ropeStore) get(r *Rope, n, maxPos int) *ropeTable {
	at, stretch := &st.within, r.Scaling.stretch(n)
	if stretch > 0 {
		at = &st.beyond
	}
	fits := func(t *ropeTable) bool { return t != nil && t.n >= n && t.stretch == stretch }
	if t := at.Load(); fits(t) {
		return t
	}
	st.grow.Lock()
	defer st.grow.Unlock()
	if t := at.Load(); fits(t) {
		return t
	}
	size := max(min(2*n, maxPos), n)
	if stretch == n {
		size = n
	}
	t := newRopeTable(r, n, size)
	at.Store(t)
	return t
}

// newRopeTable makes the table of size positions for sequences of n tokens. It
// rounds the angle position·frequency to float32 before taking its cosine and
// sine, as transformers does; at position 2,000 that moves the angle by up to 1e-4.
func newRopeTable(r *Rope, n, size int) *ropeTable {
	inv := r.inverseFrequencies(n)
	t := &ropeTable{n: size, half: len(inv), stretch: r.Scaling.stretch(n), cos: make([]float32, size*len(inv)), sin: make([]float32, size*len(inv))}
	factor := float32(1)
	if r.Scaling.Attention > 0 {
		factor = float32(r.Scaling.Attention)
	}
	for p := range size {
		for i, f := range inv {
			sin, cos := math.Sincos(float64(float32(p) * f))
			t.sin[p*len(inv)+i], t.cos[p*len(inv)+i] = float32(sin)*factor, float32(cos)*factor
		}
	}
	return t
}

// rotate turns the first 2h values of every head of one row x [heads·dHead] by
// the angles of position pos: (x₁, x₂) → (x₁cos − x₂sin, x₂cos + x₁sin), x₁ being
// the first h values and x₂ the second h.
func (t *ropeTable) rotate(x []float32, pos, dHead int) {
	h := t.half
	cos, sin := t.cos[pos*h:][:h], t.sin[pos*h:][:h]
	for ; len(x) >= dHead; x = x[dHead:] {
		lo, hi := x[:h], x[h:2*h]
		for i, c := range cos {
			s, a, b := sin[i], lo[i], hi[i]
			lo[i] = float32(a*c) - float32(b*s)
			hi[i] = float32(b*c) + float32(a*s)
		}
	}
}
