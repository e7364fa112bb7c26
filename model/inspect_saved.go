package model

import (
	"math"

	"agar/model/lora"
	"agar/model/tensor"
)

// inspectSaved measures a parameter that was trained in full beside the base's.
func (m *Model) inspectSaved(x *lora.Saved, p parameter, name string) SavedInspected {
	r := SavedInspected{Name: name, Shape: x.Shape}
	var d, w float64
	m.pairs(x.Float32(), p, func(saved, base float32) {
		e := float64(saved) - float64(base)
		d += e * e
		w += float64(base) * float64(base)
	})
	r.NormDelta, r.NormW = math.Sqrt(d), math.Sqrt(w)
	if w > 0 {
		r.Ratio = r.NormDelta / r.NormW
	}
	return r
}

// pairs visits every number of a saved parameter with the base's.
func (m *Model) pairs(v []float32, p parameter, visit func(saved, base float32)) {
	if p.vector != nil {
		m.vectorPairs(v, p.vector, visit)
		return
	}
	if p.posEmb || p.matrix.mod == nil {
		w := m.w.positions
		if !p.posEmb {
			w = m.weightsOf(*p.matrix)[0]
		}
		matrixPairs(v, w, func(r, c int) int { return r*w.Cols() + c }, visit)
		return
	}
	md := p.matrix.mod
	out, in := md.shape(&m.Spec)
	for i, w := range m.weightsOf(*p.matrix) {
		order, lo, _ := md.moduleRows(&m.Spec, i)
		matrixPairs(v, w, func(r, c int) int {
			if r += lo; order != nil {
				r = int(order[r-lo])
			}
			if md.inOut {
				return c*out + r
			}
			return r*in + c
		}, visit)
	}
}

// matrixPairs visits the numbers of w beside those of v, of which number (r, c) is
// at an index.
func matrixPairs(v []float32, w *tensor.Weight, index func(r, c int) int, visit func(saved, base float32)) {
	row := make([]float32, w.Cols())
	for r := range w.Rows() {
		w.Row(row, r)
		for c, b := range row {
			visit(v[index(r, c)], b)
		}
	}
}

// vectorPairs visits the numbers of a norm or bias. A weight that is stored less
// one is compared as stored.
func (m *Model) vectorPairs(v []float32, at *vecSpot, visit func(saved, base float32)) {
	one := float32(0)
	if at.norm && m.Spec.NormPlusOne {
		one = 1
	}
	if at.mod != nil {
		for i, p := range at.mod.parts {
			order, lo, n := at.mod.moduleRows(&m.Spec, i)
			for j, s := range picked(v, order, lo, n) {
				visit(s, m.w.blocks[at.layer].biases[p.proj][j])
			}
		}
		return
	}
	base := m.w.norm.w
	switch {
	case at.layer < m.Spec.Layers:
		base = *m.w.blocks[at.layer].vector(at.id)
	case at.id == vecLn1Bias:
		base = m.w.norm.b
	}
	for j, s := range v {
		visit(s, base[j]-one)
	}
}
