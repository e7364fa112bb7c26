package lora

import (
	"fmt"
	"math"
	"slices"

	"agar/model/tensor"
)

// Saved is a parameter of the base model that the fine-tune trained in full and
// saved beside the factors: of modules_to_save, a bias under bias "all" or
// "lora_only", or an embedding that PEFT saves with adapters on it.
type Saved struct {
	Module string // lm_head, model.layers.3.input_layernorm
	Param  string // weight or bias
	DType  string // as in the file: F32, F16, BF16 or F64
	Shape  []int
	Data   []byte // row-major, little endian
	// Shared says that the parameter was written over the base's own instead of
	// into a copy of the module, so that what is tied to it changes too.
	Shared bool
}

// Name is the name of the parameter.
func (s *Saved) Name() string { return s.Module + "." + s.Param }

// dtypes are the types of a parameter that can be read.
var dtypes = map[string]tensor.DType{"F32": tensor.F32, "F16": tensor.F16, "BF16": tensor.BF16, "F64": tensor.F64}

// Float32 gives the values as a new slice.
func (s *Saved) Float32() []float32 {
	n := 1
	for _, d := range s.Shape {
		n *= d
	}
	out := make([]float32, n)
	tensor.Dequantize(out, dtypes[s.DType], s.Data)
	return out
}

// loadSaved reads the parameters that were saved in full, by name.
func (r *Reader) loadSaved() ([]Saved, error) {
	var out []Saved
	for _, k := range r.saved {
		s, err := r.savedParameter(k)
		if err != nil {
			return nil, fmt.Errorf("lora: %s: %w", r.File, err)
		}
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b Saved) int { return byLayer(a.Name(), b.Name()) })
	return out, nil
}

func (r *Reader) savedParameter(k savedKey) (Saved, error) {
	t := find(r.f, k.tensor)
	if len(t.shape) < 1 || len(t.shape) > 2 || slices.Contains(t.shape, 0) {
		return Saved{}, fmt.Errorf("tensor %q: found shape %v, expected a vector or a matrix", k.tensor, t.shape)
	}
	if _, ok := dtypes[t.dtype]; !ok || t.data == nil {
		return Saved{}, fmt.Errorf("tensor %q: found dtype %s, expected F32, F16, BF16 or F64 in row-major order", k.tensor, t.dtype)
	}
	copied, err := r.Config.Saves(k.module)
	if err != nil {
		return Saved{}, err
	}
	s := Saved{Module: k.module, Param: k.param, DType: t.dtype, Shape: slices.Clone(t.shape), Data: slices.Clone(t.data),
		Shared: !copied && !r.Config.TieWeights}
	return s, s.Finite(k.tensor)
}

// Finite refuses NaN and infinite values, under the tensor's name. A vocabulary's
// worth of rows is looked at in pieces.
func (s *Saved) Finite(name string) error {
	const piece = 1 << 14
	size := dtypeSize[s.DType]
	x := make([]float32, min(piece, len(s.Data)/size))
	for at := 0; at < len(s.Data)/size; at += piece {
		n := min(piece, len(s.Data)/size-at)
		tensor.Dequantize(x[:n], dtypes[s.DType], s.Data[at*size:(at+n)*size])
		for i, v := range x[:n] {
			if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
				return fmt.Errorf("tensor %q: found %v at %v, expected finite values", name, v, place(at+i, s.Shape))
			}
		}
	}
	return nil
}

// dtypeSize is the bytes of a value.
var dtypeSize = map[string]int{"F32": 4, "F16": 2, "BF16": 2, "F64": 8}
