package model

import (
	"fmt"
	"math"
)

// Spec describes a decoder: everything about the computation that is not a
// weight. A family turns its config into a Spec; the forward reads nothing else.
type Spec struct {
	Architecture string // LlamaForCausalLM
	Layers       int    // decoder blocks
	DModel       int    // width of the residual stream
	DMLP         int    // width of the MLP's hidden layer
	Heads        int    // query heads
	KVHeads      int    // key and value heads; query head h reads h/(Heads/KVHeads)
	DHead        int    // width of a head
	Vocab        int    // rows of the embedding
	MaxPos       int    // longest sequence

	Norm        NormKind
	NormEps     float64   // under the root of every norm
	NormPlusOne bool      // norm weights are stored less one
	Placement   Placement // where the norms of a block stand
	Parallel    bool      // attention and MLP read the same residual: x + attention(norm₁ x) + mlp(norm₂ x)

	QKNorm      QKNorm
	QKVBias     bool    // q, k and v have a bias
	OBias       bool    // o has one
	AttnScale   float64 // factor on q·k
	ScaleByNum  bool    // which block l divides by l+1
	AttnSoftcap float64 // scores become c·tanh(score/c); 0: none

	Activation Activation
	Gated      bool // act(gate)·up, else act(up)
	MLPBias    bool // gate, up and down have a bias

	Experts    int  // of the blocks with MoE
	TopExperts int  // experts that a token goes through
	DExpert    int  // width of an expert's hidden layer
	NormTopK   bool // the weights of a token's experts are divided by their sum

	EmbedScale       float64 // factor on embeddings
	LearnedPositions bool    // a vector for each position is added to the embedding
	TieEmbeddings    bool    // the unembedding is the embedding
	LogitSoftcap     float64 // logits become c·tanh(logit/c); 0: none

	Ropes  []Rope      // rotary embeddings that blocks refer to
	Blocks []BlockSpec // one a block
}

// BlockSpec is what one block has of its own.
type BlockSpec struct {
	Window int  // keys that a query sees, its own included; 0: all up to its own
	Rope   int  // index in Spec.Ropes; −1: no rotary embedding
	MoE    bool // the MLP is a mixture of experts
}

// NormKind says how rows are normalised.
type NormKind uint8

// The norms: by the root mean square, or by mean and variance with a bias.
const (
	RMSNorm NormKind = iota
	LayerNorm
)

// Placement says where the norms of a block stand.
type Placement uint8

// The placements:
//
//	PreNorm       x + f(norm x)
//	PostNorm      x + norm f(x)
//	SandwichNorm  x + norm f(norm x)
const (
	PreNorm Placement = iota
	PostNorm
	SandwichNorm
)

func (p Placement) before() bool { return p != PostNorm }
func (p Placement) after() bool  { return p != PreNorm }

// QKNorm says how queries and keys are normalised before the rotary embedding.
type QKNorm uint8

// Not at all, each head on its own, or all heads of a row together.
const (
	NoQKNorm QKNorm = iota
	HeadQKNorm
	WidthQKNorm
)

// Activation is the nonlinearity of an MLP.
type Activation uint8

// The activations; GELUTanh is the approximation by tanh.
const (
	SiLU Activation = iota
	GELU
	GELUTanh
	ReLU
)

// scale is the factor on q·k in block l.
func (s *Spec) scale(l int) float64 {
	if s.ScaleByNum {
		return s.AttnScale / float64(l+1)
	}
	return s.AttnScale
}

// uniform gives every block the same properties.
func (s *Spec) uniform(b BlockSpec) {
	s.Blocks = make([]BlockSpec, max(min(s.Layers, maxLayers), 0))
	for l := range s.Blocks {
		s.Blocks[l] = b
	}
}

// complete fills in what families may leave out.
func (s *Spec) complete() {
	if s.AttnScale == 0 {
		s.AttnScale = 1 / math.Sqrt(float64(s.DHead))
	}
	if s.EmbedScale == 0 {
		s.EmbedScale = 1
	}
	if s.Blocks == nil {
		s.uniform(BlockSpec{})
	}
	for i := range s.Ropes {
		if s.Ropes[i].Dim == 0 {
			s.Ropes[i].Dim = s.DHead
		}
	}
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
	for _, c := range []func() error{s.checkNumbers, s.checkBlocks, s.checkExperts} {
		if err := c(); err != nil {
			return err
		}
	}
	for i := range s.Ropes {
		if err := s.Ropes[i].check(s.DHead); err != nil {
			return err
		}
	}
	return nil
}

func (s *Spec) checkNumbers() error {
	switch {
	case !(s.NormEps > 0 && s.NormEps < 1):
		return fmt.Errorf("norm epsilon: found %g, expected a number between 0 and 1", s.NormEps)
	case !(s.AttnScale > 0 && s.AttnScale < 1e30):
		return fmt.Errorf("attention scale: found %g, expected a positive number", s.AttnScale)
	case !(s.EmbedScale > 0 && s.EmbedScale < 1e30):
		return fmt.Errorf("embedding scale: found %g, expected a positive number", s.EmbedScale)
	case !(s.AttnSoftcap >= 0 && s.AttnSoftcap < 1e30) || !(s.LogitSoftcap >= 0 && s.LogitSoftcap < 1e30):
		return fmt.Errorf("softcaps: found %g on attention and %g on logits, expected positive numbers or none", s.AttnSoftcap, s.LogitSoftcap)
	}
	return nil
}

func (s *Spec) checkBlocks() error {
	if len(s.Blocks) != s.Layers {
		return fmt.Errorf("found the properties of %d blocks, expected %d", len(s.Blocks), s.Layers)
	}
	for l, b := range s.Blocks {
		if b.Window < 0 || b.Rope < -1 || b.Rope >= len(s.Ropes) {
			return fmt.Errorf("block %d: found window %d and rotary table %d of %d, expected neither out of range", l, b.Window, b.Rope, len(s.Ropes))
		}
	}
	return nil
}

func (s *Spec) checkExperts() error {
	moe := false
	for _, b := range s.Blocks {
		moe = moe || b.MoE
	}
	if moe && (s.Experts < 1 || s.Experts > maxWidth || s.TopExperts < 1 || s.TopExperts > s.Experts || s.DExpert < 1 || s.DExpert > maxWidth) {
		return fmt.Errorf("found %d experts of width %d, %d a token, expected at least one of each and no more a token than there are", s.Experts, s.DExpert, s.TopExperts)
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

// has tells whether block l has projection p. A block with experts has no MLP
// of its own.
func (s *Spec) has(l int, p proj) bool {
	switch p {
	case projGate:
		return s.Gated && !s.Blocks[l].MoE
	case projUp, projDown:
		return !s.Blocks[l].MoE
	}
	return true
}

// biased tells whether projection p has a bias.
func (s *Spec) biased(p proj) bool {
	switch p {
	case projQ, projK, projV:
		return s.QKVBias
	case projO:
		return s.OBias
	}
	return s.MLPBias
}

// qkNormWidths are the lengths of the weights that normalise queries and keys.
func (s *Spec) qkNormWidths() (q, k int) {
	switch s.QKNorm {
	case HeadQKNorm:
		return s.DHead, s.DHead
	case WidthQKNorm:
		return s.Heads * s.DHead, s.KVHeads * s.DHead
	}
	return 0, 0
}

// normWeights is the length of a norm's weight and bias together.
func (s *Spec) normWeights() int {
	if s.Norm == LayerNorm {
		return 2 * s.DModel
	}
	return s.DModel
}

// Parameters counts the weights of the model, a tied embedding once.
func (s *Spec) Parameters() int64 {
	n := int64(s.Vocab) * int64(s.DModel)
	if !s.TieEmbeddings {
		n *= 2
	}
	if s.LearnedPositions {
		n += int64(s.MaxPos) * int64(s.DModel)
	}
	for l := range s.Blocks {
		n += s.blockParameters(l)
	}
	return n + int64(s.normWeights())
}

func (s *Spec) blockParameters(l int) int64 {
	norms := 2
	if s.Placement == SandwichNorm {
		norms = 4
	}
	q, k := s.qkNormWidths()
	n := int64(norms*s.normWeights() + q + k)
	for p := range nProjs {
		out, in := s.shape(p)
		if s.has(l, p) {
			n += int64(out) * int64(in)
		}
		if s.has(l, p) && s.biased(p) {
			n += int64(out)
		}
	}
	if s.Blocks[l].MoE {
		n += int64(s.Experts) * int64(s.DModel) * int64(1+3*s.DExpert)
	}
	return n
}
