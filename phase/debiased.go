package phase

import (
	"math"

	"agar/model/stats"
)

// debiasedAngle is the turn angle with the noise taken out, at one boundary.
type debiasedAngle struct {
	at      int     // boundary: checkpoint index of the walk
	deg, se float64 // the angle and its jackknife standard error, NaN where undefined
	speed   float64 // the slower of the two sides' noise-free speeds, per step
	signal  float64 // the smaller of the two sides' shares of signal in the squared chord
	dof     int     // increments less 2
}

// products are the pair means of one boundary: squared speeds of both sides and
// their inner product, per step².
type products struct{ a, b, c float64 }

func (p products) deg() float64 {
	if p.a <= 0 || p.b <= 0 {
		return math.NaN()
	}
	return degrees(p.c / math.Sqrt(p.a*p.b))
}

// degrees is arccos of a cosine clipped to [−1, 1].
func degrees(cos float64) float64 {
	return math.Acos(min(max(cos, -1), 1)) * 180 / math.Pi
}

// pairMean is a running mean of ⟨D_i, D_j⟩ weighted by the lengths.
type pairMean struct{ sum, weight float64 }

func (p pairMean) value() float64 {
	if p.weight <= 0 {
		return math.NaN()
	}
	return p.sum / p.weight
}

// window computes the products at the boundary between left and right, and the
// same with each increment left out in turn.
func (w *walk) window(left, right span) (all products, without []products) {
	rows := make([][2]pairMean, left.len()+right.len()) // own side, other side
	var a, b, c pairMean
	for n := range rows {
		i, own, other := left.from+n, left, right
		if n >= left.len() {
			i, own, other = right.from+n-left.len(), right, left
		}
		for k, s := range []span{own, other} {
			rows[n][k].sum, rows[n][k].weight = w.farRow(i, s)
		}
		if n < left.len() {
			a.sum, a.weight = a.sum+rows[n][0].sum, a.weight+rows[n][0].weight
			c.sum, c.weight = c.sum+rows[n][1].sum, c.weight+rows[n][1].weight
		} else {
			b.sum, b.weight = b.sum+rows[n][0].sum, b.weight+rows[n][0].weight
		}
	}
	all = products{a.value(), b.value(), c.value()}
	without = make([]products, len(rows))
	for n, r := range rows {
		p := all
		p.c = pairMean{c.sum - r[1].sum, c.weight - r[1].weight}.value()
		if n < left.len() {
			p.a = pairMean{a.sum - 2*r[0].sum, a.weight - 2*r[0].weight}.value()
		} else {
			p.b = pairMean{b.sum - 2*r[0].sum, b.weight - 2*r[0].weight}.value()
		}
		without[n] = p
	}
	return all, without
}

// angle judges one boundary: undefined unless both squared speeds are minSE
// standard errors above zero.
func (w *walk) angle(at int, left, right span, minSE float64) debiasedAngle {
	nan := debiasedAngle{at: at, deg: math.NaN(), se: math.NaN()}
	all, without := w.window(left, right)
	va, vb, vd := make([]float64, len(without)), make([]float64, len(without)), make([]float64, len(without))
	for n, p := range without {
		va[n], vb[n], vd[n] = p.a, p.b, p.deg()
	}
	se := stats.JackknifeSE(vd)
	need := criticalSE(minSE, len(without)-2)
	if !(all.a > need*stats.JackknifeSE(va)) || !(all.b > need*stats.JackknifeSE(vb)) || math.IsNaN(se) {
		return nan
	}
	return debiasedAngle{
		at: at, deg: all.deg(), se: se, dof: len(without) - 2,
		speed: math.Sqrt(min(all.a, all.b)), signal: min(w.share(left, all.a), w.share(right, all.b)),
	}
}

// share is the part of a chord's squared length that a noise-free path of
// squared speed v2 would have.
func (w *walk) share(s span, v2 float64) float64 {
	length, chord := w.sizeSum[s.to]-w.sizeSum[s.from], w.chord(s)
	return v2 * length * length / (chord * chord)
}
