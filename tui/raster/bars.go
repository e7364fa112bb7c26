package raster

import (
	"math"
	"strings"

	"agar/tui/cell"
)

var eighths = [9]string{" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"}

// asciiEighths are the plain forms of eighths.
var asciiEighths = [9]string{" ", ".", ":", "-", "=", "+", "*", "#", "#"}

func (s Symbols) eighth(i int) string {
	if s == ASCII {
		return asciiEighths[i]
	}
	return eighths[i]
}

// Spark draws values as a row of w bars of one cell, resampled by their means.
// The range is that of the values with the least one still visible; the tallest bar
// leaves an eighth of the cell, so that rows of bars stay apart. Values that are
// not finite are blank.
func Spark(values []float64, w int, s Symbols) string {
	values = Resample(values, w)
	r, ok := Of(values)
	var b strings.Builder
	for _, v := range values {
		switch {
		case !ok || !finite(v):
			b.WriteString(" ")
		default:
			b.WriteString(s.eighth(1 + place(r, v, 7)))
		}
	}
	return b.String()
}

func place(r Range, v float64, n int) int {
	if r.Hi == r.Lo {
		return 0
	}
	return r.Place(v, n)
}

// Resample returns w values: means of what falls together when values has more,
// repetitions when it has fewer. Values that are not finite do not count; a bin
// without any is NaN.
func Resample(values []float64, w int) []float64 {
	out := make([]float64, max(w, 0))
	n := len(values)
	for i := range out {
		lo, hi := i*n/w, max((i+1)*n/w, i*n/w+1)
		sum, count := 0., 0
		for _, v := range values[min(lo, n):min(hi, n)] {
			if finite(v) {
				sum, count = sum+v, count+1
			}
		}
		out[i] = math.NaN()
		if count > 0 {
			out[i] = sum / float64(count)
		}
	}
	return out
}

// Columns draws counts as upright bars that fill r, a bin a group of cells. With
// log the heights are log(1 + count).
func Columns(g *cell.Grid, r cell.Rect, counts []float64, log bool, s Symbols, st cell.Style) {
	if r.Empty() || len(counts) == 0 {
		return
	}
	bars := bins(counts, r.W, log)
	top := 0.
	for _, v := range bars {
		top = max(top, v)
	}
	for x, v := range bars {
		level := 0
		if top > 0 {
			level = int(math.Round(v / top * float64(8*r.H)))
		}
		if v > 0 {
			level = max(level, 1)
		}
		for y := range r.H {
			if part := min(max(level-8*(r.H-1-y), 0), 8); part > 0 {
				g.Raw(cell.Rect{X: r.X + x, Y: r.Y + y, W: 1, H: 1}, s.eighth(part), st)
			}
		}
	}
}

// bins brings counts to w columns: sums of what falls together, repetitions when
// there are fewer.
func bins(counts []float64, w int, log bool) []float64 {
	out, n := make([]float64, w), len(counts)
	for i := range out {
		lo, hi := i*n/w, max((i+1)*n/w, i*n/w+1)
		for _, c := range counts[lo:hi] {
			out[i] += max(c, 0)
		}
		if log {
			out[i] = math.Log1p(out[i])
		}
	}
	return out
}

// Bar is a horizontal bar of w cells filled to f in [0, 1]: the filled part and
// what is left. The lines leave air between bars of neighbouring rows.
func Bar(f float64, w int, s Symbols) (full, rest string) {
	if math.IsNaN(f) {
		f = 0
	}
	w = max(w, 0)
	n := int(math.Round(min(max(f, 0), 1) * float64(w)))
	on, off := "━", "─"
	if s == ASCII {
		on, off = "#", "."
	}
	return strings.Repeat(on, n), strings.Repeat(off, w-n)
}
