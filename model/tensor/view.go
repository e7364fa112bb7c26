package tensor

import "fmt"

// NewTransposed wraps a matrix that is stored as [cols, rows], the transpose of
// what a Weight is, as transformers' Conv1D has it. The error wraps ErrDType when
// data has another length than the type and the shape say, or when the type is
// quantised: its blocks run along the stored rows.
func NewTransposed(dt DType, rows, cols int, data []byte) (*Weight, error) {
	if l, ok := layoutOf(dt); ok && l.block != 1 {
		return nil, fmt.Errorf("%w: %v matrix of %d×%d stored transposed, expected a type without blocks", ErrDType, dt, rows, cols)
	}
	w, err := NewWeight(dt, cols, rows, data)
	if err != nil {
		return nil, err
	}
	w.rows, w.cols, w.inOut, w.ld = rows, cols, true, rows
	return w, nil
}

// Slice is rows lo … hi−1 of w as a Weight of their own, over the same memory. It
// keeps no panels until Keep is called on it, and panics when the range is not one
// of w.
func (w *Weight) Slice(lo, hi int) *Weight {
	if lo < 0 || hi < lo || hi > w.rows {
		panic(fmt.Errorf("%w: Slice: rows %d to %d, expected a range within 0 … %d", ErrShape, lo, hi, w.rows))
	}
	v := &Weight{dtype: w.dtype, rows: hi - lo, cols: w.cols, data: w.data, f32: w.f32, rowBytes: w.rowBytes, inOut: w.inOut, ld: w.ld, first: w.first}
	switch {
	case w.order != nil:
		v.order = w.order[lo:hi]
	case w.inOut:
		v.first += lo
	case w.f32 != nil:
		v.f32 = w.f32[lo*w.cols : hi*w.cols]
	default:
		v.data = w.data[lo*w.rowBytes : hi*w.rowBytes]
	}
	return v
}

// run decodes len(dst) stored numbers of stored row i from logical row j on, of a
// matrix that is stored transposed.
func (w *Weight) run(k *kernel, dst []float32, i, j int) {
	at := i*w.ld + w.first + j
	if w.f32 != nil {
		copy(dst, w.f32[at:at+len(dst)])
		return
	}
	size := w.rowBytes / w.ld
	k.decode(dst, w.dtype, w.data[at*size:][:len(dst)*size])
}

// column decodes logical row r from column k0 on, of a matrix that is stored
// transposed.
func (w *Weight) column(k *kernel, dst []float32, r, k0 int) {
	for j := range dst {
		w.run(k, dst[j:j+1], k0+j, r)
	}
}

// packInOut writes the panel of logical rows j0 … j0+n−1: stored rows hold just
// what lies together in a panel. The columns that are missing are zeros already.
func (w *Weight) packInOut(k *kernel, dst []float32, j0, n int) {
	for i := range w.cols {
		w.run(k, dst[i*k.nr:i*k.nr+n], i, j0)
	}
}
