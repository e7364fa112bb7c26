package phase

import (
	"math"

	"agar/model/stats"
)

// gradCurve is the smoothed logarithm of the gradient norm.
type gradCurve struct {
	steps  []int
	smooth []float64 // ln
	window int       // rows
	noise  float64   // standard deviation of a window's median about its neighbours' trend
}

// minGradRows is the number of rows with a gradient norm below which no peak is
// looked for.
const minGradRows = 40

// smoothGrad smooths ln g over a window of a twentieth of the rows, at least
// five and odd: a running median, then a running mean of the same width, both
// cut at the ends. nil when there are too few positive rows.
func smoothGrad(rows []LogRow) *gradCurve {
	c := &gradCurve{}
	var y []float64
	for _, r := range rows {
		if r.GradNorm.OK() && r.GradNorm > 0 {
			c.steps = append(c.steps, r.Step)
			y = append(y, math.Log(float64(r.GradNorm)))
		}
	}
	if len(y) < minGradRows {
		return nil
	}
	c.window = max(5, len(y)/20) | 1
	c.smooth = running(running(y, c.window, stats.Median), c.window, mean)
	c.noise = windowNoise(y, c.window)
	return c
}

// windowNoise is the robust standard deviation of the medians of successive
// windows about the line through their two neighbours. Unlike the scatter of
// single rows it keeps what rows share with the next ones: such noise does not
// average out within a window.
func windowNoise(y []float64, window int) float64 {
	var m []float64
	for i := 0; i+window <= len(y); i += window {
		m = append(m, stats.Median(y[i:i+window]))
	}
	var d []float64
	for i := 1; i+1 < len(m); i++ {
		d = append(d, m[i]-(m[i-1]+m[i+1])/2)
	}
	return stats.MAD(d) / math.Sqrt(1.5) // the variance of m − (m' + m'')/2 is 3/2
}

// running applies f to the window about each element, cut at the ends to stay
// symmetric.
func running(y []float64, window int, f func([]float64) float64) []float64 {
	out := make([]float64, len(y))
	for i := range y {
		h := min(window/2, i, len(y)-1-i)
		out[i] = f(y[i-h : i+h+1])
	}
	return out
}

func mean(x []float64) float64 {
	s := 0.0
	for _, v := range x {
		s += v
	}
	return s / float64(len(x))
}

// Thresholds of a grad_peak: the smoothed norm must stand half as high again as
// the higher of its two saddles, and by five standard errors of the curve.
const (
	gradRatio = 1.5
	gradSE    = 5
)

// peaks finds the events. Statistic is the smoothed norm at the peak, its SE
// that of the curve there, Prominence the norm's ratio to the higher saddle.
func (c *gradCurve) peaks() []Event {
	if c == nil {
		return nil
	}
	var out []Event
	for _, p := range stats.Peaks(c.smooth) {
		if p.Prominence < math.Log(gradRatio) || p.Prominence < gradSE*c.noise {
			continue
		}
		height := math.Exp(p.Height)
		out = append(out, Event{
			Kind: KindGradPeak, Step: c.steps[p.Index], Statistic: Number(height), SE: Number(height * c.noise), Unit: "gradient norm",
			Prominence: Number(math.Exp(p.Prominence)), Interval: c.top(p.Index),
			Agreement: Agreement{Ks: []int{}, Steps: []int{}, PlainMax: []int{}, Modules: []string{}, Measures: []string{}}, Lambda: Missing(),
		})
	}
	return out
}

// top is the steps about a peak where the curve is within one standard error.
func (c *gradCurve) top(i int) [2]int {
	l, r := i, i
	for l > 0 && c.smooth[l-1] >= c.smooth[i]-c.noise {
		l--
	}
	for r < len(c.smooth)-1 && c.smooth[r+1] >= c.smooth[i]-c.noise {
		r++
	}
	return [2]int{c.steps[l], c.steps[r]}
}
