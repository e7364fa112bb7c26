package stats

import (
	"fmt"
	"math"
)

// Assign pairs rows with columns one-to-one so that the sum of their scores is
// the largest possible, and returns the column of each row. score is [rows,
// cols], row-major and finite. As many pairs are made as can be; with more rows
// than columns, rows left over get −1. Assign panics when score has another
// size.
//
// Rows are added one at a time along the shortest augmenting path (Jonker and
// Volgenant 1987), in O(rows²·cols) at worst and far less where most rows have a
// column of their own.
func Assign(score []float64, rows, cols int) []int {
	if len(score) != rows*cols {
		panic(fmt.Sprintf("stats: assign: found %d scores, expected %d×%d", len(score), rows, cols))
	}
	if rows > cols {
		return inverse(Assign(transpose(score, rows, cols), cols, rows), rows)
	}
	a := newAssignment(score, rows, cols)
	for r := range rows {
		a.add(r)
	}
	return inverse(a.rowOf, rows)
}

// assignment is an optimal one of the rows added so far: for every row i and
// column j, −score[i,j] − u[i] − v[j] ≥ 0, with equality for pairs.
type assignment struct {
	score []float64
	cols  int
	u, v  []float64 // duals of rows and columns
	rowOf []int     // of each column, −1 while it is free

	dist []float64 // reduced length of the shortest path to each column
	from []int     // the column before it on that path, −1 for the start
	done []bool    // its shortest path is known
}

func newAssignment(score []float64, rows, cols int) *assignment {
	a := &assignment{
		score: score, cols: cols, u: make([]float64, rows), v: make([]float64, cols),
		rowOf: make([]int, cols), dist: make([]float64, cols), from: make([]int, cols), done: make([]bool, cols),
	}
	for j := range a.rowOf {
		a.rowOf[j] = -1
	}
	return a
}

// add takes in a row and moves rows already paired along the shortest path that
// ends at a free column.
func (a *assignment) add(row int) {
	for j := range a.dist {
		a.dist[j], a.done[j] = math.Inf(1), false
	}
	last, r := -1, row
	for {
		next := a.relax(r, last)
		a.shift(row, a.dist[next])
		a.done[next] = true
		last = next
		if r = a.rowOf[next]; r < 0 {
			break
		}
	}
	for last >= 0 {
		before := a.from[last]
		a.rowOf[last] = row
		if before >= 0 {
			a.rowOf[last] = a.rowOf[before]
		}
		last = before
	}
}

// relax shortens paths by going through row, which the column last leads to, and
// returns the nearest column that is not done.
func (a *assignment) relax(row, last int) (next int) {
	next = -1
	for j, s := range a.score[row*a.cols : (row+1)*a.cols] {
		if a.done[j] {
			continue
		}
		if d := -s - a.u[row] - a.v[j]; d < a.dist[j] {
			a.dist[j], a.from[j] = d, last
		}
		if next < 0 || a.dist[j] < a.dist[next] {
			next = j
		}
	}
	return next
}

// shift moves the duals by delta, so that paths of that length have none left.
func (a *assignment) shift(row int, delta float64) {
	a.u[row] += delta
	for j, done := range a.done {
		if done {
			a.u[a.rowOf[j]] += delta
			a.v[j] -= delta
		} else {
			a.dist[j] -= delta
		}
	}
}

// inverse turns the row of each column into the column of each of n rows.
func inverse(rowOf []int, n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = -1
	}
	for j, r := range rowOf {
		if r >= 0 {
			out[r] = j
		}
	}
	return out
}

func transpose(x []float64, rows, cols int) []float64 {
	out := make([]float64, len(x))
	for i := range rows {
		for j := range cols {
			out[j*rows+i] = x[i*cols+j]
		}
	}
	return out
}
