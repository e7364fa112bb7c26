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
	noise  float64   // robust standard deviation of a row about the curve
}

// minGradRows is the number of rows with a gradient norm below which no peak is
// looked for.
const minGradRows = 20

// smoothGrad smooths ln g over a window of a fortieth of the rows, at least
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
	c.window = max(5, len(y)/40) | 1
	c.smooth = running(running(y, c.window, stats.Median), c.window, mean)
	rest := make([]float64, len(y))
	for i := range y {
		rest[i] = y[i] - c.smooth[i]
	}
	c.noise = stats.MAD(rest)
	return c
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

// se is the standard error of the curve: that of a median of a window of rows,
// √(π/2)·noise/√window, which the mean after it only lowers.
func (c *gradCurve) se() float64 {
	return c.noise * math.Sqrt(math.Pi/2/float64(c.window))
}

// peaks finds the events. Statistic is the smoothed norm at the peak, its SE
// that of the curve there, Prominence the norm's ratio to the higher saddle.
func (c *gradCurve) peaks() []Event {
	if c == nil {
		return nil
	}
	var out []Event
	for _, p := range stats.Peaks(c.smooth) {
		if p.Prominence < math.Log(gradRatio) || p.Prominence < gradSE*c.se() {
			continue
		}
		height := math.Exp(p.Height)
		out = append(out, Event{
			Kind: KindGradPeak, Step: c.steps[p.Index], Statistic: Number(height), SE: Number(height * c.se()), Unit: "gradient norm",
			Prominence: Number(math.Exp(p.Prominence)), Interval: c.top(p.Index),
			Agreement: Agreement{Ks: []int{}, Steps: []int{}, PlainMax: []int{}, Modules: []string{}},
		})
	}
	return out
}

// top is the steps about a peak where the curve is within one standard error.
func (c *gradCurve) top(i int) [2]int {
	l, r := i, i
	for l > 0 && c.smooth[l-1] >= c.smooth[i]-c.se() {
		l--
	}
	for r < len(c.smooth)-1 && c.smooth[r+1] >= c.smooth[i]-c.se() {
		r++
	}
	return [2]int{c.steps[l], c.steps[r]}
}
