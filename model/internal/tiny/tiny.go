// Package tiny makes the small random models and adapters that tests compare
// with transformers, from a list of tensors instead of the tensors: it draws
// what .ci/families.py draws, bit for bit.
//
// A recipe is a directory with config.json (adapter_config.json) and
// tensors.json, [[name, shape, center, scale], …], where * in a name stands for
// the number of every block. Element i of a tensor is
//
//	center + scale·k/64,  k = (splitmix64(fnv1a64(name) + i·0x9E3779B97F4A7C15) >> 57) − 64
package tiny

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"agar/model/safetensors"
)

// Tensor says how a tensor is drawn.
type Tensor struct {
	Name          string
	Shape         []int
	Center, Scale float32
}

// UnmarshalJSON reads [name, shape, center, scale].
func (t *Tensor) UnmarshalJSON(b []byte) error {
	return json.Unmarshal(b, &[]any{&t.Name, &t.Shape, &t.Center, &t.Scale})
}

// Tensors reads the list of a recipe for a model of so many blocks.
func Tensors(recipe string, blocks int) ([]Tensor, error) {
	path := filepath.Join(recipe, "tensors.json")
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var list, out []Tensor
	if err := json.Unmarshal(data, &list); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for _, t := range list {
		if !strings.Contains(t.Name, "*") {
			out = append(out, t)
			continue
		}
		for l := range blocks {
			one := t
			one.Name = strings.Replace(t.Name, "*", strconv.Itoa(l), 1)
			out = append(out, one)
		}
	}
	return out, nil
}

// Blocks is the number of blocks in the config.json of a directory.
func Blocks(dir string) (int, error) {
	data, err := os.ReadFile(filepath.Join(dir, "config.json"))
	if err != nil {
		return 0, err
	}
	var c struct {
		A int `json:"num_hidden_layers"`
		B int `json:"n_layer"`
	}
	err = json.Unmarshal(data, &c)
	return max(c.A, c.B), err
}

// Draw is the tensor.
func (t *Tensor) Draw() safetensors.Out {
	n := 1
	for _, d := range t.Shape {
		n *= d
	}
	h := fnv.New64a()
	h.Write([]byte(t.Name))
	x, state := make([]float32, n), h.Sum64()
	for i := range x {
		state += 0x9E3779B97F4A7C15
		z := state
		z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
		z = (z ^ z>>27) * 0x94D049BB133111EB
		z ^= z >> 31
		x[i] = t.Center + t.Scale*float32(int(z>>57)-64)/64
	}
	return safetensors.Out{Name: t.Name, Shape: slices.Clone(t.Shape), F32: x}
}

// Model writes the model of a recipe to dir with the tokenizer in the file
// given, and gives its tensors.
func Model(dir, recipe, tokenizer string) ([]Tensor, error) {
	n, err := Blocks(recipe)
	if err != nil {
		return nil, err
	}
	ts, err := Tensors(recipe, n)
	if err != nil {
		return nil, err
	}
	err = errors.Join(copyTo(filepath.Join(recipe, "config.json"), dir), copyTo(tokenizer, dir), Write(filepath.Join(dir, "model.safetensors"), DrawAll(ts)))
	return ts, err
}

// Adapter writes the adapter of a recipe on a model of so many blocks to dir,
// and gives its tensors.
func Adapter(dir, recipe string, blocks int) ([]Tensor, error) {
	ts, err := Tensors(recipe, blocks)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	err = errors.Join(copyTo(filepath.Join(recipe, "adapter_config.json"), dir), Write(filepath.Join(dir, "adapter_model.safetensors"), DrawAll(ts)))
	return ts, err
}

// DrawAll draws every tensor.
func DrawAll(ts []Tensor) []safetensors.Out {
	var out []safetensors.Out
	for i := range ts {
		out = append(out, ts[i].Draw())
	}
	return out
}

// Write writes tensors to a file, anew when it exists.
func Write(path string, ts []safetensors.Out) (err error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return safetensors.Write(f, ts, map[string]string{"format": "pt"})
}

// copyTo copies a file into a directory.
func copyTo(path, dir string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, filepath.Base(path)), data, 0o666)
}
