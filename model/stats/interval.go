package stats

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// Level is the confidence of the intervals of this package.
const Level = 0.95

// Interval is a confidence interval at Level.
type Interval struct{ Lo, Hi float64 }

// unknown is the interval of nothing.
func unknown() Interval { return Interval{math.NaN(), math.NaN()} }

// hull is the smallest interval around both.
func (i Interval) hull(j Interval) Interval {
	return Interval{math.Min(i.Lo, j.Lo), math.Max(i.Hi, j.Hi)}
}

// normalQuantile and tQuantile are two-sided: the probability within ± the value is
// Level.
func normalQuantile() float64 { return distuv.UnitNormal.Quantile((1 + Level) / 2) }

func tQuantile(df float64) float64 {
	return distuv.StudentsT{Mu: 0, Sigma: 1, Nu: df}.Quantile((1 + Level) / 2)
}

// Wilson is the score interval of a share with hits among n independent
// observations (Wilson 1927):
//
//	(p̂ + z²/2n ± z·√(p̂(1−p̂)/n + z²/4n²)) / (1 + z²/n)
//
// At 0 hits and at n it is one-sided and exact: [0, 1 − α^{1/n}] and [α^{1/n}, 1]
// with α = 1 − Level (Clopper and Pearson 1934; 3/n for large n). hits and n may be
// effective numbers and need not be whole. n ≤ 0 gives NaN.
func Wilson(hits, n float64) Interval {
	if !(n > 0) || hits < 0 || hits > n {
		return unknown()
	}
	bound := math.Pow(1-Level, 1/n)
	switch hits {
	case 0:
		return Interval{0, 1 - bound}
	case n:
		return Interval{bound, 1}
	}
	z, p := normalQuantile(), hits/n
	centre, half := p+z*z/(2*n), z*math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	return Interval{math.Max(0, (centre-half)/(1+z*z/n)), math.Min(1, (centre+half)/(1+z*z/n))}
}

// logitAround is p ± reach on the scale of log(p/(1−p)), 0 < p < 1, where reach is
// on the scale of p and carried over by the delta method.
func logitAround(p, reach float64) Interval {
	x, r := math.Log(p/(1-p)), reach/(p*(1-p))
	return Interval{sigmoid(x - r), sigmoid(x + r)}
}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
