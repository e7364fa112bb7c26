package phase

import (
	"math"
	"slices"
)

// walk is a path known by the inner products of its increments, which is all
// that the angles need: rank and width have cost what they cost before.
type walk struct {
	steps []int       // of the checkpoints, ascending
	mid   []float64   // middle of each increment, in steps
	size  []float64   // length of each increment, in steps
	gram  [][]float64 // ⟨D_i, D_j⟩
	near  []span      // per increment i, the increments closer than the gap

	rowSum  [][]float64 // rowSum[i][j] = Σ_{l<j} gram[i][l]
	sizeSum []float64   // sizeSum[j] = Σ_{l<j} size[l]
}

// span is a half-open range of increments.
type span struct{ from, to int }

func (s span) len() int { return s.to - s.from }

// newWalk makes the walk over the checkpoints at of a path given by the Gram
// matrix of its positions, v[i][j] = ⟨v_i, v_j⟩, and their steps. Increments
// whose middles are less than gap steps apart are never multiplied.
func newWalk(steps []int, v [][]float64, at []int, gap float64) *walk {
	n := max(len(at)-1, 0)
	w := &walk{mid: make([]float64, n), size: make([]float64, n), gram: square(n)}
	for _, p := range at {
		w.steps = append(w.steps, steps[p])
	}
	for i := range n {
		w.size[i] = float64(w.steps[i+1] - w.steps[i])
		w.mid[i] = float64(w.steps[i+1]+w.steps[i]) / 2
		for j := range i + 1 {
			a, b, c, d := at[i], at[i+1], at[j], at[j+1]
			w.gram[i][j] = v[b][d] - v[a][d] - v[b][c] + v[a][c]
			w.gram[j][i] = w.gram[i][j]
		}
	}
	w.index(gap)
	return w
}

// index prepares the running sums.
func (w *walk) index(gap float64) {
	n := len(w.mid)
	w.near, w.rowSum, w.sizeSum = make([]span, n), make([][]float64, n), make([]float64, n+1)
	for i := range n {
		w.sizeSum[i+1] = w.sizeSum[i] + w.size[i]
		w.rowSum[i] = make([]float64, n+1)
		for j, g := range w.gram[i] {
			w.rowSum[i][j+1] = w.rowSum[i][j] + g
		}
		from, _ := slices.BinarySearchFunc(w.mid, w.mid[i]-gap, func(m, x float64) int { return sign(m - x - 1e-9) })
		to, _ := slices.BinarySearchFunc(w.mid, w.mid[i]+gap, func(m, x float64) int { return sign(m - x + 1e-9) })
		w.near[i] = span{from, to}
	}
}

func sign(x float64) int {
	switch {
	case x < 0:
		return -1
	case x > 0:
		return 1
	}
	return 0
}

// farRow sums ⟨D_i, D_j⟩ over the j of s that are far from i, and the products
// of their lengths.
func (w *walk) farRow(i int, s span) (sum, weight float64) {
	near := span{min(max(w.near[i].from, s.from), s.to), max(min(w.near[i].to, s.to), s.from)}
	if near.to < near.from {
		near.to = near.from
	}
	r, l := w.rowSum[i], w.sizeSum
	sum = r[near.from] - r[s.from] + r[s.to] - r[near.to]
	weight = l[near.from] - l[s.from] + l[s.to] - l[near.to]
	return sum, weight * w.size[i]
}

// chord is ‖v_to − v_from‖ over the increments of s.
func (w *walk) chord(s span) float64 {
	sum := 0.0
	for i := s.from; i < s.to; i++ {
		sum += w.rowSum[i][s.to] - w.rowSum[i][s.from]
	}
	return math.Sqrt(max(sum, 0))
}

// square makes an n×n matrix of zeros.
func square(n int) [][]float64 {
	flat := make([]float64, n*n)
	out := make([][]float64, n)
	for i := range out {
		out[i] = flat[i*n : (i+1)*n]
	}
	return out
}
