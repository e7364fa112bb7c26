package sae

// Codes are the features of N tokens as compressed sparse rows: row r has the
// entries Ptr[r] to Ptr[r+1] of Index and Value, indices rising, every value
// non-zero. A Codes may be reused; who fills it overwrites all of it.
type Codes struct {
	N     int
	Ptr   []int64   // N+1 offsets, Ptr[0] = 0
	Index []uint32  // feature
	Value []float32 // its activation
}

// Row returns the entries of row r, shared with c.
func (c *Codes) Row(r int) (index []uint32, value []float32) {
	a, b := c.Ptr[r], c.Ptr[r+1]
	return c.Index[a:b], c.Value[a:b]
}

// Len is the number of entries of all rows.
func (c *Codes) Len() int { return len(c.Index) }

// L0 is the mean number of entries a row, 0 for no rows.
func (c *Codes) L0() float64 {
	if c.N == 0 {
		return 0
	}
	return float64(len(c.Index)) / float64(c.N)
}

// Reset empties c and keeps its memory.
func (c *Codes) Reset() {
	c.N = 0
	c.Ptr = append(c.Ptr[:0], 0)
	c.Index, c.Value = c.Index[:0], c.Value[:0]
}

// Append adds a row with copies of the given entries, whose indices must rise.
func (c *Codes) Append(index []uint32, value []float32) {
	mustFit("a row's values", len(value), len(index))
	if len(c.Ptr) == 0 {
		c.Ptr = append(c.Ptr, 0)
	}
	c.Index = append(c.Index, index...)
	c.Value = append(c.Value, value...)
	c.Ptr = append(c.Ptr, int64(len(c.Index)))
	c.N++
}

// Dense writes c into dst [N, dSAE], zeros where there is no entry.
func (c *Codes) Dense(dst []float32, dSAE int) {
	mustFit("dst", len(dst), c.N*dSAE)
	clear(dst)
	for r := range c.N {
		index, value := c.Row(r)
		for j, i := range index {
			dst[r*dSAE+int(i)] = value[j]
		}
	}
}
