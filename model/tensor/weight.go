package tensor

import (
	"fmt"
	"sync"
	"sync/atomic"
)

// Weight is a matrix [Rows (out), Cols (in)] in its storage type, row-major,
// over memory that it does not own: usually a mapped file. It is safe for
// concurrent use, and must not outlive that memory.
type Weight struct {
	dtype      DType
	rows, cols int
	data       []byte    // nil when f32 is set
	f32        []float32 // float32 memory handed in as such
	rowBytes   int
	order      []int32 // logical row i is stored row order[i]; nil: as stored
	inOut      bool    // stored as [Cols, ld]: logical row i is the stored column first+i
	ld, first  int

	panels *Panels // where packed panels may be kept; nil: nowhere
	mu     sync.Mutex
	packed atomic.Pointer[packed]
}

// NewWeight wraps rows×cols numbers of type dt. The error wraps ErrDType when the
// type does not fit the shape or data has another length than it.
func NewWeight(dt DType, rows, cols int, data []byte) (*Weight, error) {
	want, err := dt.Bytes(rows, cols)
	if err != nil {
		return nil, err
	}
	if int64(len(data)) != want {
		return nil, fmt.Errorf("%w: %v matrix of %d×%d in %d bytes, expected %d", ErrDType, dt, rows, cols, len(data), want)
	}
	row, _ := dt.Bytes(1, cols)
	w := &Weight{dtype: dt, rows: rows, cols: cols, data: data, rowBytes: int(row)}
	if dt == F32 {
		w.f32 = asFloats(data)
	}
	return w, nil
}

// WeightF32 wraps rows×cols float32 numbers, row-major, sharing data. What has
// been packed for a kept Weight does not follow later changes of data. It panics
// when data has another length.
func WeightF32(rows, cols int, data []float32) *Weight {
	checkSame("WeightF32", "len(data)", len(data), rows*cols)
	return &Weight{dtype: F32, rows: rows, cols: cols, f32: data, rowBytes: 4 * cols}
}

// Rows is the number of outputs.
func (w *Weight) Rows() int { return w.rows }

// Cols is the number of inputs.
func (w *Weight) Cols() int { return w.cols }

// DType is the storage type.
func (w *Weight) DType() DType { return w.dtype }

// Permuted is a view on w whose logical row i is row order[i] of w. It shares the
// memory of w, keeps no panels until Keep is called on it, and panics when an index
// is out of range. Rows may be left out or repeated.
func (w *Weight) Permuted(order []int32) *Weight {
	rows := make([]int32, len(order))
	for i, o := range order {
		if o < 0 || int(o) >= w.rows {
			panic(fmt.Errorf("%w: Permuted: row %d, expected 0 … %d", ErrShape, o, w.rows-1))
		}
		rows[i] = int32(w.stored(int(o)))
	}
	return &Weight{dtype: w.dtype, rows: len(order), cols: w.cols,
		data: w.data, f32: w.f32, rowBytes: w.rowBytes, order: rows, inOut: w.inOut, ld: w.ld, first: w.first}
}

// stored is the stored row of logical row i.
func (w *Weight) stored(i int) int {
	if w.order == nil {
		return i
	}
	return int(w.order[i])
}

// Row decodes logical row i into dst[:Cols].
func (w *Weight) Row(dst []float32, i int) {
	checkLen("Weight.Row", "dst", len(dst), w.cols)
	if i < 0 || i >= w.rows {
		panic(fmt.Errorf("%w: Weight.Row: row %d, expected 0 … %d", ErrShape, i, w.rows-1))
	}
	w.part(active(), dst[:w.cols], i, 0)
}

// part decodes len(dst) columns of logical row i from column k0 on. k0 and
// len(dst) are whole numbers of blocks.
func (w *Weight) part(k *kernel, dst []float32, i, k0 int) {
	r := w.stored(i)
	if w.inOut {
		w.column(k, dst, r, k0)
		return
	}
	if w.f32 != nil {
		copy(dst, w.f32[r*w.cols+k0:])
		return
	}
	l, _ := layoutOf(w.dtype)
	k.decode(dst, w.dtype, w.data[r*w.rowBytes+k0/l.block*l.bytes:][:len(dst)/l.block*l.bytes])
}

// Float32 decodes the whole matrix, logical rows in order, row-major. dst is
// reused when it has the capacity.
func (w *Weight) Float32(dst []float32) []float32 {
	n := w.rows * w.cols
	if cap(dst) < n {
		dst = make([]float32, n)
	}
	dst = dst[:n]
	k := active()
	for i := range w.rows {
		w.part(k, dst[i*w.cols:(i+1)*w.cols], i, 0)
	}
	return dst
}
