package model

import "agar/model/tensor"

// norm is the weights of a norm, each [DModel]; b is nil for RMSNorm.
type norm struct{ w, b []float32 }

// normalise normalises n rows of x to dst, which may be x, and fires hook h, rows
// row0 … of the call, between the normalisation and the learned weight and bias.
func (f *forward) normalise(dst, x []float32, w *norm, h hookID, row0, n int) {
	s := &f.m.Spec
	if f.taps[h] == nil {
		s.norm(dst, x, w, n)
		return
	}
	s.norm(dst, x, &f.m.plain, n)
	f.fire(h, dst, row0, n)
	d := len(w.w)
	eachRows(n, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			tensor.Mul(dst[i*d:(i+1)*d], w.w)
			if w.b != nil {
				tensor.Add(dst[i*d:(i+1)*d], w.b)
			}
		}
	})
}

// norm normalises n rows of x to dst; the rows have the width of w.
func (s *Spec) norm(dst, x []float32, w *norm, n int) {
	d, eps := len(w.w), float32(s.NormEps)
	eachRows(n, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			if s.Norm == LayerNorm {
				tensor.LayerNorm(dst[i*d:(i+1)*d], x[i*d:(i+1)*d], w.w, w.b, eps)
				continue
			}
			tensor.RMSNorm(dst[i*d:(i+1)*d], x[i*d:(i+1)*d], w.w, eps)
		}
	})
}
