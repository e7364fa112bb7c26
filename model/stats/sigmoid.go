package stats

import "math"

// Sigmoid is the curve From + Rise·σ((t − At)/Width) with σ(x) = 1/(1 + e⁻ˣ): a
// level, another, and the way between them. 10 to 90 % of the way takes 4.394
// widths.
type Sigmoid struct {
	From  float64 // level before
	Rise  float64 // level after less From; negative for a fall
	At    float64 // where half of the way is made
	Width float64 // in the unit of t
}

// Ways10to90 is how many widths lie between 10 and 90 % of a sigmoid's way.
const Ways10to90 = 4.394449154672439 // 2·ln 9

// Value is the curve at t.
func (s Sigmoid) Value(t float64) float64 { return s.From + s.Rise*s.Share(t) }

// Share is the share of the way made at t.
func (s Sigmoid) Share(t float64) float64 { return logistic((t - s.At) / s.Width) }

func logistic(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// whitener scales rows by the square root of their weights and takes an AR(1)
// correlation of successive rows out (Prais and Winsten 1954), so that least
// squares of what it gives is generalised least squares.
type whitener struct {
	root []float64 // √weight
	rho  float64
}

// newWhitener takes weights (nil: 1) and no correlation.
func newWhitener(n int, weight []float64) whitener {
	w := whitener{root: ones(n)}
	for i, v := range weight {
		w.root[i] = math.Sqrt(v)
	}
	return w
}

// apply whitens x into a new slice.
func (w whitener) apply(x []float64) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		switch out[i] = w.root[i] * v; i {
		case 0:
			out[i] *= math.Sqrt(1 - w.rho*w.rho)
		default:
			out[i] -= w.rho * w.root[i-1] * x[i-1]
		}
	}
	return out
}

// line2 is the least-squares fit y ≈ a·u + b·v of whitened columns.
type line2 struct {
	a, b, sse float64
	varB      float64 // of b, for a residual variance of 1
}

// fit2 solves the two normal equations; a singular pair gives b = 0.
func fit2(u, v, y []float64) line2 {
	var uu, uv, vv, uy, vy, yy float64
	for i, q := range y {
		uu += u[i] * u[i]
		uv += u[i] * v[i]
		vv += v[i] * v[i]
		uy += u[i] * q
		vy += v[i] * q
		yy += q * q
	}
	det := uu*vv - uv*uv
	if det <= 1e-12*uu*vv {
		return line2{a: uy / uu, sse: max(yy-uy*uy/uu, 0), varB: math.Inf(1)}
	}
	f := line2{a: (vv*uy - uv*vy) / det, b: (uu*vy - uv*uy) / det, varB: uu / det}
	f.sse = max(yy-f.a*uy-f.b*vy, 0)
	return f
}

// lagOne is the correlation of successive values of x about 0.
func lagOne(x []float64) float64 {
	num, den := 0.0, 0.0
	for i, v := range x {
		den += v * v
		if i > 0 {
			num += v * x[i-1]
		}
	}
	if den == 0 {
		return 0
	}
	return num / den
}
