package model

import (
	"math"
	"sync"

	"agar/model/lora"
	"agar/model/tensor"
)

// magnitude is the part of DoRA (Liu et al. 2024, eq. 5) beside the factors. With
// ‖·‖ the norm of each row of a weight [out, in], the layer's weight is, at the
// dial λ,
//
//	c(λ) ⊙ (W + λ·s·B·A),   c(λ) = m(λ) / ‖W + λ·s·B·A‖,   m(λ) = ‖W‖ + λ·(m − ‖W‖)
//
// so that λ = 1 is what was trained, λ = 0 the base, and everything that was
// trained moves with λ. PEFT's set_scale moves s alone.
type magnitude struct {
	x *lora.Module
	w *tensor.Weight // the layer's; of an embedding its transpose

	once       sync.Once
	n0, n1, n2 []float64 // ‖W‖², ⟨W, s·BA⟩ and ‖s·BA‖² of every row

	mu    sync.Mutex
	cache map[float64][]float32
}

// maxFactors is how many dials a magnitude remembers.
const maxFactors = 16

// factor is c(λ) [out]. The slice must not be changed.
func (g *magnitude) factor(lambda float64) []float32 {
	g.once.Do(g.prepare)
	g.mu.Lock()
	defer g.mu.Unlock()
	if c, ok := g.cache[lambda]; ok {
		return c
	}
	if len(g.cache) >= maxFactors || g.cache == nil {
		g.cache = map[float64][]float32{}
	}
	c := make([]float32, len(g.n0))
	for o := range c {
		w := math.Sqrt(g.n0[o])
		norm := math.Sqrt(max(g.n0[o]+lambda*(2*g.n1[o]+lambda*g.n2[o]), 0))
		c[o] = 1
		if lambda != 0 {
			c[o] = float32((w + lambda*(float64(g.x.Magnitude[o])-w)) / norm)
		}
	}
	g.cache[lambda] = c
	return c
}

// norms are the ‖W‖ of every row.
func (g *magnitude) norms() []float64 {
	g.once.Do(g.prepare)
	out := make([]float64, len(g.n0))
	for i, n := range g.n0 {
		out[i] = math.Sqrt(n)
	}
	return out
}

// prepare computes the squares and products from which every norm follows,
//
//	‖W + λ·s·BA‖² = ‖W‖² + 2λ·⟨W, s·BA⟩ + λ²·‖s·BA‖²
//
// with W·Aᵀ and A·Aᵀ in place of the product BA.
func (g *magnitude) prepare() {
	x := g.x
	var wa []float64 // [r, out]: A·Wᵀ
	if x.Kind == lora.Embedding {
		g.n0, wa = columnSums(g.w, x)
	} else {
		g.n0, wa = rowSums(g.w, x)
	}
	aa := make([]float64, x.R*x.R)
	for i := range x.R {
		for j := range x.R {
			aa[i*x.R+j] = lora.Dot(x.A[i*x.In:(i+1)*x.In], x.A[j*x.In:(j+1)*x.In])
		}
	}
	g.n1, g.n2 = make([]float64, x.Out), make([]float64, x.Out)
	for o := range x.Out {
		b := x.B[o*x.R : (o+1)*x.R]
		for i, bi := range b {
			g.n1[o] += x.Scale * float64(bi) * wa[i*x.Out+o]
			for j, bj := range b {
				g.n2[o] += x.Scale * x.Scale * float64(bi) * float64(bj) * aa[i*x.R+j]
			}
		}
	}
}

// rowSums gives ‖W‖² of every row and A·Wᵀ [r, out].
func rowSums(w *tensor.Weight, x *lora.Module) (squares, wa []float64) {
	squares = make([]float64, w.Rows())
	eachRows(w.Rows(), func(lo, hi int) {
		row := make([]float32, w.Cols())
		for i := lo; i < hi; i++ {
			w.Row(row, i)
			squares[i] = tensor.SumSq(row)
		}
	})
	y := make([]float32, x.R*x.Out)
	tensor.Linear(y, x.A, x.R, w)
	wa = make([]float64, len(y))
	for i, v := range y {
		wa[i] = float64(v)
	}
	return squares, wa
}

// columnSums gives the same of an embedding [tokens, width], whose columns are the
// neurons.
func columnSums(w *tensor.Weight, x *lora.Module) (squares, wa []float64) {
	squares, wa = make([]float64, x.Out), make([]float64, x.R*x.Out)
	row := make([]float32, x.Out)
	for t := range w.Rows() {
		w.Row(row, t)
		for o, v := range row {
			squares[o] += float64(v) * float64(v)
		}
		for j := range x.R {
			a, sum := float64(x.A[j*x.In+t]), wa[j*x.Out:(j+1)*x.Out]
			for o, v := range row {
				sum[o] += a * float64(v)
			}
		}
	}
	return squares, wa
}
