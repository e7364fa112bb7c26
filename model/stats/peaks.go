package stats

import (
	"cmp"
	"slices"
)

// Peak is a local maximum of a series.
type Peak struct {
	Index       int     // of the maximum; the first of a plateau
	Height      float64 // the value there
	Prominence  float64 // Height − the higher of the two saddles
	Left, Right int     // indices of the lowest points on either side (the saddles)
}

// Peaks finds the maxima of y with their topographic prominence: from a peak
// one descends to either side until a higher value (on the right: at least as
// high) or the end is met; the lowest point passed is that side's saddle. A
// maximum at an end of y has no saddle on one side and prominence 0. Sorted by
// prominence, largest first.
func Peaks(y []float64) []Peak {
	var out []Peak
	for i, h := range y {
		l, left := i, i
		for l > 0 && y[l-1] < h {
			l--
			if y[l] < y[left] {
				left = l
			}
		}
		r, right := i, i
		for r < len(y)-1 && y[r+1] <= h {
			r++
			if y[r] < y[right] {
				right = r
			}
		}
		if p := h - max(y[left], y[right]); p > 0 {
			out = append(out, Peak{i, h, p, left, right})
		}
	}
	slices.SortStableFunc(out, func(a, b Peak) int { return cmp.Compare(b.Prominence, a.Prominence) })
	return out
}
