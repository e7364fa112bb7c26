package saetest

import "agar/sae"

// Dictionary is the jumprelu dictionary of the world's own directions, which
// fires where the projection is above theta.
func (p *Planted) Dictionary(theta float32) *sae.SAE {
	s := sae.New(sae.ArchJumpReLU, p.D, p.F)
	copy(s.WEnc, p.Dirs)
	copy(s.WDec, p.Dirs)
	for i := range s.Threshold {
		s.Threshold[i] = theta
	}
	return s
}
