package model

import (
	"math"

	"agar/model/tensor"
)

// normBack adds to dx [n, width] the gradient of the input x of a norm whose
// output has the gradient dy.
func (b *backward) normBack(dx, dy, x []float32, w *norm, n int) {
	s, d := &b.m.Spec, len(w.w)
	eachRows(n, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			at, to := i*d, (i+1)*d
			if s.Norm == LayerNorm {
				layerNormBack(dx[at:to], dy[at:to], x[at:to], w.w, s.NormEps)
				continue
			}
			rmsBack(dx[at:to], dy[at:to], x[at:to], w.w, s.NormEps, true)
		}
	})
	if b.r.Weights != nil {
		b.r.Weights.addNorm(s, w, dy, x, n)
	}
}

// rmsBack goes back through y = w·x/ρ with ρ = √(mean(x²) + eps): with g = w·dy,
//
//	dx (+)= g/ρ − x·(g·x)/(width·ρ³)
//
// dx may be dy when nothing is added.
func rmsBack(dx, dy, x, w []float32, eps float64, add bool) {
	var gx float64
	for i, v := range x {
		gx += float64(dy[i]) * float64(w[i]) * float64(v)
	}
	inv := inverseRMS(x, eps)
	a, c := float32(inv), float32(gx/float64(len(x))*inv*inv*inv)
	for i, v := range x {
		g := dy[i]*w[i]*a - v*c
		if add {
			g += dx[i]
		}
		dx[i] = g
	}
}

// inverseRMS is 1/√(mean(x²) + eps).
func inverseRMS(x []float32, eps float64) float64 {
	sq := 0.0
	for _, v := range x {
		sq += float64(v) * float64(v)
	}
	return 1 / math.Sqrt(sq/float64(len(x))+eps)
}

// layerNormBack adds the gradient of x where y = w·x̂ + b, x̂ = (x − μ)/σ: with
// g = w·dy,
//
//	dx += (g − mean(g) − x̂·mean(g·x̂))/σ
func layerNormBack(dx, dy, x, w []float32, eps float64) {
	mean, inv := moments(x, eps)
	var g, gx float64
	for i, v := range x {
		d := float64(dy[i]) * float64(w[i])
		g += d
		gx += d * (float64(v) - mean) * inv
	}
	g, gx = g/float64(len(x)), gx/float64(len(x))
	for i, v := range x {
		xh := (float64(v) - mean) * inv
		dx[i] += float32((float64(dy[i])*float64(w[i]) - g - xh*gx) * inv)
	}
}

// moments are the mean and 1/√(variance + eps) of x.
func moments(x []float32, eps float64) (mean, inv float64) {
	for _, v := range x {
		mean += float64(v)
	}
	mean /= float64(len(x))
	sq := 0.0
	for _, v := range x {
		sq += (float64(v) - mean) * (float64(v) - mean)
	}
	return mean, 1 / math.Sqrt(sq/float64(len(x))+eps)
}

// activateBack turns the gradient d of act(pre)·lin into those of pre, in place,
// and of lin, in dlin. Without a gate lin is nil and stands for ones.
func (s *Spec) activateBack(d, dlin, pre, lin []float32) {
	const piece = 1 << 12
	tensor.Parallel((len(d)+piece-1)/piece, func(i int) {
		lo, hi := i*piece, min((i+1)*piece, len(d))
		if s.Activation == SiLU {
			siluBack(d[lo:hi], dlin, pre[lo:hi], lin, lo)
			return
		}
		act := activations[s.Activation]
		for j := lo; j < hi; j++ {
			y, dy := act(pre[j])
			if lin != nil {
				dlin[j] = d[j] * y
				dy *= lin[j]
			}
			d[j] *= dy
		}
	})
}

// siluBack is activateBack for the elements of d, which lie from lo on in dlin and lin.
func siluBack(d, dlin, pre, lin []float32, lo int) {
	if lin == nil {
		tensor.SiLUBack(d, nil, pre, nil)
		return
	}
	tensor.SiLUBack(d, dlin[lo:lo+len(d)], pre, lin[lo:lo+len(d)])
}

// activations give act(x) and its derivative; SiLU's is in tensor.
var activations = [...]func(x float32) (y, dy float32){GELU: geluBoth, GELUTanh: geluTanhBoth, ReLU: reluBoth}

func geluBoth(x float32) (y, dy float32) {
	v := float64(x)
	cdf := 0.5 * math.Erfc(-v/math.Sqrt2)
	return float32(v * cdf), float32(cdf + v*math.Exp(-v*v/2)/math.Sqrt(2*math.Pi))
}

func geluTanhBoth(x float32) (y, dy float32) {
	const c = 0.7978845608028654
	v := float64(x)
	t := math.Tanh(c * (v + 0.044715*v*v*v))
	return float32(0.5 * v * (1 + t)), float32(0.5*(1+t) + 0.5*v*(1-t*t)*c*(1+3*0.044715*v*v))
}

// reluBoth has the derivative 0 at 0, as torch does.
func reluBoth(x float32) (y, dy float32) {
	if x > 0 {
		return x, 1
	}
	return 0, 0
}
