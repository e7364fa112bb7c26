package tensor

import "math"

func adamGeneric(p, g, m, v []float32, c adamFactors) {
	for i, gi := range g {
		m[i] += float32(c.oneMinusBeta1 * (gi - m[i]))
		v[i] = float32(c.beta2*v[i]) + float32(float32(c.oneMinusBeta2*gi)*gi)
		root := float32(float32(math.Sqrt(float64(v[i]))) * c.invRootCorrection)
		p[i] -= float32(c.stepSize * (m[i] / (root + c.eps)))
	}
}
