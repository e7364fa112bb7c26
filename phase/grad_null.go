package phase

import (
	"math"
	"math/rand/v2"
	"slices"

	"agar/model/stats"
)

// GradNull is how often noise alone gives the smoothed gradient norm of a log a peak
// as prominent as the factor ratio: p = (1 + such draws)/(1 + draws). A draw is the
// monotone curve nearest to the smoothed ln(grad_norm), rising or falling, which has
// no peak, with the differences between the log and its smoothed curve put on in
// shuffled blocks of a window, and smoothed again. Blocks keep what rows share with
// the next ones. The shuffles are the same at every call. With too few rows no draw
// is made.
func GradNull(rows []LogRow, ratio float64, draws int) (p float64, made int) {
	c := smoothGrad(rows)
	if c == nil || draws < 1 {
		return math.NaN(), 0
	}
	var noise []float64
	for _, r := range rows {
		if r.GradNorm.OK() && r.GradNorm > 0 {
			noise = append(noise, math.Log(float64(r.GradNorm))-c.smooth[len(noise)])
		}
	}
	trend := monotone(c.smooth)
	rng := rand.New(rand.NewPCG(1, 2))
	hits, y := 0, make([]float64, len(trend))
	for range draws {
		shuffleBlocks(y, noise, c.window, rng)
		for i := range y {
			y[i] += trend[i]
		}
		s := &gradCurve{smooth: running(running(y, c.window, stats.Median), c.window, mean)}
		if slices.ContainsFunc(s.summits(), func(p float64) bool { return p >= math.Log(ratio) }) {
			hits++
		}
	}
	return float64(1+hits) / float64(1+draws), draws
}

// summits are the prominences of all peaks of the curve, in ln.
func (c *gradCurve) summits() (out []float64) {
	for _, p := range stats.Peaks(c.smooth) {
		out = append(out, p.Prominence)
	}
	return out
}

// shuffleBlocks fills dst with the blocks of src of a width in random order, the
// first cut from a random place of the circle.
func shuffleBlocks(dst, src []float64, width int, rng *rand.Rand) {
	n := len(src)
	start := rng.IntN(n)
	order := rng.Perm((n + width - 1) / width)
	at := 0
	for _, b := range order {
		for i := b * width; i < min((b+1)*width, n); i++ {
			dst[at] = src[(start+i)%n]
			at++
		}
	}
}

// monotone is the monotone sequence nearest to y in the sum of squares, rising or
// falling, whichever is nearer, by pooling adjacent violators.
func monotone(y []float64) []float64 {
	up := isotonic(y)
	neg := make([]float64, len(y))
	for i := range y {
		neg[i] = -y[i]
	}
	down := isotonic(neg)
	a, b := 0.0, 0.0
	for i := range y {
		a += (up[i] - y[i]) * (up[i] - y[i])
		b += (down[i] + y[i]) * (down[i] + y[i])
		neg[i] = -down[i]
	}
	if a <= b {
		return up
	}
	return neg
}

// isotonic is the rising sequence nearest to y.
func isotonic(y []float64) []float64 {
	type pool struct {
		mean float64
		n    int
	}
	var pools []pool
	for _, v := range y {
		pools = append(pools, pool{v, 1})
		for k := len(pools) - 1; k > 0 && pools[k-1].mean > pools[k].mean; k-- {
			a, b := pools[k-1], pools[k]
			pools = append(pools[:k-1], pool{(a.mean*float64(a.n) + b.mean*float64(b.n)) / float64(a.n+b.n), a.n + b.n})
		}
	}
	out := make([]float64, 0, len(y))
	for _, p := range pools {
		for range p.n {
			out = append(out, p.mean)
		}
	}
	return out
}
