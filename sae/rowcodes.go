package sae

// rowCodes collects the entries of a few rows: index and value hold the row
// under way, done the finished ones.
type rowCodes struct {
	index []uint32
	value []float32
	done  Codes
	order []int32
}

func (r *rowCodes) reset() {
	r.index, r.value = r.index[:0], r.value[:0]
	r.done.Reset()
}

func (r *rowCodes) add(i int, v float32) {
	r.index = append(r.index, uint32(i))
	r.value = append(r.value, v)
}

func (r *rowCodes) endRow() {
	r.done.Append(r.index, r.value)
	r.index, r.value = r.index[:0], r.value[:0]
}

func (r *rowCodes) appendTo(dst *Codes) {
	for i := range r.done.N {
		dst.Append(r.done.Row(i))
	}
}
