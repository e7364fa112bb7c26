package tensor

// T is the transpose of w: a Weight of Cols×Rows over the same memory where w is
// stored row by row in a type without blocks, else over a float32 copy. It keeps
// no panels until Keep is called on it.
func (w *Weight) T() *Weight {
	l, _ := layoutOf(w.dtype)
	if w.order != nil || w.inOut || w.f32 == nil && l.block != 1 {
		return WeightF32(w.rows, w.cols, w.Float32(nil)).T()
	}
	return &Weight{dtype: w.dtype, rows: w.cols, cols: w.rows, data: w.data, f32: w.f32, rowBytes: w.rowBytes, inOut: true, ld: w.cols}
}
