package raster

import (
	"math"

	"agar/tui/cell"
)

// Range is a closed interval of values.
type Range struct{ Lo, Hi float64 }

// Of is the range of the finite values of all series; ok is false when there is
// none.
func Of(series ...[]float64) (r Range, ok bool) {
	r = Range{math.Inf(1), math.Inf(-1)}
	for _, s := range series {
		for _, v := range s {
			if finite(v) {
				r.Lo, r.Hi = min(r.Lo, v), max(r.Hi, v)
			}
		}
	}
	return r, r.Lo <= r.Hi
}

// Finite reports whether v is a number.
func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// Place maps v to 0…n−1, clipped to the ends; a range without extent maps to the
// middle.
func (r Range) Place(v float64, n int) int {
	f := .5
	if d := r.Hi - r.Lo; d > 0 && !math.IsInf(d, 0) {
		f = (v - r.Lo) / d
	}
	return min(max(int(math.Round(f*float64(n-1))), 0), max(n-1, 0))
}

// span is the rows a column covers; lo > hi means none.
type span struct{ lo, hi int }

func (s *span) add(y int) { s.lo, s.hi = min(s.lo, y), max(s.hi, y) }

// Line draws ys over xs. Neighbouring points are joined; a value that is not
// finite leaves a gap. xs ascends and is as long as ys; nil counts 0, 1, 2…
func (d *Dots) Line(xs, ys []float64, xr, yr Range, st cell.Style) {
	w, h := d.Size()
	if w == 0 || h == 0 {
		return
	}
	cols := make([]span, w)
	for i := range cols {
		cols[i] = span{math.MaxInt, math.MinInt}
	}
	px, py, joined := 0, 0, false
	for i, v := range ys {
		x := float64(i)
		if xs != nil {
			x = xs[i]
		}
		if !finite(v) || x < xr.Lo || x > xr.Hi {
			joined = false
			continue
		}
		cx, cy := xr.Place(x, w), h-1-yr.Place(v, h)
		cols[cx].add(cy)
		if joined {
			bridge(cols, px, py, cx, cy)
		}
		px, py, joined = cx, cy, true
	}
	for x, s := range cols {
		if s.lo <= s.hi {
			d.Span(x, s.lo, s.hi, st)
		}
	}
}

// bridge fills the columns between two points of a line so that it has no holes:
// where it climbs by more than a row from one column to the next, each of the two
// takes half of the way.
func bridge(cols []span, x0, y0, x1, y1 int) {
	if x0 == x1 {
		cols[x0].add(y0)
		cols[x0].add(y1)
		return
	}
	last := y0
	for x := x0 + 1; x <= x1; x++ {
		y := y0 + int(math.Round(float64((x-x0)*(y1-y0))/float64(x1-x0)))
		mid := last + (y-last)/2
		cols[x-1].add(mid)
		if mid != y {
			mid += sign(y - last)
		}
		cols[x].add(mid)
		cols[x].add(y)
		last = y
	}
}

// Band lights the ends of the intervals lo…hi, the error band of a line. It takes
// every second column only, which tells it from a line without colour.
func (d *Dots) Band(xs, lo, hi []float64, xr, yr Range, st cell.Style) {
	w, h := d.Size()
	for i := range lo {
		if !finite(lo[i]) || !finite(hi[i]) || xs[i] < xr.Lo || xs[i] > xr.Hi {
			continue
		}
		x := xr.Place(xs[i], w) &^ 1
		d.Set(x, h-1-yr.Place(hi[i], h), st)
		d.Set(x, h-1-yr.Place(lo[i], h), st)
	}
}

// Path joins points of the plane in their order; a pair with a value that is not
// finite leaves a gap.
func (d *Dots) Path(xs, ys []float64, xr, yr Range, st cell.Style) {
	w, h := d.Size()
	px, py, joined := 0, 0, false
	for i := range xs {
		if !finite(xs[i]) || !finite(ys[i]) {
			joined = false
			continue
		}
		x, y := xr.Place(xs[i], w), h-1-yr.Place(ys[i], h)
		if joined {
			d.Segment(px, py, x, y, st)
		} else {
			d.Set(x, y, st)
		}
		px, py, joined = x, y, true
	}
}
