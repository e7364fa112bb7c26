package tokenizer

import (
	"math/rand/v2"
	"strconv"
	"testing"
)

// randomMerges is a table over two letters that makes tokens of random earlier
// ones, as training does; ids are letters 0 and 1, then the merges.
func randomMerges(rng *rand.Rand, n int) *mergeTable {
	m := newMergeTable(0)
	texts := []string{"0", "1"}
	known := map[string]int32{"0": 0, "1": 1}
	for rank := range n {
		a, b := rng.IntN(len(texts)), rng.IntN(len(texts))
		s := texts[a] + texts[b]
		id, ok := known[s]
		if !ok {
			id = int32(len(texts))
			known[s] = id
			texts = append(texts, s)
		}
		m.set(int32(a), int32(b), rank, id)
	}
	return m
}

// Looking at all pairs and the heap make the same tokens.
func TestMergeScanEqualsHeap(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		m := randomMerges(rng, 1+rng.IntN(60))
		a := make([]symbol, rng.IntN(120))
		for i := range a {
			a[i] = symbol{int32(rng.IntN(2)), 1}
		}
		b := append([]symbol(nil), a...)
		x, y := m.mergeScan(a, &scratch{}), m.mergeHeap(b, &scratch{})
		if !equal(x, y) {
			t.Fatalf("scan %v, heap %v", x, y)
		}
	}
}

func TestMergeTable(t *testing.T) {
	m, rng := newMergeTable(1000), rand.New(rand.NewPCG(5, 6))
	want := map[[2]int32][2]int32{}
	for rank := range int32(1000) {
		p := [2]int32{rng.Int32N(40000), rng.Int32N(40000)}
		want[p] = [2]int32{rank, rank * 3}
		m.set(p[0], p[1], int(rank), rank*3)
	}
	for p, v := range want {
		if r, id := m.get(p[0], p[1]); int32(r) != v[0] || id != v[1] {
			t.Errorf("%v: rank %d id %d, want %v", p, r, id, v)
		}
		if _, ok := want[[2]int32{p[1], p[0]}]; ok {
			continue
		}
		if r, _ := m.get(p[1], p[0]); r != noRank {
			t.Errorf("the reverse of %v merges", p)
		}
	}
}

// The cache never returns another word's symbols and forgets the oldest.
func TestCache(t *testing.T) {
	c, word := newCache(), func(i int) string { return "w" + strconv.Itoa(i) }
	for i := range 2 * cacheSlots {
		c.put(word(i), []symbol{{int32(i), 1}})
	}
	hits := 0
	for i := range 2 * cacheSlots {
		if s, ok := c.get(word(i)); ok {
			hits++
			if s[0].id != int32(i) {
				t.Fatalf("word %d has the symbols of %d", i, s[0].id)
			}
		}
	}
	if hits == 0 || hits > cacheSlots {
		t.Errorf("%d hits of %d words in %d slots", hits, 2*cacheSlots, cacheSlots)
	}
	if long := string(make([]byte, maxCacheWord+1)); true {
		c.put(long, []symbol{{1, 1}})
		if _, ok := c.get(long); ok {
			t.Error("a long word was kept")
		}
	}
}
