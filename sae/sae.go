package sae

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Architectures, named as SAELens names them in cfg.json.
const (
	ArchStandard = "standard" // relu
	ArchTopK     = "topk"     // the K largest of each token, then relu
	ArchJumpReLU = "jumprelu" // relu above a threshold per feature
)

// ErrShape is the value that encoding and decoding panic with, wrapped with the
// two numbers, when a slice does not fit the dictionary.
var ErrShape = errors.New("sae: shape mismatch")

// SAE is a sparse autoencoder ready for use. Its slices may be read by several
// goroutines at once; who changes them must be alone.
type SAE struct {
	Arch      string    // ArchStandard, ArchTopK or ArchJumpReLU
	DIn       int       // width of an activation
	DSAE      int       // number of features
	K         int       // features a token, ArchTopK only
	WEnc      []float32 // [DSAE, DIn], a row a feature
	BEnc      []float32 // [DSAE]
	WDec      []float32 // [DSAE, DIn], a row a feature
	BDec      []float32 // [DIn]
	Threshold []float32 // [DSAE], ArchJumpReLU only

	// ApplyBDecToInput is β of the package comment: b_dec is taken off the
	// input before the encoder.
	ApplyBDecToInput bool

	// Metadata is free-form: where the dictionary came from and how it did, by
	// the keys of SAELens (model_name, hook_name, l0, …) and agar's own.
	Metadata map[string]any
}

// New returns an SAE of the given architecture and size with every parameter
// zero and β = 1.
func New(arch string, dIn, dSAE int) *SAE {
	s := &SAE{
		Arch: arch, DIn: dIn, DSAE: dSAE, ApplyBDecToInput: true,
		WEnc: make([]float32, dSAE*dIn), BEnc: make([]float32, dSAE),
		WDec: make([]float32, dSAE*dIn), BDec: make([]float32, dIn),
		Metadata: map[string]any{},
	}
	if arch == ArchJumpReLU {
		s.Threshold = make([]float32, dSAE)
	}
	return s
}

// Clone returns a deep copy of the parameters; metadata values are shared.
func (s *SAE) Clone() *SAE {
	c := *s
	c.WEnc, c.BEnc = slices.Clone(s.WEnc), slices.Clone(s.BEnc)
	c.WDec, c.BDec = slices.Clone(s.WDec), slices.Clone(s.BDec)
	c.Threshold = slices.Clone(s.Threshold)
	c.Metadata = maps.Clone(s.Metadata)
	return &c
}

// Check reports the first thing that makes s unusable: an unknown architecture,
// a slice of the wrong length, a K outside [1, DSAE].
func (s *SAE) Check() error {
	if s.DIn <= 0 || s.DSAE <= 0 {
		return fmt.Errorf("sae: size: found d_in %d and d_sae %d, expected both above 0", s.DIn, s.DSAE)
	}
	for _, p := range s.parameters() {
		if len(p.data) != p.want {
			return fmt.Errorf("sae: %s: found %d values, expected %d (d_in %d, d_sae %d)", p.name, len(p.data), p.want, s.DIn, s.DSAE)
		}
	}
	switch s.Arch {
	case ArchStandard, ArchJumpReLU:
		return nil
	case ArchTopK:
		if s.K < 1 || s.K > s.DSAE {
			return fmt.Errorf("sae: topk: found k %d, expected 1 to %d", s.K, s.DSAE)
		}
		return nil
	}
	return fmt.Errorf("sae: architecture: found %q, expected %s, %s or %s", s.Arch, ArchStandard, ArchTopK, ArchJumpReLU)
}

type parameter struct {
	name string
	data []float32
	want int
}

func (s *SAE) parameters() []parameter {
	ps := []parameter{
		{"W_enc", s.WEnc, s.DSAE * s.DIn}, {"b_enc", s.BEnc, s.DSAE},
		{"W_dec", s.WDec, s.DSAE * s.DIn}, {"b_dec", s.BDec, s.DIn},
	}
	if s.Arch == ArchJumpReLU {
		ps = append(ps, parameter{"threshold", s.Threshold, s.DSAE})
	}
	return ps
}

// Encoder returns feature i's row of W_enc, shared with s.
func (s *SAE) Encoder(i int) []float32 { return s.WEnc[i*s.DIn : (i+1)*s.DIn] }

// Decoder returns feature i's row of W_dec, shared with s.
func (s *SAE) Decoder(i int) []float32 { return s.WDec[i*s.DIn : (i+1)*s.DIn] }

// mustFit panics with ErrShape when what has got values and needs want.
func mustFit(what string, got, want int) {
	if got != want {
		panic(fmt.Errorf("%w: %s has %d values, expected %d", ErrShape, what, got, want))
	}
}
