package stats

import "math"

// Agreement compares yes/no labels with a reference.
type Agreement struct {
	Both, Only, Missed, Neither int // yes by both, by the labels only, by the reference only, by none
}

// Compare counts where labels and reference agree.
func Compare(labels, reference []bool) (a Agreement) {
	for i, l := range labels {
		switch {
		case l && reference[i]:
			a.Both++
		case l:
			a.Only++
		case reference[i]:
			a.Missed++
		default:
			a.Neither++
		}
	}
	return a
}

// N is the number of pairs compared.
func (a Agreement) N() int { return a.Both + a.Only + a.Missed + a.Neither }

// Precision is the share of the labels' yes that the reference confirms, with hits
// and denominator; Recall the share of the reference's yes that the labels found.
func (a Agreement) Precision() (hits, n int) { return a.Both, a.Both + a.Only }

// Recall is described at Precision.
func (a Agreement) Recall() (hits, n int) { return a.Both, a.Both + a.Missed }

// Kappa is Cohen's κ = (p_o − p_e)/(1 − p_e), the agreement beyond chance (Cohen
// 1960), with its interval from the jackknife; NaN when one of both never varies in
// the same way as the other, so that p_e is 1.
func (a Agreement) Kappa() (kappa float64, i Interval) {
	kappa = a.kappa()
	n := a.N()
	if math.IsNaN(kappa) || n < 3 {
		return kappa, unknown()
	}
	var out []float64
	for _, cell := range []*int{&a.Both, &a.Only, &a.Missed, &a.Neither} {
		k := *cell
		*cell--
		for range k {
			out = append(out, a.kappa())
		}
		*cell++
	}
	reach := tQuantile(float64(n-1)) * JackknifeSE(out)
	return kappa, Interval{math.Max(-1, kappa-reach), math.Min(1, kappa+reach)}
}

func (a Agreement) kappa() float64 {
	n := float64(a.N())
	yes, ref := float64(a.Both+a.Only)/n, float64(a.Both+a.Missed)/n
	seen, chance := float64(a.Both+a.Neither)/n, yes*ref+(1-yes)*(1-ref)
	if chance == 1 {
		return math.NaN()
	}
	return (seen - chance) / (1 - chance)
}
