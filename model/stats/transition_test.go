package stats

import (
	"math"
	"math/rand/v2"
	"testing"
)

// curve draws a curve at n points from its shape over 0 ≤ u < 1 and AR(1) noise.
type curve struct {
	name       string
	shape      func(u float64) float64
	noise, rho float64
}

func (c curve) draw(r *rand.Rand, n int) []float64 {
	out := make([]float64, n)
	e := r.NormFloat64()
	for i := range out {
		if i > 0 {
			e = c.rho*e + math.Sqrt(1-c.rho*c.rho)*r.NormFloat64()
		}
		out[i] = c.noise * e
		if c.shape != nil {
			out[i] += c.shape(float64(i) / float64(n))
		}
	}
	return out
}

func grid(n, spacing int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = float64(i * spacing)
	}
	return out
}

// TestNoTransition draws curves without a transition. A random walk looks like
// anything: its rate is printed and bounded, not near zero.
func TestNoTransition(t *testing.T) {
	approach := func(share float64) func(float64) float64 {
		return func(u float64) float64 { return 6 * (1 - math.Exp(-u/share)) }
	}
	curves := []curve{
		{"flat", nil, 1, 0},
		{"flat, errors correlated 0.5", nil, 1, .5},
		{"flat, errors correlated 0.8", nil, 1, .8},
		{"line", func(u float64) float64 { return 6 * u }, .3, 0},
		{"line, hardly any noise", func(u float64) float64 { return 6 * u }, .03, .5},
		{"fast approach to a level", approach(.1), .3, 0},
		{"approach to a level", approach(.2), .3, .5},
		{"slow approach to a level", approach(.37), .1, .5},
		{"square root", func(u float64) float64 { return 6 * math.Sqrt(u) }, .1, 0},
		{"cube", func(u float64) float64 { return 6 * u * u * u }, .1, .5},
		{"smooth step over the whole run", func(u float64) float64 { return 6 * u * u * (3 - 2*u) }, .1, 0},
	}
	seeds := 100
	if testing.Short() {
		seeds = 20
	}
	count := func(n int, draw func(*rand.Rand) []float64) (found int) {
		f := NewTransitionFitter(grid(n, 5))
		for s := range seeds {
			x := f.Fit(draw(rand.New(rand.NewPCG(uint64(s), 7))), nil)
			if x.Found() {
				found++
			}
		}
		return found
	}
	for _, n := range []int{14, 24, 40} {
		for _, c := range curves {
			found := count(n, func(r *rand.Rand) []float64 { return c.draw(r, n) })
			t.Logf("%2d points, %-32s %d false transitions in %d seeds", n, c.name, found, seeds)
			if found > 1 {
				t.Errorf("%d points, %s: found %d of %d, at most 1 is allowed", n, c.name, found, seeds)
			}
		}
		found := count(n, func(r *rand.Rand) []float64 {
			y := make([]float64, n)
			for i := 1; i < n; i++ {
				y[i] = y[i-1] + r.NormFloat64()
			}
			return y
		})
		t.Logf("%2d points, %-32s %d false transitions in %d seeds", n, "random walk", found, seeds)
		if 10*found > seeds {
			t.Errorf("%d points, random walk: found %d of %d, at most a tenth is allowed", n, found, seeds)
		}
	}
}

// TestPlantedTransition plants sigmoids and counts how many are found, how well they
// are placed, and how often the interval holds the truth.
func TestPlantedTransition(t *testing.T) {
	seeds := 100
	if testing.Short() {
		seeds = 20
	}
	all, covered := 0, 0
	for _, c := range []struct {
		n               int
		rise, width     float64 // in standard deviations of the noise; as a share of the run
		rho             float64
		least, leastOne int // per cent found, and placed within two spacings of those
	}{
		{24, 10, .01, 0, 95, 95}, {24, 10, .05, 0, 75, 95}, {24, 10, .01, .5, 90, 95}, {24, 30, .05, .5, 99, 99},
		{40, 5, .01, 0, 90, 95}, {40, 10, .05, 0, 95, 95}, {40, 10, .05, .5, 75, 90}, {40, 30, .05, .8, 95, 95},
	} {
		f := NewTransitionFitter(grid(c.n, 5))
		found, placed := 0, 0
		for s := range seeds {
			r := rand.New(rand.NewPCG(uint64(s), 8))
			at := .35 + .3*r.Float64()
			y := curve{"", func(u float64) float64 { return c.rise * logistic((u-at)/c.width) }, 1, c.rho}.draw(r, c.n)
			x := f.Fit(y, nil)
			if !x.Found() {
				continue
			}
			found++
			truth := at * float64(5*c.n)
			if x.Lo <= truth && truth <= x.Hi {
				covered++
			}
			if math.Abs(x.At-truth) <= 10 {
				placed++
			}
		}
		all += found
		t.Logf("%d points, rise %g sd over %g of the run, errors correlated %g: found %d of %d, %d within two spacings", c.n, c.rise, Ways10to90*c.width, c.rho, found, seeds, placed)
		if 100*found < c.least*seeds || 100*placed < c.leastOne*found {
			t.Errorf("%+v: found %d of %d, %d placed", c, found, seeds, placed)
		}
	}
	t.Logf("the 95 %% interval holds the truth in %d of %d", covered, all)
	if 100*covered < 95*all {
		t.Errorf("the interval holds the truth in %d of %d, expected 95 %%", covered, all)
	}
}

// TestTransitionExact fits a curve without noise and finds what was planted.
func TestTransitionExact(t *testing.T) {
	want := Sigmoid{From: -2, Rise: 3, At: 123, Width: 9}
	steps := grid(60, 5)
	y := make([]float64, len(steps))
	for i, s := range steps {
		y[i] = want.Value(s)
	}
	x := NewTransitionFitter(steps).Fit(y, nil)
	if math.Abs(x.At-want.At) > 1 || math.Abs(x.Width/want.Width-1) > .15 || math.Abs(x.Rise-want.Rise) > .05 || !x.Found() {
		t.Errorf("found %+v, expected %+v", x, want)
	}
	if NewTransitionFitter(grid(MinTransitionPoints-1, 5)) != nil {
		t.Error("found a fitter for too few points")
	}
}

// TestTransitionWeights gives half of the points next to no weight and puts
// nonsense there.
func TestTransitionWeights(t *testing.T) {
	steps := grid(40, 5)
	y, w := make([]float64, 40), make([]float64, 40)
	for i, s := range steps {
		y[i], w[i] = Sigmoid{0, 1, 95, 8}.Value(s), 1
		if i%2 == 1 {
			y[i], w[i] = float64(i%7)*5, 1e-9
		}
	}
	if x := NewTransitionFitter(steps).Fit(y, w); math.Abs(x.At-95) > 4 {
		t.Errorf("found %.1f, expected 95", x.At)
	}
}
