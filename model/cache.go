package model

import (
	"fmt"
	"slices"
)

// Cache keeps the keys and values of sequences between calls, so that a call
// computes the new tokens only. A slot holds one sequence. What is computed
// through a Cache has the same bits as one call with all tokens. A Cache belongs
// to one Model, one adapter setting and one range of blocks, and is not safe for
// concurrent use.
type Cache struct {
	m        *Model
	slots    []cacheSlot
	from, to int // blocks whose keys it holds; to 0 before the first use
}

// cacheSlot is the keys and values of one sequence, [n, KVHeads·DHead] a block.
type cacheSlot struct {
	n    int
	cap  int
	most int // tokens that it is planned to hold; 0: as many as the model takes
	k, v [][]float32
	made int     // length of the sequence when k and v were computed
	ids  []int32 // its tokens, where rotary frequencies follow from the length; fewer than n after a residual
}

// took counts tokens whose keys and values were stored.
func (s *cacheSlot) took(ids []int32, keep bool) {
	if keep && len(s.ids) >= s.n {
		s.ids = append(s.ids[:s.n], ids...)
	}
	s.n += len(ids)
	s.made = s.n
}

// NewCache makes a cache of so many empty slots. Memory is taken as sequences
// grow: CacheBytes a token.
func (m *Model) NewCache(seqs int) *Cache {
	return &Cache{m: m, slots: make([]cacheSlot, seqs)}
}

// CacheBytes is the memory a Cache takes for one token.
func (m *Model) CacheBytes() int64 {
	return 2 * 4 * int64(m.Spec.Layers) * int64(m.Spec.KVHeads) * int64(m.Spec.DHead)
}

// Slots is the number of slots.
func (c *Cache) Slots() int { return len(c.slots) }

// Len is the number of tokens in a slot.
func (c *Cache) Len(slot int) int { return c.slots[slot].n }

// Plan says how many tokens a slot will hold at most, so that it never takes
// memory for more of them. A longer sequence is still taken in.
func (c *Cache) Plan(slot, tokens int) { c.slots[slot].most = tokens }

// Reset empties a slot and gives its memory back.
func (c *Cache) Reset(slot int) { c.slots[slot] = cacheSlot{} }

// Bytes is the memory that all slots take.
func (c *Cache) Bytes() int64 {
	n := int64(0)
	for i := range c.slots {
		n += int64(c.slots[i].cap)
	}
	return n * c.m.CacheBytes()
}

// Truncate forgets the tokens of a slot from position n on.
func (c *Cache) Truncate(slot, n int) { c.slots[slot].n = min(c.slots[slot].n, n) }

// Copy makes slot dst hold what slot src holds, so that several continuations
// share one computed prefix. The plan of dst stays.
func (c *Cache) Copy(dst, src int) {
	if dst == src {
		return
	}
	s, width := &c.slots[src], c.m.kvWidth()
	d := cacheSlot{n: s.n, cap: s.n, most: c.slots[dst].most, made: s.made, ids: slices.Clone(s.ids), k: make([][]float32, len(s.k)), v: make([][]float32, len(s.v))}
	for l := range s.k {
		d.k[l] = slices.Clone(s.k[l][:s.n*width])
		d.v[l] = slices.Clone(s.v[l][:s.n*width])
	}
	c.slots[dst] = d
}

func (m *Model) kvWidth() int { return m.Spec.KVHeads * m.Spec.DHead }

// admit checks that a call over blocks [from, to) may use c, and makes room for
// the new tokens of its sequences.
func (c *Cache) admit(m *Model, from, to int, seqs [][]int32, slots []int) error {
	switch {
	case c.m != m:
		return fmt.Errorf("the cache belongs to another model")
	case c.to != 0 && (c.from != from || c.to != to):
		return fmt.Errorf("the cache holds blocks [%d, %d), the call runs [%d, %d)", c.from, c.to, from, to)
	case from == to:
		return fmt.Errorf("a call that runs no block cannot fill a cache")
	}
	seen := make([]bool, len(c.slots))
	for i := range seqs {
		s := slotOf(slots, i)
		if s < 0 || s >= len(c.slots) || seen[s] {
			return fmt.Errorf("sequence %d: slot %d is taken twice or not one of the cache's %d", i, s, len(c.slots))
		}
		seen[s] = true
	}
	c.from, c.to = from, to
	for i, ids := range seqs {
		c.slots[slotOf(slots, i)].reserve(len(ids), to-from, m.kvWidth(), m.Spec.MaxPos)
	}
	return nil
}

// slotOf is the slot of sequence i; slots nil means slot i.
func slotOf(slots []int, i int) int {
	if slots == nil {
		return i
	}
	return slots[i]
}

// reserve makes room for more tokens, at least doubling what there is.
func (s *cacheSlot) reserve(more, layers, width, maxPos int) {
	if s.k == nil {
		s.k, s.v = make([][]float32, layers), make([][]float32, layers)
	}
	need := s.n + more
	if need <= s.cap {
		return
	}
	if s.most > 0 {
		maxPos = min(maxPos, s.most)
	}
	s.cap = max(need, min(2*s.cap, maxPos), min(64, maxPos))
	for l := range s.k {
		s.k[l] = grown(s.k[l], s.n*width, s.cap*width)
		s.v[l] = grown(s.v[l], s.n*width, s.cap*width)
	}
}

// grown is a slice of length n that starts with the first kept elements of x.
func grown(x []float32, kept, n int) []float32 {
	y := make([]float32, n)
	copy(y, x[:min(kept, len(x))])
	return y
}
