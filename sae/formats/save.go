package formats

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"path/filepath"

	"agar/activations/blob"
	"agar/model/safetensors"
	"agar/sae"
)

// Save writes s into the directory dir, which is made when it does not exist.
// It is SaveTo with files.
func Save(dir string, s *sae.SAE) error { return SaveTo(blob.Dir(dir), s) }

// SaveTo writes s into st. Each file appears whole or not at all, cfg.json last.
// A dictionary of arbitrary decoder norms is written as it is; fold first where
// unit rows are wanted.
func SaveTo(st blob.Store, s *sae.SAE) error {
	if err := s.Check(); err != nil {
		return fmt.Errorf("formats: save: %w", err)
	}
	cfg, err := marshalConfig(configOf(s))
	if err != nil {
		return fmt.Errorf("formats: save: %w", err)
	}
	if err := write(st, WeightsFile, weightsOf(s)); err != nil {
		return err
	}
	if err := blob.WriteAll(st, ConfigFile, cfg); err != nil {
		return fmt.Errorf("formats: save %s: %w", ConfigFile, err)
	}
	return nil
}

// write makes one safetensors file.
func write(st blob.Store, name string, ts []safetensors.Out) error {
	w, err := st.Create(name)
	if err != nil {
		return fmt.Errorf("formats: save %s: %w", name, err)
	}
	if err := safetensors.Write(w, ts, nil); err != nil {
		return fmt.Errorf("formats: save %s: %w", name, errors.Join(err, w.Abort()))
	}
	if err := w.Commit(); err != nil {
		return fmt.Errorf("formats: save %s: %w", name, err)
	}
	return nil
}

// marshalConfig is one line of JSON, keys within metadata sorted.
func marshalConfig(c *config) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(c); err != nil {
		return nil, fmt.Errorf("metadata: %w", err)
	}
	return b.Bytes(), nil
}

func weightsOf(s *sae.SAE) []safetensors.Out {
	ts := []safetensors.Out{
		{Name: "W_enc", Shape: []int{s.DIn, s.DSAE}, F32: transpose(s.WEnc, s.DSAE, s.DIn)},
		{Name: "b_enc", Shape: []int{s.DSAE}, F32: s.BEnc},
		{Name: "W_dec", Shape: []int{s.DSAE, s.DIn}, F32: s.WDec},
		{Name: "b_dec", Shape: []int{s.DIn}, F32: s.BDec},
	}
	if s.Arch == sae.ArchJumpReLU {
		ts = append(ts, safetensors.Out{Name: "threshold", Shape: []int{s.DSAE}, F32: s.Threshold})
	}
	return ts
}

// sparsityFloor keeps the logarithm of a feature that never fires finite.
const sparsityFloor = 1e-10

// SaveSparsity writes log10(frequency + 1e-10) of every feature beside the
// dictionary in st.
func SaveSparsity(st blob.Store, frequency []float32) error {
	logs := make([]float32, len(frequency))
	for i, f := range frequency {
		logs[i] = float32(math.Log10(float64(f) + sparsityFloor))
	}
	return write(st, SparsityFile, []safetensors.Out{{Name: "sparsity", Shape: []int{len(logs)}, F32: logs}})
}

// LoadSparsity reads what SaveSparsity wrote: log10(frequency + 1e-10) of every
// feature. The error is an os.ErrNotExist when there is no such file.
func LoadSparsity(dir string) ([]float32, error) {
	f, err := safetensors.Open(filepath.Join(dir, SparsityFile))
	if err != nil {
		return nil, fmt.Errorf("formats: %w", err)
	}
	defer f.Close()
	v, shape, err := f.Float32("sparsity")
	if err != nil {
		return nil, fmt.Errorf("formats: %w", err)
	}
	if len(shape) != 1 {
		return nil, fmt.Errorf("formats: %s: tensor \"sparsity\": found shape %v, expected one dimension", f.Path(), shape)
	}
	return v, nil
}
