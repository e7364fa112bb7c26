package tokenizer

import "container/heap"

// symbol is a token under construction: its id and its length in bytes.
type symbol struct {
	id, size int32
}

// mergeTable maps a pair of ids to the rank of their merge and the id it makes,
// by open addressing.
type mergeTable struct {
	keys []uint64 // left<<32 | right, plus one; 0 is free
	vals []uint64 // rank<<32 | id
	mask uint64
}

const noRank = 1<<32 - 1

func newMergeTable(n int) *mergeTable {
	size := 16
	for size < 2*n {
		size *= 2
	}
	return &mergeTable{make([]uint64, size), make([]uint64, size), uint64(size - 1)}
}

func pairKey(a, b int32) uint64 { return (uint64(uint32(a))<<32 | uint64(uint32(b))) + 1 }

func (m *mergeTable) slot(key uint64) uint64 {
	i := (key * 0x9E3779B97F4A7C15) >> 20 & m.mask
	for m.keys[i] != 0 && m.keys[i] != key {
		i = (i + 1) & m.mask
	}
	return i
}

// set gives the pair its rank; a pair that comes again takes the later one.
func (m *mergeTable) set(a, b int32, rank int, id int32) {
	k := pairKey(a, b)
	i := m.slot(k)
	m.keys[i], m.vals[i] = k, uint64(rank)<<32|uint64(uint32(id))
}

// get returns noRank for a pair that does not merge.
func (m *mergeTable) get(a, b int32) (rank uint32, id int32) {
	i := m.slot(pairKey(a, b))
	if m.keys[i] == 0 {
		return noRank, 0
	}
	return uint32(m.vals[i] >> 32), int32(uint32(m.vals[i]))
}

// mergeAll joins neighbours, the lowest rank first and of equal ranks the
// leftmost, until no pair merges. It works in place and returns what is left.
func (m *mergeTable) mergeAll(w []symbol, s *scratch) []symbol {
	if len(w) > maxScan {
		return m.mergeHeap(w)
	}
	return m.mergeScan(w, s)
}

// maxScan is the length up to which looking at all pairs each time beats a
// heap.
const maxScan = 48

type joint struct {
	rank uint32
	id   int32
}

// scratch is reused from word to word by one goroutine.
type scratch struct {
	word   []symbol
	joints []joint
}

// mergeScan is mergeAll for short words.
func (m *mergeTable) mergeScan(w []symbol, s *scratch) []symbol {
	js := s.joints[:0]
	for i := 1; i < len(w); i++ {
		r, id := m.get(w[i-1].id, w[i].id)
		js = append(js, joint{r, id})
	}
	s.joints = js
	for {
		best, at := uint32(noRank), -1
		for i, j := range js {
			if j.rank < best {
				best, at = j.rank, i
			}
		}
		if at < 0 {
			return w
		}
		w[at] = symbol{js[at].id, w[at].size + w[at+1].size}
		w = append(w[:at+1], w[at+2:]...)
		js = append(js[:at], js[at+1:]...)
		if at > 0 {
			js[at-1].rank, js[at-1].id = m.get(w[at-1].id, w[at].id)
		}
		if at < len(js) {
			js[at].rank, js[at].id = m.get(w[at].id, w[at+1].id)
		}
	}
}

// candidate is a possible merge of the symbol at pos with its right neighbour.
type candidate struct {
	rank uint32
	pos  int32
	id   int32
}

type candidates []candidate

func (h candidates) Len() int { return len(h) }
func (h candidates) Less(i, j int) bool {
	return h[i].rank < h[j].rank || h[i].rank == h[j].rank && h[i].pos < h[j].pos
}
func (h candidates) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *candidates) Push(x any)   { *h = append(*h, x.(candidate)) }
func (h *candidates) Pop() any {
	o := *h
	x := o[len(o)-1]
	*h = o[:len(o)-1]
	return x
}

// mergeHeap is mergeAll in n log n: symbols form a linked list, an entry of the
// heap is stale when its pair no longer makes the same token.
func (m *mergeTable) mergeHeap(w []symbol) []symbol {
	n := int32(len(w))
	prev, next := make([]int32, n), make([]int32, n)
	var h candidates
	offer := func(i int32) {
		if i < 0 || next[i] >= n {
			return
		}
		if r, id := m.get(w[i].id, w[next[i]].id); r != noRank {
			heap.Push(&h, candidate{r, i, id})
		}
	}
	for i := range n {
		prev[i], next[i] = i-1, i+1
	}
	for i := range n {
		offer(i)
	}
	for len(h) > 0 {
		c := heap.Pop(&h).(candidate)
		if w[c.pos].size == 0 || next[c.pos] >= n {
			continue
		}
		j := next[c.pos]
		if r, id := m.get(w[c.pos].id, w[j].id); r == noRank || id != c.id {
			continue
		}
		w[c.pos] = symbol{c.id, w[c.pos].size + w[j].size}
		w[j].size = 0
		next[c.pos] = next[j]
		if next[j] < n {
			prev[next[j]] = c.pos
		}
		offer(prev[c.pos])
		offer(c.pos)
	}
	out := w[:0]
	for _, s := range w {
		if s.size > 0 {
			out = append(out, s)
		}
	}
	return out
}
