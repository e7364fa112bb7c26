package phase

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"agar/model/lora"
)

// subspaceAngles gives, for every state, the largest principal angle in degrees
// between its column space and the last state's (Björck and Golub 1973), NaN
// where B has not full column rank. The cosines are the singular values of
// L_t⁻¹·B_tᵀB_f·L_f⁻ᵀ with B_tᵀB_t = L_t·L_tᵀ.
func subspaceAngles(states []lora.Module) []float64 {
	out := make([]float64, len(states))
	last := &states[len(states)-1]
	lf, okLast := factorB(last)
	for i := range states {
		m := &states[i]
		l, ok := factorB(m)
		if !ok || !okLast {
			out[i] = math.NaN()
			continue
		}
		var left, both mat.Dense
		solve(&left, l, crossB(m, last))
		solve(&both, lf, left.T())
		var svd mat.SVD
		if !svd.Factorize(&both, mat.SVDNone) {
			out[i] = math.NaN()
			continue
		}
		cos := svd.Values(nil)
		out[i] = degrees(cos[len(cos)-1])
	}
	return out
}

// solve sets dst to l⁻¹·b.
func solve(dst *mat.Dense, l *mat.TriDense, b mat.Matrix) {
	// An ill-conditioned factor still gives a solution; factorB has refused
	// the singular ones.
	_ = dst.Solve(l, b)
}

// factorB is the Cholesky factor of BᵀB; ok is false when B has not full rank.
func factorB(m *lora.Module) (l *mat.TriDense, ok bool) {
	var c mat.Cholesky
	g := crossB(m, m)
	sym := mat.NewSymDense(m.R, nil)
	for i := range m.R {
		for j := range i + 1 {
			sym.SetSym(i, j, g.At(i, j))
		}
	}
	if !c.Factorize(sym) || c.Cond() > 1e12 {
		return nil, false
	}
	var t mat.TriDense
	c.LTo(&t)
	return &t, true
}

// crossB is B_xᵀ·B_y.
func crossB(x, y *lora.Module) *mat.Dense {
	g := mat.NewDense(x.R, y.R, nil)
	for o := range x.Out {
		for i, a := range x.B[o*x.R : (o+1)*x.R] {
			for j, b := range y.B[o*y.R : (o+1)*y.R] {
				g.Set(i, j, g.At(i, j)+float64(a)*float64(b))
			}
		}
	}
	return g
}
