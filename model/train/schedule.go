package train

import "math"

// rate is the learning rate of a step, counted from 1, as transformers' schedules
// give it: with t = step − 1 and n steps in all it rises as t/Warmup, then
//
//	linear    LR·(n − t)/(n − Warmup)
//	cosine    LR·½(1 + cos π(t − Warmup)/(n − Warmup))
//	constant  LR (transformers calls it constant_with_warmup)
func (c *Config) rate(step, steps int) float64 {
	t := float64(step - 1)
	if step-1 < c.Warmup {
		return c.LR * t / float64(max(c.Warmup, 1))
	}
	rest := float64(max(steps-c.Warmup, 1))
	switch c.Schedule {
	case "linear":
		return c.LR * math.Max(0, (float64(steps)-t)/rest)
	case "cosine":
		return c.LR * math.Max(0, 0.5*(1+math.Cos(math.Pi*(t-float64(c.Warmup))/rest)))
	}
	return c.LR
}
