package sae

import (
	"fmt"
	"math"

	"agar/model/tensor"
)

// minNorm is the smallest decoder norm that folding divides by, as in SAELens.
const minNorm = 1e-8

// DecoderNorms returns ‖W_dec[i]‖ of every feature.
func (s *SAE) DecoderNorms() []float32 {
	n := make([]float32, s.DSAE)
	for i := range n {
		n[i] = float32(math.Sqrt(tensor.SumSq(s.Decoder(i))))
	}
	return n
}

// FoldDecoderNorms makes every decoder row a unit vector without changing any
// reconstruction: with n = max(‖W_dec[i]‖, 1e-8),
//
//	W_dec[i] /= n,  W_enc[i] *= n,  b_enc[i] *= n,  θᵢ *= n
//
// so that activations are multiplied by n. A top-k dictionary ranks activations
// and would select others afterwards, so it is refused.
func (s *SAE) FoldDecoderNorms() error {
	if s.Arch == ArchTopK {
		return fmt.Errorf("sae: fold decoder norms: a %s dictionary would select other features", s.Arch)
	}
	s.foldNorms()
	return nil
}

func (s *SAE) foldNorms() {
	for i, n := range s.DecoderNorms() {
		n = max(n, minNorm)
		for j, v := range s.Decoder(i) {
			s.Decoder(i)[j] = v / n
		}
		tensor.Scale(s.Encoder(i), n)
		s.BEnc[i] *= n
		if s.Threshold != nil {
			s.Threshold[i] *= n
		}
	}
}

// FoldRescale folds a top-k dictionary that ranks pre-activations multiplied by
// the decoder's norms and decodes with unit rows (SAELens's
// rescale_acts_by_decoder_norm): afterwards the plain rule selects the same
// features, with activations in units of unit decoder rows.
func (s *SAE) FoldRescale() { s.foldNorms() }

// FoldScale turns a dictionary of x/scale into one of x:
//
//	b_enc *= scale,  b_dec *= scale,  θ *= scale
//
// Activations and reconstructions are multiplied by scale; which features fire
// stays the same. scale must be above 0.
func (s *SAE) FoldScale(scale float32) {
	tensor.Scale(s.BEnc, scale)
	tensor.Scale(s.BDec, scale)
	tensor.Scale(s.Threshold, scale)
}
