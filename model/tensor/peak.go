package tensor

// peakFunc multiplies and adds in registers, in so many rounds of so many operations.
type peakFunc struct {
	run   func(rounds int)
	flops float64 // of a round, counted as those of a float32 product
}

// Peak multiplies and adds in registers for so many rounds on the path in use, and
// returns the operations that this was, a multiplication and an addition being two: what
// no product can surpass. By planes six operations count as one. On a path without such a
// loop, the portable one, it returns 0.
func Peak(rounds int) (flops float64) {
	p := active().peak
	if p.run == nil || rounds < 1 {
		return 0
	}
	p.run(rounds)
	return float64(rounds) * p.flops
}
