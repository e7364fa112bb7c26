package stats

import "math"

// Logistic is a fit of log(p/(1−p)) = Intercept + Slope·x.
type Logistic struct {
	Intercept, Slope float64
	SE               float64  // of the slope
	Interval         Interval // of the slope
	N                int

	cov [3]float64 // of intercept and slope: aa, ab, bb
	df  float64
}

// At is the fitted probability at x with its interval, t on the logit scale.
func (l Logistic) At(x float64) (p float64, i Interval) {
	eta := l.Intercept + l.Slope*x
	reach := tQuantile(l.df) * math.Sqrt(math.Max(0, l.cov[0]+2*x*l.cov[1]+x*x*l.cov[2]))
	return sigmoid(eta), Interval{sigmoid(eta - reach), sigmoid(eta + reach)}
}

// FitLogistic fits y on x by maximum likelihood (Newton's method). The standard
// error sums scores by the clusters of (a sandwich estimate, G/(G−1) corrected) and
// the interval is Student's t with G−1 degrees of freedom. ok is false when y or x
// do not vary, when x separates the values of y, so that there is no maximum, and
// with fewer than two clusters.
func FitLogistic(x []float64, y []bool, of []string) (l Logistic, ok bool) {
	centre, scale := spread(x)
	if !(scale > 0) || !varies(y) {
		return l, false
	}
	var a, b float64 // on the standardised x
	for range 50 {
		g, h := scores(x, y, a, b, centre, scale)
		det := h[0]*h[2] - h[1]*h[1]
		if !(det > 1e-12) {
			return l, false
		}
		da, db := (h[2]*g[0]-h[1]*g[1])/det, (h[0]*g[1]-h[1]*g[0])/det
		a, b = a+da, b+db
		if math.Abs(a) > 30 || math.Abs(b) > 30 {
			return l, false
		}
		if math.Abs(da)+math.Abs(db) < 1e-10 {
			cov, groups := sandwich(x, y, of, a, b, centre, scale)
			if groups < 2 {
				return l, false
			}
			return finished(a, b, cov, centre, scale, len(x), groups), true
		}
	}
	return l, false
}

// finished carries a fit on the standardised x over to x itself.
func finished(a, b float64, cov [3]float64, centre, scale float64, n, groups int) Logistic {
	l := Logistic{Intercept: a - b*centre/scale, Slope: b / scale, N: n, df: float64(groups - 1)}
	r := centre / scale
	l.cov = [3]float64{cov[0] - 2*r*cov[1] + r*r*cov[2], (cov[1] - r*cov[2]) / scale, cov[2] / (scale * scale)}
	l.SE = math.Sqrt(l.cov[2])
	reach := tQuantile(l.df) * l.SE
	l.Interval = Interval{l.Slope - reach, l.Slope + reach}
	return l
}

// spread is mean and standard deviation.
func spread(x []float64) (mean, sd float64) {
	for _, v := range x {
		mean += v / float64(len(x))
	}
	for _, v := range x {
		sd += (v - mean) * (v - mean) / float64(len(x))
	}
	return mean, math.Sqrt(sd)
}

func varies(y []bool) bool {
	for _, v := range y {
		if v != y[0] {
			return true
		}
	}
	return false
}

// residual is y − p and the weight p(1−p) of an observation.
func residual(x float64, y bool, a, b float64) (r, w float64) {
	p := sigmoid(a + b*x)
	if y {
		return 1 - p, p * (1 - p)
	}
	return -p, p * (1 - p)
}

// scores are the gradient of the log-likelihood and minus its Hessian (aa, ab, bb).
func scores(x []float64, y []bool, a, b, centre, scale float64) (g [2]float64, h [3]float64) {
	for i := range x {
		z := (x[i] - centre) / scale
		r, w := residual(z, y[i], a, b)
		g[0], g[1] = g[0]+r, g[1]+r*z
		h[0], h[1], h[2] = h[0]+w, h[1]+w*z, h[2]+w*z*z
	}
	return g, h
}

// sandwich is the covariance aa, ab, bb of a and b by clusters, and how many there
// are.
func sandwich(x []float64, y []bool, of []string, a, b, centre, scale float64) (cov [3]float64, groups int) {
	_, h := scores(x, y, a, b, centre, scale)
	det := h[0]*h[2] - h[1]*h[1]
	at := map[string]int{}
	var infl [][2]float64 // of each cluster on a and b
	for i := range x {
		g, ok := at[of[i]]
		if !ok {
			g = len(infl)
			at[of[i]], infl = g, append(infl, [2]float64{})
		}
		z := (x[i] - centre) / scale
		r, _ := residual(z, y[i], a, b)
		infl[g][0] += (h[2]*r - h[1]*r*z) / det
		infl[g][1] += (h[0]*r*z - h[1]*r) / det
	}
	n := float64(len(infl))
	for _, v := range infl {
		cov[0] += v[0] * v[0] * n / (n - 1)
		cov[1] += v[0] * v[1] * n / (n - 1)
		cov[2] += v[1] * v[1] * n / (n - 1)
	}
	return cov, len(infl)
}
