package train

import "agar/sae"

// transposed lists the entries of Codes by feature: those of feature i are
// at[ptr[i]:ptr[i+1]], rows rising.
type transposed struct {
	ptr []int32
	at  []place
}

// place is where an entry stands in the Codes.
type place struct{ row, entry int32 }

// of fills t from c, whose features are below dSAE.
func (t *transposed) of(c *sae.Codes, dSAE int) {
	if cap(t.ptr) < dSAE+1 {
		t.ptr = make([]int32, dSAE+1)
	}
	t.ptr = t.ptr[:dSAE+1]
	clear(t.ptr)
	for _, i := range c.Index {
		t.ptr[i+1]++
	}
	for i := range dSAE {
		t.ptr[i+1] += t.ptr[i]
	}
	if cap(t.at) < c.Len() {
		t.at = make([]place, c.Len())
	}
	t.at = t.at[:c.Len()]
	for r := range c.N {
		for e := c.Ptr[r]; e < c.Ptr[r+1]; e++ {
			i := c.Index[e]
			t.at[t.ptr[i]] = place{int32(r), int32(e)}
			t.ptr[i]++
		}
	}
	copy(t.ptr[1:], t.ptr[:dSAE]) // each was advanced to the next one's start
	t.ptr[0] = 0
}

// places are the entries of feature i.
func (t *transposed) places(i int) []place { return t.at[t.ptr[i]:t.ptr[i+1]] }
