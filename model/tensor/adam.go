package tensor

import "math"

// AdamConst holds the constants of one Adam step. Step counts from 1 and sets
// the bias correction. There is no weight decay: scale p before the step for
// AdamW's.
type AdamConst struct {
	LR, Beta1, Beta2, Eps float64
	Step                  int
}

// AdamStep moves the parameters p one step of Adam (Kingma and Ba 2015,
// algorithm 1) with the order of operations of torch.optim.Adam:
//
//	m ← m + (1−β₁)(g − m)
//	v ← β₂v + (1−β₂)g²
//	p ← p − LR/(1−β₁ᵗ) · m / (√v/√(1−β₂ᵗ) + Eps)
//
// All four slices have one length; g is only read. It panics when lengths
// differ or Step is below 1.
func AdamStep(p, g, m, v []float32, c AdamConst) {
	checkSame("AdamStep", "len(g)", len(g), len(p))
	checkSame("AdamStep", "len(m)", len(m), len(p))
	checkSame("AdamStep", "len(v)", len(v), len(p))
	checkLen("AdamStep", "the count of steps", c.Step, 1)
	active().adam(p, g, m, v, c.factors())
}

// adamFactors are the numbers that the kernels need, in the order in which the
// assembly reads them.
type adamFactors struct {
	oneMinusBeta1, beta2, oneMinusBeta2 float32
	invRootCorrection                   float32 // 1/√(1−β₂ᵗ)
	eps                                 float32
	stepSize                            float32 // LR/(1−β₁ᵗ)
}

func (c AdamConst) factors() adamFactors {
	t := float64(c.Step)
	return adamFactors{
		oneMinusBeta1:     float32(1 - c.Beta1),
		beta2:             float32(c.Beta2),
		oneMinusBeta2:     float32(1 - c.Beta2),
		invRootCorrection: float32(1 / math.Sqrt(1-math.Pow(c.Beta2, t))),
		eps:               float32(c.Eps),
		stepSize:          float32(c.LR / (1 - math.Pow(c.Beta1, t))),
	}
}
