package phase

import (
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat/distuv"
)

// plant is a planted path: a signal in a plane and isotropic noise, both given
// a step of training, observed at evenly spaced checkpoints.
type plant struct {
	steps, spacing, width int                     // steps of training and between checkpoints, dimensions
	deg, spread, at       float64                 // a turn of deg degrees over spread steps about step at
	arc                   float64                 // degrees turned over the whole path, evenly in path length
	lr                    func(u float64) float64 // learning rate over the run, 0 ≤ u < 1; nil is constant
	level                 float64                 // plain angle at k = 10 that the noise gives a straight path of constant rate, degrees
	noise                 func(u float64) float64 // noise relative to the learning rate; nil is constant
	fixed                 bool                    // the noise does not follow the learning rate
	still                 bool                    // no signal at all
	momentum              float64                 // noise is an exponential average over steps with this decay
}

// planter draws paths of one plant. Gram matrices come out exact in
// distribution without a vector of width dimensions: the noise in the signal's
// plane is drawn outright, the Gram of the rest is a Wishart matrix, drawn by
// Bartlett's decomposition, and the noise's covariance in time is put on by its
// Cholesky factor, which is the same for every draw.
type planter struct {
	plant
	factor mat.TriDense
}

func (p plant) planter() *planter {
	out := &planter{plant: p}
	var c mat.Cholesky
	if !c.Factorize(p.covariance()) {
		panic("covariance is not positive definite")
	}
	c.LTo(&out.factor)
	return out
}

// draw gives the steps 0, spacing, … and the Gram matrix of the positions.
func (p *planter) draw(rng *rand.Rand) (steps []int, v [][]float64) {
	n := p.steps / p.spacing
	z := mat.NewDense(n, n+2, nil)
	for i := range n {
		for j := range i {
			z.Set(i, j, rng.NormFloat64())
		}
		chi := distuv.ChiSquared{K: float64(p.width - 2 - i), Src: rng}
		z.Set(i, i, math.Sqrt(chi.Rand()))
		z.Set(i, n, rng.NormFloat64())
		z.Set(i, n+1, rng.NormFloat64())
	}
	var moves mat.Dense
	moves.Mul(&p.factor, z)
	for i, s := range p.signal() {
		moves.Set(i, n, moves.At(i, n)+s[0])
		moves.Set(i, n+1, moves.At(i, n+1)+s[1])
	}
	at := mat.NewDense(n+1, n+2, nil)
	for i := range n {
		for j := range n + 2 {
			at.Set(i+1, j, at.At(i, j)+moves.At(i, j))
		}
	}
	var g mat.Dense
	g.Mul(at, at.T())
	v = square(n + 1)
	for i := range v {
		steps = append(steps, i*p.spacing)
		copy(v[i], g.RawRowView(i))
	}
	return steps, v
}

// walk draws a path as the detector sees it.
func (p *planter) walk(rng *rand.Rand) *walk {
	steps, v := p.draw(rng)
	return newWalk(steps, v, upTo(len(steps)), 2*float64(p.spacing))
}

func (p plant) rate(step int) float64 {
	if p.lr == nil {
		return 1
	}
	return p.lr((float64(step) + .5) / float64(p.steps))
}

// signal is the noise-free moves between checkpoints, in the plane.
func (p plant) signal() [][2]float64 {
	out := make([][2]float64, p.steps/p.spacing)
	if p.still {
		return out
	}
	total, done := 0.0, 0.0
	for s := range p.steps {
		total += p.rate(s)
	}
	for s := range len(out) * p.spacing {
		done += p.rate(s)
		turned := 0.0
		if p.deg != 0 {
			turned = min(max((float64(s)+.5-p.at)/p.spread+.5, 0), 1)
		}
		a := (p.deg*turned + p.arc*done/total) * math.Pi / 180
		out[s/p.spacing][0] += p.rate(s) * math.Cos(a)
		out[s/p.spacing][1] += p.rate(s) * math.Sin(a)
	}
	return out
}

// covariance is the noise's between checkpoint moves, for one dimension. On a
// straight path of speed 1, noise of variance σ² a step gives over windows of
// ten steps cos θ = 100/(100 + 10·σ²); correlated noise is scaled to the same
// mean square move.
func (p plant) covariance() *mat.SymDense {
	n := p.steps / p.spacing
	m := n * p.spacing
	sigma := math.Sqrt(10 * (1/math.Cos(p.level*math.Pi/180) - 1) / float64(p.width))
	mix := mat.NewDense(n, m, nil)
	independent := 0.0
	for s := range m {
		amp := sigma
		if !p.fixed {
			amp *= p.rate(s)
		}
		if p.noise != nil {
			amp *= p.noise((float64(s) + .5) / float64(p.steps))
		}
		independent += amp * amp
		for t, w := s, 1.0; t < m && w > 1e-9; t, w = t+1, w*p.momentum {
			mix.Set(t/p.spacing, s, mix.At(t/p.spacing, s)+w*amp)
		}
	}
	var c mat.SymDense
	c.SymOuterK(1, mix)
	c.ScaleSym(independent/mat.Trace(&c), &c)
	for i := range n { // a rate of 0 at the end would make it singular
		c.SetSym(i, i, c.At(i, i)+1e-12*independent)
	}
	return &c
}
