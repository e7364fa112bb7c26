package formats

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"

	"agar/model/safetensors"
	"agar/sae"
)

// Names of the files of a dictionary's directory.
const (
	ConfigFile   = "cfg.json"
	WeightsFile  = "sae_weights.safetensors"
	SparsityFile = "sparsity.safetensors"
)

// Load reads the dictionary in dir. A topk dictionary that ranks by
// pre-activation times decoder norm is folded to the plain rule, and a
// batchtopk checkpoint becomes jumprelu with its one threshold for all
// features; both give the same features as before.
func Load(dir string) (*sae.SAE, error) {
	c, err := readConfig(filepath.Join(dir, ConfigFile))
	if err != nil {
		return nil, err
	}
	f, err := safetensors.Open(filepath.Join(dir, WeightsFile))
	if err != nil {
		return nil, fmt.Errorf("formats: %w", err)
	}
	s, err := build(c, f)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("formats: %w", err)
	}
	return s, nil
}

// build fills an SAE from the weights.
func build(c *config, f *safetensors.File) (*sae.SAE, error) {
	s := &sae.SAE{
		Arch: c.Architecture, DIn: c.DIn, DSAE: c.DSAE,
		ApplyBDecToInput: c.ApplyBDec == nil || *c.ApplyBDec,
		Metadata:         c.Metadata,
	}
	if s.Metadata == nil {
		s.Metadata = map[string]any{}
	}
	if s.Arch == sae.ArchTopK {
		s.K = c.topK()
	}
	if err := readWeights(s, f); err != nil {
		return nil, err
	}
	if c.rescales() && !unitNorms(s) {
		s.FoldRescale()
	}
	if err := readThreshold(s, f); err != nil {
		return nil, err
	}
	return s, s.Check()
}

func readWeights(s *sae.SAE, f *safetensors.File) (err error) {
	var wEnc []float32
	for _, p := range []struct {
		to    *[]float32
		name  string
		shape []int
	}{
		{&wEnc, "W_enc", []int{s.DIn, s.DSAE}},
		{&s.BEnc, "b_enc", []int{s.DSAE}},
		{&s.WDec, "W_dec", []int{s.DSAE, s.DIn}},
		{&s.BDec, "b_dec", []int{s.DIn}},
	} {
		if *p.to, err = read(f, p.name, p.shape); err != nil {
			return err
		}
	}
	s.WEnc = transpose(wEnc, s.DIn, s.DSAE)
	return nil
}

// readThreshold reads what the architecture calls its threshold. SAELens wrote
// its logarithm before 6, and batchtopk checkpoints hold one for all features.
func readThreshold(s *sae.SAE, f *safetensors.File) (err error) {
	switch s.Arch {
	case archBatchTopK:
		one, err := read(f, "topk_threshold", []int{})
		if err != nil {
			return err
		}
		s.Arch, s.Threshold = sae.ArchJumpReLU, make([]float32, s.DSAE)
		for i := range s.Threshold {
			s.Threshold[i] = one[0]
		}
	case sae.ArchJumpReLU:
		if _, old := f.Tensor("log_threshold"); !old {
			s.Threshold, err = read(f, "threshold", []int{s.DSAE})
			return err
		}
		if s.Threshold, err = read(f, "log_threshold", []int{s.DSAE}); err != nil {
			return err
		}
		for i, v := range s.Threshold {
			s.Threshold[i] = float32(math.Exp(float64(v)))
		}
	}
	return nil
}

// read returns a tensor of the wanted shape whose values are all finite.
func read(f *safetensors.File, name string, want []int) ([]float32, error) {
	v, shape, err := f.Float32(name)
	if err != nil {
		return nil, err
	}
	if fmt.Sprint(shape) != fmt.Sprint(want) {
		return nil, fmt.Errorf("%s: tensor %q: found shape %v, expected %v", f.Path(), name, shape, want)
	}
	for i, x := range v {
		if x != x || math.IsInf(float64(x), 0) {
			return nil, fmt.Errorf("%s: tensor %q: found %v at %d, expected finite numbers", f.Path(), name, x, i)
		}
	}
	return v, nil
}

// unitTolerance is how far from 1 a decoder norm may be to count as folded:
// a few roundings of a float32 division.
const unitTolerance = 1e-6

func unitNorms(s *sae.SAE) bool {
	for _, n := range s.DecoderNorms() {
		if math.Abs(float64(n)-1) > unitTolerance {
			return false
		}
	}
	return true
}

// transpose returns the [cols, rows] transpose of m [rows, cols], in blocks so
// that both sides stay in cache.
func transpose(m []float32, rows, cols int) []float32 {
	const block = 32
	t := make([]float32, len(m))
	for r0 := 0; r0 < rows; r0 += block {
		for c0 := 0; c0 < cols; c0 += block {
			for r := r0; r < min(r0+block, rows); r++ {
				for c := c0; c < min(c0+block, cols); c++ {
					t[c*rows+r] = m[r*cols+c]
				}
			}
		}
	}
	return t
}
