package phase

import (
	"math"

	"gonum.org/v1/gonum/mat"
)

// randomWalkShares are the variance shares of the first components of any
// long random walk, (6/π²)/j² (Antognini and Sohl-Dickstein 2018, 1806.08805).
var randomWalkShares = []float64{6 / (math.Pi * math.Pi), 6 / (4 * math.Pi * math.Pi)}

// components is a principal component analysis of centred vectors, done on
// their Gram matrix.
type components struct {
	ratios []float64   // shares of the variance, descending
	scores [][]float64 // [vector][component], for every vector of the Gram matrix
}

// pca fits the first n components on the vectors at and scores all of them. As
// in scikit-learn, the mean of the fitted vectors is taken off and nothing is
// scaled. A component's sign makes its largest score positive. nil when there
// are fewer than three vectors or they do not differ.
func pca(g [][]float64, at []int, n int) *components {
	m := len(at)
	if m < 3 {
		return nil
	}
	rowMean, mean := make([]float64, len(g)), 0.0
	for i := range g {
		for _, j := range at {
			rowMean[i] += g[i][j] / float64(m)
		}
	}
	for _, j := range at {
		mean += rowMean[j] / float64(m)
	}
	centred := func(i, j int) float64 { return g[i][j] - rowMean[i] - rowMean[j] + mean }
	sym := mat.NewSymDense(m, nil)
	for i := range m {
		for j := range i + 1 {
			sym.SetSym(i, j, centred(at[i], at[j]))
		}
	}
	var eig mat.EigenSym
	if mat.Trace(sym) <= 0 || !eig.Factorize(sym, true) {
		return nil
	}
	return score(&eig, mat.Trace(sym), len(g), at, min(n, m-1), centred)
}

// score projects all vectors on the first n components: ⟨x − x̄, Σ u_i·(v_i − x̄)⟩/σ.
func score(eig *mat.EigenSym, trace float64, all int, at []int, n int, centred func(i, j int) float64) *components {
	var u mat.Dense
	eig.VectorsTo(&u)
	values := eig.Values(nil)
	c := &components{scores: make([][]float64, all)}
	for k := range n {
		col := len(values) - 1 - k
		value := max(values[col], 0)
		c.ratios = append(c.ratios, value/trace)
		top := 0.0
		column := make([]float64, all)
		for i := range all {
			if value > 0 {
				for r, j := range at {
					column[i] += u.At(r, col) * centred(i, j) / math.Sqrt(value)
				}
			}
			if math.Abs(column[i]) > math.Abs(top) {
				top = column[i]
			}
		}
		for i := range all {
			c.scores[i] = append(c.scores[i], math.Copysign(1, top)*column[i])
		}
	}
	return c
}

// turningPoint is the index among at where the second component turns round:
// its extreme on the side away from its two ends; −1 without a component.
func (c *components) turningPoint(at []int) int {
	if c == nil || len(c.ratios) < 2 {
		return -1
	}
	pc2 := func(i int) float64 { return c.scores[at[i]][1] }
	side := -math.Copysign(1, pc2(0)+pc2(len(at)-1))
	best := 0
	for i := range at {
		if side*pc2(i) > side*pc2(best) {
			best = i
		}
	}
	return best
}

// featurelessArc is the turning point that a circular arc of 60° would show,
// walked in this path's own step lengths.
func featurelessArc(g [][]float64, at []int) int {
	length := make([]float64, len(at))
	for i := 1; i < len(at); i++ {
		length[i] = length[i-1] + distance(g, at[i-1], at[i])
	}
	total := length[len(at)-1]
	if total == 0 {
		return -1
	}
	arc := square(len(at))
	all := make([]int, len(at))
	for i := range at {
		all[i] = i
		for j := range at {
			arc[i][j] = math.Cos((length[i] - length[j]) / total * math.Pi / 3)
		}
	}
	return pca(arc, all, 2).turningPoint(all)
}

// extremum sums PC2's turning point up; nil when there is none.
func (p *path) extremum(steps []int, c *components) *Extremum {
	i := c.turningPoint(p.at)
	if i < 0 {
		return nil
	}
	e := &Extremum{Step: steps[p.at[i]], FeaturelessArc: -1}
	if j := featurelessArc(p.gram, p.at); j >= 0 {
		e.FeaturelessArc = steps[p.at[j]]
	}
	return e
}
