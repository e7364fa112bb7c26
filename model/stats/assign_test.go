package stats_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"agar/model/stats"
)

// bestSum tries every assignment of the rows from row on; with fewer columns
// than rows some stay free.
func bestSum(score []float64, row, rows, cols, free int, used []bool) float64 {
	if row == rows {
		return 0
	}
	best := math.Inf(-1)
	if free > 0 {
		best = bestSum(score, row+1, rows, cols, free-1, used)
	}
	for j := range cols {
		if !used[j] {
			used[j] = true
			best = max(best, score[row*cols+j]+bestSum(score, row+1, rows, cols, free, used))
			used[j] = false
		}
	}
	return best
}

func TestAssignIsOptimal(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 2))
	for range 500 {
		rows, cols := r.IntN(7), r.IntN(7)
		score := make([]float64, rows*cols)
		for i := range score {
			score[i] = r.NormFloat64()
			if r.IntN(3) == 0 {
				score[i] = math.Round(score[i]) // ties
			}
		}
		sum, pairs, used := 0.0, 0, make([]bool, cols)
		for i, j := range stats.Assign(score, rows, cols) {
			if j < 0 {
				continue
			}
			if used[j] {
				t.Fatalf("%d×%d: column %d was given twice", rows, cols, j)
			}
			used[j] = true
			pairs++
			sum += score[i*cols+j]
		}
		if pairs != min(rows, cols) {
			t.Fatalf("%d×%d: found %d pairs", rows, cols, pairs)
		}
		want := bestSum(score, 0, rows, cols, max(rows-cols, 0), make([]bool, cols))
		if math.Abs(sum-want) > 1e-12 {
			t.Errorf("%d×%d: found a sum of %v, expected %v", rows, cols, sum, want)
		}
	}
}

func TestAssignBeatsGreedy(t *testing.T) {
	// The largest score first would leave 9 + 1.
	got := stats.Assign([]float64{9, 8, 8, 1}, 2, 2)
	if got[0] != 1 || got[1] != 0 {
		t.Errorf("found %v, expected [1 0]", got)
	}
}

func BenchmarkAssign(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	const rows, cols = 1024, 2048
	score := make([]float64, rows*cols)
	for i := range score {
		score[i] = max(r.NormFloat64()/11, 0)
	}
	for b.Loop() {
		stats.Assign(score, rows, cols)
	}
}
