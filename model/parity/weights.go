package parity

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"agar/model/safetensors"
)

// WeightsHash is the SHA-256 of a model's weights as dumps record it: of the one
// file, or, of several, of the lines "hash  name" sorted by name.
func WeightsHash(files []string) (string, error) {
	if len(files) == 1 {
		h, err := safetensors.HashFile(files[0])
		if err != nil {
			return "", fmt.Errorf("parity: %w", err)
		}
		return h, nil
	}
	files = slices.Clone(files)
	slices.SortFunc(files, func(a, b string) int { return strings.Compare(filepath.Base(a), filepath.Base(b)) })
	all := sha256.New()
	for _, path := range files {
		h, err := safetensors.HashFile(path)
		if err != nil {
			return "", fmt.Errorf("parity: %w", err)
		}
		fmt.Fprintf(all, "%s  %s\n", h, filepath.Base(path))
	}
	return hex.EncodeToString(all.Sum(nil)), nil
}

// SameModel refuses weights other than those of the dump. name is what to call
// the model at hand.
func (d *Dump) SameModel(name string, files []string) error {
	h, err := WeightsHash(files)
	if err != nil {
		return err
	}
	if h != d.Model.SHA256 {
		return fmt.Errorf("parity: %s: %w: it was made of %s with weights %s, but %s has weights %s",
			d.Path, ErrOtherModel, d.Model.Name, d.Model.SHA256, name, h)
	}
	return nil
}
