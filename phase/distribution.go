package phase

import "math"

// Dissimilarity is how far two distributions L and R are apart, by three of the
// divergences D_g = ½{E_{x∼L} g[P(L|x)] + E_{x∼R} g[P(R|x)]} with P(L|x) = L(x)/(L(x) +
// R(x)) (2405.17088; 2508.20015). All lie between 0 and 1.
type Dissimilarity struct {
	JS     Interval `json:"js"`     // g = log₂ x + 1: the Jensen–Shannon divergence, bits
	TV     Interval `json:"tv"`     // g = 1 − 2·min(x, 1 − x): the total variation ½Σ|L − R|
	Linear Interval `json:"linear"` // g = 2x − 1: ½Σ(L − R)²/(L + R)
}

// dissimilar holds the three in the order JS, TV, linear.
type dissimilar [3]float64

// kernels are g of the three at a probability of the side that x came from.
func kernels(p float64) dissimilar {
	return dissimilar{math.Log2(p) + 1, 1 - 2*min(p, 1-p), 2*p - 1}
}

func (d *dissimilar) add(x dissimilar, weight float64) {
	for i := range d {
		d[i] += weight * x[i]
	}
}

// named puts values into their places.
func (d dissimilar) named(lo, hi dissimilar) Dissimilarity {
	at := func(i int) Interval { return Interval{Number(d[i]), Number(lo[i]), Number(hi[i])} }
	return Dissimilarity{at(0), at(1), at(2)}
}

// exactly is D_g of two distributions over the same outcomes, each summing to 1.
// Outcomes of probability 0 on a side add nothing to its mean.
func exactly(l, r []float64) dissimilar {
	var d dissimilar
	for i := range l {
		for _, side := range [2]float64{l[i], r[i]} {
			if side > 0 {
				d.add(kernels(side/(l[i]+r[i])), side/2)
			}
		}
	}
	return d
}

// logMeanExp is the logarithm of the mean of e^x: the likelihood of an answer under
// the average of several states from its logarithms.
func logMeanExp(x []float64) float64 {
	top := math.Inf(-1)
	for _, v := range x {
		top = max(top, v)
	}
	if math.IsInf(top, -1) {
		return top
	}
	sum := 0.0
	for _, v := range x {
		sum += math.Exp(v - top)
	}
	return top + math.Log(sum/float64(len(x)))
}

// sideOf is P(own side|x) from the logarithms of x's likelihood on both sides.
func sideOf(own, other float64) float64 { return 1 / (1 + math.Exp(other-own)) }
