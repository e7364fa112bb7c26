package model

import "fmt"

// Spec describes a decoder: everything about the computation that is not a
// weight. A family turns its config into a Spec; the forward reads nothing else.
type Spec struct {
	Architecture  string  // LlamaForCausalLM
	Layers        int     // decoder blocks
	DModel        int     // width of the residual stream
	DMLP          int     // width of the MLP's hidden layer
	Heads         int     // query heads
	KVHeads       int     // key and value heads; query head h reads h/(Heads/KVHeads)
	DHead         int     // width of a head
	Vocab         int     // rows of the embedding
	MaxPos        int     // longest sequence
	RMSEps        float64 // under the root of every norm
	RopeTheta     float64 // base of the rotary frequencies
	RopeScaling   RopeScaling
	TieEmbeddings bool // the unembedding is the embedding
}

// RopeScaling changes the rotary frequencies. The zero value changes nothing.
type RopeScaling struct {
	Type           string // "" or "llama3"
	Factor         float64
	LowFreqFactor  float64
	HighFreqFactor float64
	OriginalMaxPos int
	// Divisors, when set, divide the frequencies one by one [DHead/2]. It is how
	// GGUF files carry llama3 scaling.
	Divisors []float32
}

// limits keep products of dimensions far from overflow and absurd configs from
// being taken for large models.
const (
	maxLayers = 1 << 12
	maxWidth  = 1 << 20
	maxVocab  = 1 << 24
	maxPos    = 1 << 28
)

// check refuses dimensions that cannot be computed with, naming them.
func (s *Spec) check() error {
	for _, d := range []struct {
		name string
		v    int
		max  int
	}{
		{"layers", s.Layers, maxLayers},
		{"hidden size", s.DModel, maxWidth},
		{"MLP size", s.DMLP, maxWidth},
		{"attention heads", s.Heads, maxWidth},
		{"key/value heads", s.KVHeads, maxWidth},
		{"head size", s.DHead, maxWidth},
		{"vocabulary", s.Vocab, maxVocab},
		{"positions", s.MaxPos, maxPos},
		{"heads × head size", s.Heads * s.DHead, maxWidth},
	} {
		if d.v < 1 || d.v > d.max {
			return fmt.Errorf("%s: found %d, expected 1 to %d", d.name, d.v, d.max)
		}
	}
	if s.Heads%s.KVHeads != 0 {
		return fmt.Errorf("found %d attention heads and %d key/value heads, expected a multiple", s.Heads, s.KVHeads)
	}
	if s.DHead%2 != 0 {
		return fmt.Errorf("head size: found %d, expected an even number", s.DHead)
	}
	if !(s.RMSEps > 0 && s.RMSEps < 1) {
		return fmt.Errorf("norm epsilon: found %g, expected a number between 0 and 1", s.RMSEps)
	}
	if !(s.RopeTheta > 0 && s.RopeTheta < 1e30) {
		return fmt.Errorf("rope theta: found %g, expected a positive number", s.RopeTheta)
	}
	return s.RopeScaling.check(s.DHead)
}

func (r *RopeScaling) check(dHead int) error {
	switch {
	case r.Type == "" && r.Divisors == nil:
		return nil
	case r.Type == "" && len(r.Divisors) != dHead/2:
		return fmt.Errorf("rope divisors: found %d, expected %d", len(r.Divisors), dHead/2)
	case r.Type == "":
		return nil
	case r.Type != "llama3":
		return fmt.Errorf("rope scaling %q is not supported, expected default or llama3", r.Type)
	case !(r.Factor >= 1) || r.OriginalMaxPos < 1 || !(r.LowFreqFactor > 0) || !(r.HighFreqFactor > r.LowFreqFactor):
		return fmt.Errorf("llama3 rope scaling: found factor %g, low_freq_factor %g, high_freq_factor %g, original_max_position_embeddings %d, "+
			"expected factor ≥ 1, 0 < low < high and at least one position", r.Factor, r.LowFreqFactor, r.HighFreqFactor, r.OriginalMaxPos)
	}
	return nil
}

// shape is the [out, in] of a projection.
func (s *Spec) shape(p proj) (out, in int) {
	switch p {
	case projQ:
		return s.Heads * s.DHead, s.DModel
	case projK, projV:
		return s.KVHeads * s.DHead, s.DModel
	case projO:
		return s.DModel, s.Heads * s.DHead
	case projGate, projUp:
		return s.DMLP, s.DModel
	}
	return s.DModel, s.DMLP
}

// Parameters counts the weights of the model, a tied embedding once.
func (s *Spec) Parameters() int64 {
	n := int64(s.Vocab) * int64(s.DModel)
	if !s.TieEmbeddings {
		n *= 2
	}
	layer := int64(2 * s.DModel)
	for p := range nProjs {
		out, in := s.shape(p)
		layer += int64(out) * int64(in)
	}
	return n + int64(s.Layers)*layer + int64(s.DModel)
}
