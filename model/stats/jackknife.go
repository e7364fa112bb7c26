package stats

import "math"

// JackknifeSE is the standard error of a statistic from its values with one
// observation left out at a time, √((n−1)/n·Σ(xᵢ−x̄)²) (Efron and Stein 1981);
// NaN for fewer than two values.
func JackknifeSE(leaveOneOut []float64) float64 {
	n := float64(len(leaveOneOut))
	if n < 2 {
		return math.NaN()
	}
	mean := 0.0
	for _, v := range leaveOneOut {
		mean += v / n
	}
	s := 0.0
	for _, v := range leaveOneOut {
		s += (v - mean) * (v - mean)
	}
	return math.Sqrt((n - 1) / n * s)
}
