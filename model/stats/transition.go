package stats

import (
	"fmt"
	"math"
	"sort"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat/distuv"
)

// Transition is a sigmoid fitted to a curve that was observed at some points, and
// how far it is to be believed.
type Transition struct {
	Sigmoid
	// Lo and Hi are the 95 % profile-likelihood interval of At, widened to the
	// points on either side: between two points nothing was observed.
	Lo, Hi float64
	RiseSE float64 // standard error of Rise, At and Width held
	N      int     // points
	Rho    float64 // correlation of successive errors that was allowed for
	// Gain is (N − 4)·ln(SSE_smooth/SSE_sigmoid), SSE_smooth the smallest of a
	// line, a parabola and an approach to a level (1 − e^(−t/T)): what bends without
	// a transition.
	Gain float64
	// Early and Late are the shares of the way made at the first and last point.
	Early, Late float64
	Span        float64 // last point less first
}

// MinTransitionPoints is the number of points below which FitTransition gives
// nothing.
const MinTransitionPoints = 8

// Thresholds of Found; the null rates they give are measured in the tests.
const (
	minGain  = 12  // of Gain
	maxEarly = 0.2 // share of the way made before the first point
	minLate  = 0.8 // share made by the last
	maxWide  = 0.5 // 10 to 90 % of the way, as a share of the span
	minRise  = 4   // standard errors
)

// Found tells whether the curve has a transition: it beats every smooth curve, its
// rise is far above its error, both levels are seen, and most of the way is made
// within half of what was observed.
func (t *Transition) Found() bool { return t.Why() == "" }

// Why says what speaks against a transition; "" for one that is found.
func (t *Transition) Why() string {
	switch {
	case math.Abs(t.Rise) < minRise*t.RiseSE || t.Gain < minGain:
		return fmt.Sprintf("no step stands out: the curve is level, or a smooth one describes it as well (gain %.1f, needs %d)", t.Gain, minGain)
	case t.Early > maxEarly:
		return fmt.Sprintf("the change had begun before the first point (%.0f %% of the way)", 100*t.Early)
	case t.Late < minLate:
		return fmt.Sprintf("the change is not over at the last point (%.0f %% of the way)", 100*t.Late)
	case Ways10to90*t.Width > maxWide*t.Span:
		return fmt.Sprintf("gradual: 10 to 90 %% of the way takes %.0f of %.0f", Ways10to90*t.Width, t.Span)
	}
	return ""
}

// TransitionFitter fits sigmoids to curves observed at the same points.
type TransitionFitter struct {
	t      []float64
	taus   []float64
	widths []float64
	basis  [][]float64 // [tau·len(widths) + width] the share of the way at every point
	smooth [][][]float64
}

// NewTransitionFitter prepares fits at the points t, ascending. It gives nil for
// fewer than MinTransitionPoints.
func NewTransitionFitter(t []float64) *TransitionFitter {
	n := len(t)
	if n < MinTransitionPoints {
		return nil
	}
	f := &TransitionFitter{t: t}
	span := t[n-1] - t[0]
	for i := range 2*n - 1 {
		f.taus = append(f.taus, (t[i/2]+t[(i+1)/2])/2)
	}
	for w := span / float64(n-1) / 4; w < span/3; w *= 1.4 {
		f.widths = append(f.widths, w)
	}
	for _, tau := range f.taus {
		for _, w := range f.widths {
			f.basis = append(f.basis, f.share(tau, w))
		}
	}
	f.smooth = smoothCurves(t)
	return f
}

func (f *TransitionFitter) share(at, width float64) []float64 {
	out := make([]float64, len(f.t))
	for i, t := range f.t {
		out[i] = logistic((t - at) / width)
	}
	return out
}

// smoothCurves are the columns of the alternatives beside the constant.
func smoothCurves(t []float64) (out [][][]float64) {
	n := len(t)
	line, square := make([]float64, n), make([]float64, n)
	span := t[n-1] - t[0]
	for i, v := range t {
		line[i] = (v - t[0]) / span
		square[i] = line[i] * line[i]
	}
	out = [][][]float64{{line}, {line, square}}
	for _, share := range []float64{.05, .1, .15, .2, .3, .5, .8} {
		column := make([]float64, n)
		for i, v := range line {
			column[i] = math.Exp(-v / share)
		}
		out = append(out, [][]float64{column})
	}
	return out
}

// Fit fits y, one value a point, with weights (nil: 1) by generalised least
// squares; the correlation of successive errors is estimated from the residuals of
// a first fit. The error's size is estimated too, so weights need only be
// relative.
func (f *TransitionFitter) Fit(y, weight []float64) Transition {
	w := newWhitener(len(y), weight)
	best, _ := f.search(y, w)
	for range 2 {
		w.rho = f.correlation(y, w, best)
		best, _ = f.search(y, w)
	}
	return f.describe(y, w, best)
}

// Sigmoid is the best sigmoid alone, for successive errors correlated by rho: what
// a bootstrap repeats.
func (f *TransitionFitter) Sigmoid(y, weight []float64, rho float64) Sigmoid {
	w := newWhitener(len(y), weight)
	w.rho = rho
	best, _ := f.search(y, w)
	return best
}

// correlation is that of successive weighted residuals, corrected for the four
// parameters that absorb some of it.
func (f *TransitionFitter) correlation(y []float64, w whitener, s Sigmoid) float64 {
	r := make([]float64, len(y))
	for i, t := range f.t {
		r[i] = w.root[i] * (y[i] - s.Value(t))
	}
	n := float64(len(y))
	rho := lagOne(r)
	rho += (1 + 4*max(rho, 0)) / n * 2
	return min(max(rho, 0), 0.95)
}

// search finds the least-squares sigmoid on the grid and refines it twice.
func (f *TransitionFitter) search(y []float64, w whitener) (Sigmoid, float64) {
	one, target := w.apply(ones(len(y))), w.apply(y)
	best, sse := Sigmoid{}, math.Inf(1)
	try := func(tau, width float64, share []float64) {
		if l := fit2(one, w.apply(share), target); l.sse < sse {
			best, sse = Sigmoid{l.a, l.b, tau, width}, l.sse
		}
	}
	for i, tau := range f.taus {
		for j, width := range f.widths {
			try(tau, width, f.basis[i*len(f.widths)+j])
		}
	}
	step, factor := (f.t[len(f.t)-1]-f.t[0])/float64(len(f.t)-1)/2, 1.4
	for range 2 {
		at, width := best.At, best.Width
		for i := -4; i <= 4; i++ {
			for j := -2; j <= 2; j++ {
				tau, wd := at+step*float64(i)/4, width*math.Pow(factor, float64(j)/2)
				if wd >= f.widths[0] && tau >= f.t[0] && tau <= f.t[len(f.t)-1] {
					try(tau, wd, f.share(tau, wd))
				}
			}
		}
		step, factor = step/4, math.Sqrt(factor)
	}
	return best, sse
}

func ones(n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = 1
	}
	return out
}

// describe judges a fit.
func (f *TransitionFitter) describe(y []float64, w whitener, s Sigmoid) Transition {
	n := len(y)
	first, last := f.t[0], f.t[n-1]
	one, target := w.apply(ones(n)), w.apply(y)
	l := fit2(one, w.apply(f.share(s.At, s.Width)), target)
	t := Transition{Sigmoid: s, N: n, Rho: w.rho, Early: s.Share(first), Late: s.Share(last), Span: last - first}
	dof := float64(n - 4)
	floor := 1e-24 * (1 + l.sse)
	t.RiseSE = math.Sqrt((l.sse + floor) / dof * l.varB)
	t.Gain = dof * math.Log((f.smoothest(one, target, w)+floor)/(l.sse+floor))
	t.Lo, t.Hi = f.profile(one, target, w, s, l.sse)
	return t
}

// smoothest is the least squared error of the curves without a transition.
func (f *TransitionFitter) smoothest(one, target []float64, w whitener) float64 {
	best := math.Inf(1)
	for _, columns := range f.smooth {
		x := mat.NewDense(len(one), 1+len(columns), nil)
		x.SetCol(0, one)
		for j, c := range columns {
			x.SetCol(j+1, w.apply(c))
		}
		var beta, fitted mat.Dense
		if err := beta.Solve(x, mat.NewDense(len(target), 1, target)); err != nil {
			continue // columns that cannot be told apart fit no better
		}
		fitted.Mul(x, &beta)
		sse := 0.0
		for i, v := range target {
			sse += (v - fitted.At(i, 0)) * (v - fitted.At(i, 0))
		}
		best = min(best, sse)
	}
	return best
}

// profile is the interval of At in which the best sigmoid's error, width and
// levels free, stays below sse·(1 + F₀.₉₅(1, ν)/ν), widened to the points on either
// side. ν is n − 4 times (1 − ρ)/(1 + ρ), the share of independent errors.
func (f *TransitionFitter) profile(one, target []float64, w whitener, s Sigmoid, sse float64) (lo, hi float64) {
	dof := max(float64(len(target)-4)*(1-w.rho)/(1+w.rho), 2)
	limit := sse*(1+distuv.F{D1: 1, D2: dof}.Quantile(0.95)/dof) + 1e-24
	inside := func(tau float64) bool {
		for _, width := range append([]float64{s.Width}, f.widths...) {
			if fit2(one, w.apply(f.share(tau, width)), target).sse <= limit {
				return true
			}
		}
		return false
	}
	first, last := f.t[0], f.t[len(f.t)-1]
	step := (last - first) / float64(len(f.t)-1) / 8
	lo, hi = s.At, s.At
	for lo-step >= first && inside(lo-step) {
		lo -= step
	}
	for hi+step <= last && inside(hi+step) {
		hi += step
	}
	return f.between(lo, hi)
}

// between widens an interval to the points on either side.
func (f *TransitionFitter) between(lo, hi float64) (float64, float64) {
	i := sort.SearchFloat64s(f.t, lo)
	if i > 0 {
		i--
	}
	j := sort.SearchFloat64s(f.t, hi)
	if j < len(f.t)-1 && f.t[j] == hi {
		j++
	}
	return f.t[i], f.t[min(j, len(f.t)-1)]
}
