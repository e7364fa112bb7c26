package phase

import (
	"fmt"
	"math"
	"math/rand/v2"

	"agar/model/behaviour"
	"agar/model/stats"
)

// Change is a sigmoid fitted to a measure: From + Rise/(1 + e^(−(t − Step)/Width)).
type Change struct {
	Step   Number    `json:"step"`     // where half of the way is made
	Lo     Number    `json:"lo"`       // 95 % interval of Step
	Hi     Number    `json:"hi"`       //
	From   Number    `json:"from"`     // level before
	Rise   Number    `json:"rise"`     // level after less before
	RiseSE Number    `json:"rise_se"`  //
	Takes  Number    `json:"takes"`    // steps from 10 to 90 % of the way
	Gain   Number    `json:"gain"`     // (n − 4)·ln(SSE_smooth/SSE_sigmoid)
	Rho    Number    `json:"rho"`      // correlation of successive errors allowed for
	Seen   [2]Number `json:"way_seen"` // shares of the way made at the first and at the last point
}

// resamples of questions for an interval, and the fewest questions that are
// resampled.
const (
	resamples    = 200
	minQuestions = 5
)

// change fits the sigmoid to m.Points, which are those of points.
func (k *kindOfMeasure) change(m *Measure, points []behaviour.Point) {
	t, y := make([]float64, len(m.Points)), make([]float64, len(m.Points))
	for i, p := range m.Points {
		t[i], y[i] = float64(p.Step), float64(p.Value)
	}
	f := stats.NewTransitionFitter(t)
	if f == nil {
		m.Why = fmt.Sprintf("%d points are too few, a change point needs %d", len(t), stats.MinTransitionPoints)
		return
	}
	fit, weight := f.Fit(y, nil), []float64(nil)
	for range 2 {
		if k.share {
			weight = binomialWeights(m.Points, &fit)
			fit = f.Fit(y, weight)
		}
	}
	m.Found, m.Why = fit.Found(), fit.Why()
	if m.Found {
		m.Questions = k.resample(f, &fit, points, weight)
	}
	m.Change = &Change{
		Step: Number(fit.At), Lo: Number(fit.Lo), Hi: Number(fit.Hi), From: Number(fit.From), Rise: Number(fit.Rise), RiseSE: Number(fit.RiseSE),
		Takes: Number(stats.Ways10to90 * fit.Width), Gain: Number(fit.Gain), Rho: Number(fit.Rho), Seen: [2]Number{Number(fit.Early), Number(fit.Late)},
	}
}

// binomialWeights are n/(p·(1 − p)) with p of the fit, half an answer away from 0
// and 1 at least.
func binomialWeights(points []MeasurePoint, fit *stats.Transition) []float64 {
	w := make([]float64, len(points))
	for i, x := range points {
		n := math.Max(float64(x.N), 1)
		p := min(max(fit.Value(float64(x.Step)), .5/n), 1-.5/n)
		w[i] = n / max(p*(1-p), 1e-9)
	}
	return w
}

// answered is one question's value at one point and what it was taken over.
type answered struct{ value, n float64 }

// byQuestion gives the questions that every point has, [question][point]; nil when
// the measure is not known by question.
func (k *kindOfMeasure) byQuestion(points []behaviour.Point) (out [][]answered) {
	if k.ofQuestion == nil {
		return nil
	}
	seen := map[string][]answered{}
	for _, p := range points {
		for j := range p.PerQuestion {
			g := &p.PerQuestion[j]
			if r := k.ofQuestion(g); r.OK() && r.N > 0 {
				seen[g.ID] = append(seen[g.ID], answered{r.Value, float64(r.N)})
			}
		}
	}
	for i := range points[0].PerQuestion {
		if x := seen[points[0].PerQuestion[i].ID]; len(x) == len(points) {
			out = append(out, x)
		}
	}
	return out
}

// resample widens the interval of fit by the middle 95 % of what whole questions
// drawn with replacement give, and its error of the rise by their spread. It gives
// the number of questions; with fewer than minQuestions nothing is done.
func (k *kindOfMeasure) resample(f *stats.TransitionFitter, fit *stats.Transition, points []behaviour.Point, weight []float64) int {
	q := k.byQuestion(points)
	if len(q) < minQuestions {
		return 0
	}
	rng := rand.New(rand.NewPCG(uint64(len(q)), uint64(len(points))))
	at, rise := make([]float64, resamples), make([]float64, resamples)
	for i := range at {
		s := f.Sigmoid(pooled(rng, q), weight, fit.Rho)
		at[i], rise[i] = s.At, s.Rise
	}
	fit.Lo, fit.Hi = min(fit.Lo, stats.Quantile(at, .025)), max(fit.Hi, stats.Quantile(at, .975))
	fit.RiseSE = max(fit.RiseSE, stats.MAD(rise))
	return len(q)
}

// pooled is the pooled curve of questions drawn with replacement.
func pooled(rng *rand.Rand, q [][]answered) []float64 {
	sum, n := make([]float64, len(q[0])), make([]float64, len(q[0]))
	for range q {
		for i, a := range q[rng.IntN(len(q))] {
			sum[i] += a.value * a.n
			n[i] += a.n
		}
	}
	for i := range sum {
		sum[i] /= max(n[i], 1)
	}
	return sum
}
