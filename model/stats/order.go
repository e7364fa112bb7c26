package stats

import (
	"math"
	"slices"
)

// Median is the middle of x, or the mean of the two middle values; NaN for an
// empty slice. x is not changed.
func Median(x []float64) float64 { return Quantile(x, 0.5) }

// Quantile is the q-quantile of x, 0 ≤ q ≤ 1, linear between order statistics
// (type 7 of Hyndman and Fan 1996); NaN for an empty slice. x is not changed.
func Quantile(x []float64, q float64) float64 {
	if len(x) == 0 {
		return math.NaN()
	}
	s := slices.Clone(x)
	slices.Sort(s)
	at := q * float64(len(s)-1)
	i := int(at)
	if i+1 >= len(s) {
		return s[len(s)-1]
	}
	return s[i] + (at-float64(i))*(s[i+1]-s[i])
}

// MAD is the median absolute deviation of x times 1.4826, which estimates the
// standard deviation of normal data; NaN for an empty slice.
func MAD(x []float64) float64 {
	m := Median(x)
	d := make([]float64, len(x))
	for i, v := range x {
		d[i] = math.Abs(v - m)
	}
	return 1.4826 * Median(d)
}
