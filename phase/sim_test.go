package phase

import (
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/stat/distuv"
)

// plant is a planted path: a signal in a plane and isotropic noise, both given
// a step, observed at checkpoints.
type plant struct {
	steps, spacing, width int     // steps of training, between checkpoints, dimensions
	deg, spread, at       float64 // a turn of deg degrees over spread steps about step at
	arc                   float64 // degrees turned over the whole path, by path length
	lr                    func(u float64) float64
	noise                 func(u float64) float64 // amplitude relative to the learning rate's
	level                 float64                 // plain θ at k = 10 of the noise alone, degrees
	still                 bool                    // no signal at all
	momentum              float64                 // noise is an exponential average of this decay a step
	fixed                 bool                    // noise does not follow the learning rate
}

// gram draws the Gram matrix of the path's positions at 0, spacing, …: exact in
// distribution, without ever forming a vector of width dimensions. The signal
// and the noise in its plane are drawn outright; the Gram of the noise in the
// other width−2 dimensions is a Wishart matrix, drawn by Bartlett's
// decomposition, with the noise's covariance in time put on by Cholesky's.
func (p plant) gram(rng *rand.Rand) (steps []int, v [][]float64) {
	n := p.steps / p.spacing
	signal, cov := p.signal(n), p.covariance(n)
	l := cholesky(cov)
	plane, rest := square2(n, 2), square(n)
	for i := range n {
		plane[i][0], plane[i][1] = rng.NormFloat64(), rng.NormFloat64()
		for j := range i {
			rest[i][j] = rng.NormFloat64()
		}
		chi := distuv.ChiSquared{K: float64(p.width - 2 - i), Src: rng}
		rest[i][i] = math.Sqrt(chi.Rand())
	}
	rows := make([][]float64, n)
	for i := range n {
		rows[i] = make([]float64, n+2)
		for k := range 2 {
			rows[i][n+k] = signal[i][k]
		}
		for m := range i + 1 {
			for j := range m + 1 {
				rows[i][j] += l[i][m] * rest[m][j]
			}
			rows[i][n] += l[i][m] * plane[m][0]
			rows[i][n+1] += l[i][m] * plane[m][1]
		}
	}
	return p.positions(rows)
}

// positions adds the increments up and forms their Gram matrix.
func (p plant) positions(rows [][]float64) (steps []int, v [][]float64) {
	pos := [][]float64{make([]float64, len(rows[0]))}
	for i, r := range rows {
		next := append([]float64(nil), pos[i]...)
		for k := range r {
			next[k] += r[k]
		}
		pos = append(pos, next)
	}
	v = square(len(pos))
	for i := range pos {
		steps = append(steps, i*p.spacing)
		for j := range i + 1 {
			for k := range pos[i] {
				v[i][j] += pos[i][k] * pos[j][k]
			}
			v[j][i] = v[i][j]
		}
	}
	return steps, v
}

func (p plant) rate(u float64) float64 {
	if p.lr == nil {
		return 1
	}
	return p.lr(u)
}

// signal is the noise-free increments, in the plane.
func (p plant) signal(n int) [][]float64 {
	out, path, total := square2(n, 2), 0.0, 0.0
	for s := range p.steps {
		total += p.rate((float64(s) + .5) / float64(p.steps))
	}
	for s := range n * p.spacing {
		if p.still {
			break
		}
		t := float64(s) + .5
		r := p.rate(t / float64(p.steps))
		path += r
		ramp := 0.0
		if p.deg != 0 {
			ramp = min(max((t-p.at)/max(p.spread, 1e-9)+.5, 0), 1)
		}
		a := (p.deg*ramp + p.arc*path/total) * math.Pi / 180
		out[s/p.spacing][0] += r * math.Cos(a)
		out[s/p.spacing][1] += r * math.Sin(a)
	}
	return out
}

// covariance is the noise's covariance between increments, for one dimension.
func (p plant) covariance(n int) [][]float64 {
	m := n * p.spacing
	amp := make([]float64, m)
	// straight signal of speed 1 over ten steps, noise of variance σ² a step:
	// cos θ = 100/(100 + 10σ²)
	sigma := math.Sqrt(10 * (1/math.Cos(p.level*math.Pi/180) - 1) / float64(p.width))
	for s := range m {
		u := (float64(s) + .5) / float64(p.steps)
		amp[s] = sigma
		if !p.fixed {
			amp[s] *= p.rate(u)
		}
		if p.noise != nil {
			amp[s] *= p.noise(u)
		}
	}
	mix := square2(n, m)
	var plain, mixed float64
	for s := range m {
		for t, w := s, 1.0; t < m && w > 1e-12; t, w = t+1, w*p.momentum {
			mix[t/p.spacing][s] += w * amp[s]
		}
		plain += amp[s] * amp[s]
	}
	for i := range n {
		for _, x := range mix[i] {
			mixed += x * x
		}
	}
	cov := square(n)
	for i := range n {
		for j := range i + 1 {
			for s := range m {
				cov[i][j] += mix[i][s] * mix[j][s]
			}
			cov[i][j] *= plain / mixed
			cov[j][i] = cov[i][j]
		}
	}
	return cov
}

func square2(n, m int) [][]float64 {
	out := make([][]float64, n)
	for i := range out {
		out[i] = make([]float64, m)
	}
	return out
}

// cholesky is the lower factor of a positive definite matrix.
func cholesky(c [][]float64) [][]float64 {
	n := len(c)
	l := square(n)
	for i := range n {
		for j := range i + 1 {
			s := c[i][j]
			for k := range j {
				s -= l[i][k] * l[j][k]
			}
			if i == j {
				l[i][i] = math.Sqrt(max(s, 0))
			} else if l[j][j] > 0 {
				l[i][j] = s / l[j][j]
			}
		}
	}
	return l
}
