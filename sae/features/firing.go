package features

import "math"

// firing is one activation of a feature with those around it.
type firing struct {
	row      int64 // of the store
	value    float32
	priority uint64
	before   uint8     // tokens of context ahead of it, in its window
	after    uint8     // and behind it
	acts     []float32 // before+1+after activations, NaN where the token is left out
}

// entry is a firing of one feature in a block: its row and activation.
type entry struct {
	row   int32
	value float32
}

// list is the firings of a feature in a block, rows rising.
type list struct {
	b       *block
	entries []entry
	around  int
}

// firing copies entry e with its neighbourhood, into the memory of old.
func (l list) firing(e int, priority uint64, old firing) firing {
	row := int(l.entries[e].row)
	lo, hi := l.bounds(row)
	f := firing{
		row: l.b.first + int64(row), value: l.entries[e].value, priority: priority,
		before: uint8(row - lo), after: uint8(hi - row - 1), acts: old.acts[:0],
	}
	for i := lo; i < hi; i++ {
		a := float32(0)
		if !l.b.keep[i] {
			a = float32(math.NaN())
		}
		f.acts = append(f.acts, a)
	}
	for j := e; j >= 0 && int(l.entries[j].row) >= lo; j-- {
		f.acts[int(l.entries[j].row)-lo] = l.entries[j].value
	}
	for j := e + 1; j < len(l.entries) && int(l.entries[j].row) < hi; j++ {
		f.acts[int(l.entries[j].row)-lo] = l.entries[j].value
	}
	return f
}

// bounds are the rows of the block that the neighbourhood of row covers.
func (l list) bounds(row int) (lo, hi int) {
	start := l.b.window[row]
	lo = max(row-l.around, int(start))
	hi = row + 1
	for hi < l.b.n && hi <= row+l.around && l.b.window[hi] == start {
		hi++
	}
	return lo, hi
}

// priority orders the firings of a feature at random: a hash of seed, purpose,
// feature and row (the finaliser of splitmix64 over each).
func priority(seed uint64, purpose, feature int, row int64) uint64 {
	h := mix(seed + 0x9e3779b97f4a7c15)
	h = mix(h ^ uint64(purpose))
	h = mix(h ^ uint64(feature))
	return mix(h ^ uint64(row))
}

func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

// Purposes of a priority.
const (
	forInterval = iota
	forRandom
)
