package train

import (
	"math"

	"agar/model/tensor"
)

// parameter is one tensor under training.
type parameter struct {
	name    string
	shape   []int
	value   []float32
	grad    []float32
	m, v    []float32
	ratio   float64 // learning rate over that of the schedule
	decayed bool
}

func newParameter(name string, shape []int, value, grad []float32) *parameter {
	p := &parameter{name: name, shape: shape, value: value, grad: grad, ratio: 1, decayed: len(shape) > 1}
	p.m, p.v = make([]float32, len(value)), make([]float32, len(value))
	return p
}

// gradNorm is the L2 norm of all gradients together.
func gradNorm(ps []*parameter) float64 {
	sum := 0.0
	for _, p := range ps {
		for _, g := range p.grad {
			sum += float64(g) * float64(g)
		}
	}
	return math.Sqrt(sum)
}

// clip shortens all gradients together to a norm, as torch's clip_grad_norm_ does.
func clip(ps []*parameter, norm, most float64) {
	by := most / (norm + 1e-6)
	if most < 0 || by >= 1 {
		return
	}
	for _, p := range ps {
		tensor.Scale(p.grad, float32(by))
	}
}

// adamW moves parameters one step (Loshchilov and Hutter 2019, algorithm 2, in
// torch's order): p ← p·(1 − lr·decay), then Adam.
func (c *Config) adamW(ps []*parameter, step int, lr float64) {
	for _, p := range ps {
		rate := lr * p.ratio
		if p.decayed && c.WeightDecay != 0 {
			tensor.Scale(p.value, float32(1-rate*c.WeightDecay))
		}
		tensor.AdamStep(p.value, p.grad, p.m, p.v, tensor.AdamConst{LR: rate, Beta1: c.Beta1, Beta2: c.Beta2, Eps: c.Eps, Step: step})
	}
}
