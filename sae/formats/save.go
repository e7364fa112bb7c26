package formats

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"

	"agar/model/safetensors"
	"agar/sae"
)

// Save writes s into dir, which is made when it does not exist. Each file
// appears whole or not at all, cfg.json last. A dictionary of arbitrary decoder
// norms is written as it is; fold first where unit rows are wanted.
func Save(dir string, s *sae.SAE) error {
	if err := s.Check(); err != nil {
		return fmt.Errorf("formats: save: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("formats: save: %w", err)
	}
	cfg, err := marshalConfig(configOf(s))
	if err != nil {
		return fmt.Errorf("formats: save: %w", err)
	}
	err = writeFile(filepath.Join(dir, WeightsFile), func(w io.Writer) error {
		return safetensors.Write(w, weightsOf(s), nil)
	})
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, ConfigFile), func(w io.Writer) error {
		_, err := w.Write(cfg)
		return err
	})
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
// dictionary in dir.
func SaveSparsity(dir string, frequency []float32) error {
	logs := make([]float32, len(frequency))
	for i, f := range frequency {
		logs[i] = float32(math.Log10(float64(f) + sparsityFloor))
	}
	return writeFile(filepath.Join(dir, SparsityFile), func(w io.Writer) error {
		return safetensors.Write(w, []safetensors.Out{{Name: "sparsity", Shape: []int{len(logs)}, F32: logs}}, nil)
	})
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

// writeFile makes path through a temporary file that is synced and renamed.
func writeFile(path string, fill func(io.Writer) error) (err error) {
	tmp := path + ".tmp"
	defer func() {
		if err != nil {
			os.Remove(tmp)
			err = fmt.Errorf("formats: write %s: %w", path, err)
		}
	}()
	f, err := os.Create(tmp)
	if err != nil {
		return err
	}
	if err := fill(f); err != nil {
		f.Close()
		return err
	}
	if err := f.Sync(); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}
