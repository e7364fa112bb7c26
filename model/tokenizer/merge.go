package tokenizer

// symbol is a token under construction: its id and its length in bytes. Of
// finished words, length 0 means the same bytes as the symbol before.
type symbol struct {
	id, size int32
}

// mergeTable maps a pair of ids to the rank of their merge and the id it makes,
// by open addressing.
type mergeTable struct {
	keys []uint64 // left<<32 | right, plus one; 0 is free
	vals []uint64 // rank<<32 | id
	mask uint64
	used int
}

const noRank = 1<<32 - 1

func newMergeTable(n int) *mergeTable {
	size := 16
	for 3*size < 4*n {
		size *= 2
	}
	return &mergeTable{keys: make([]uint64, size), vals: make([]uint64, size), mask: uint64(size - 1)}
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
	m.put(pairKey(a, b), uint64(rank)<<32|uint64(uint32(id)))
}

func (m *mergeTable) put(key, val uint64) {
	i := m.slot(key)
	if m.keys[i] == 0 {
		if m.used++; 4*m.used > 3*len(m.keys) {
			m.grow()
			i = m.slot(key)
		}
	}
	m.keys[i], m.vals[i] = key, val
}

func (m *mergeTable) grow() {
	old := *m
	*m = *newMergeTable(len(old.keys))
	m.used = old.used
	for i, k := range old.keys {
		if k != 0 {
			j := m.slot(k)
			m.keys[j], m.vals[j] = k, old.vals[i]
		}
	}
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
		return m.mergeHeap(w, s)
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
	word    []symbol
	parts   []symbol
	joints  []joint
	heap    []uint64
	links   []int32
	lattice []lattice
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

// mergeHeap is mergeAll in n log n: symbols form a linked list, and a heap has
// the possible merges of a symbol with its right neighbour as rank<<32 | place.
// An entry is stale when its pair no longer has that rank.
func (m *mergeTable) mergeHeap(w []symbol, s *scratch) []symbol {
	n := len(w)
	s.links = append(s.links[:0], make([]int32, 2*n)...)
	prev, next := s.links[:n], s.links[n:]
	h := heap(s.heap[:0])
	offer := func(i int32) {
		if i >= 0 && int(next[i]) < n {
			if r, _ := m.get(w[i].id, w[next[i]].id); r != noRank {
				h.push(uint64(r)<<32 | uint64(i))
			}
		}
	}
	for i := range int32(n) {
		prev[i], next[i] = i-1, i+1
	}
	for i := range int32(n) {
		offer(i)
	}
	for len(h) > 0 {
		c := h.pop()
		i := int32(uint32(c))
		j := next[i]
		if w[i].size == 0 || int(j) >= n {
			continue
		}
		r, id := m.get(w[i].id, w[j].id)
		if uint64(r) != c>>32 {
			continue
		}
		w[i] = symbol{id, w[i].size + w[j].size}
		w[j].size = 0
		next[i] = next[j]
		if int(next[j]) < n {
			prev[next[j]] = i
		}
		offer(prev[i])
		offer(i)
	}
	s.heap = h
	out := w[:0]
	for _, x := range w {
		if x.size > 0 {
			out = append(out, x)
		}
	}
	return out
}

// heap is a binary heap with the smallest number on top.
type heap []uint64

func (h *heap) push(x uint64) {
	*h = append(*h, x)
	a := *h
	i := len(a) - 1
	for i > 0 {
		up := (i - 1) / 2
		if a[up] <= x {
			break
		}
		a[i] = a[up]
		i = up
	}
	a[i] = x
}

func (h *heap) pop() uint64 {
	a := *h
	top, x := a[0], a[len(a)-1]
	a = a[:len(a)-1]
	*h = a
	if len(a) == 0 {
		return top
	}
	i := 0
	for {
		down := 2*i + 1
		if down >= len(a) {
			break
		}
		if down+1 < len(a) && a[down+1] < a[down] {
			down++
		}
		if x <= a[down] {
			break
		}
		a[i] = a[down]
		i = down
	}
	a[i] = x
	return top
}
