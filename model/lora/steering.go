package lora

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"

	"agar/model/torchfile"
)

// SteeringFile is the name of a steering vector inside its directory.
const SteeringFile = "steering_vector.pt"

// steeringOf is the path of the steering vector that path means: the file itself,
// or the one in a directory without adapter_config.json. ok is false when path
// means something else.
func steeringOf(path string) (file string, ok bool) {
	st, err := os.Stat(path)
	if err == nil && !st.IsDir() {
		return path, filepath.Ext(path) == ".pt"
	}
	if _, err := os.Stat(filepath.Join(path, ConfigFile)); !errors.Is(err, fs.ErrNotExist) {
		return "", false
	}
	file = filepath.Join(path, SteeringFile)
	_, err = os.Stat(file)
	return file, err == nil
}

// openSteering opens a trained steering vector as an adapter of one module:
//
//	{"steering_vector": v [d], "layer_idx": L, "alpha": α, "d_model": d}
//
// The training code adds α·v to the output of block L's down-projection, at every
// token. α is 1 when it is not there. Any other key is refused.
func openSteering(path, file string) (*Reader, error) {
	f, err := torchfile.Open(file)
	if err != nil {
		return nil, fmt.Errorf("lora: %w", err)
	}
	m, err := steeringModule(f)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lora: %s: %w", file, err), f.Close())
	}
	return &Reader{Dir: path, File: file, Config: Config{R: 1, Alpha: m.Scale, Bias: "none"}, f: f, names: []string{m.Name}, steering: m}, nil
}

// steeringModule reads what the file says.
func steeringModule(f *torchfile.File) (*Module, error) {
	t, ok := f.Tensor("steering_vector")
	if names := f.Names(); !ok || len(names) != 1 {
		return nil, fmt.Errorf("found tensors %q, expected one called steering_vector", names)
	}
	for _, k := range f.Keys() {
		if !slices.Contains([]string{"layer_idx", "d_model", "alpha"}, k) {
			v, _ := f.Value(k)
			return nil, fmt.Errorf("key %q: found %v: the key is unknown here and could change what is added", k, v)
		}
	}
	layer, ok := f.Value("layer_idx")
	l, isInt := layer.(int64)
	if !ok || !isInt || l < 0 || l > math.MaxInt32 {
		return nil, fmt.Errorf("key %q: found %v, expected the number of a block", "layer_idx", layer)
	}
	alpha, err := number(f, "alpha", 1)
	if err != nil {
		return nil, err
	}
	width, err := number(f, "d_model", float64(len(t.Data)))
	if err != nil {
		return nil, err
	}
	if _, given := f.Value("d_model"); len(t.Shape) != 1 || t.Shape[0] == 0 || given && width != float64(t.Shape[0]) {
		return nil, fmt.Errorf("tensor %q: found shape %v with d_model %g, expected a vector of that length", "steering_vector", t.Shape, width)
	}
	v, err := finite(stored{t.DType, t.Shape, t.Data, t.Float32}, "steering_vector")
	if err != nil {
		return nil, err
	}
	m := NewSteering(int(l), len(v), alpha)
	m.B = v
	return &m, nil
}

// number reads a finite number, or gives what it is when the key is absent.
func number(f *torchfile.File, key string, absent float64) (float64, error) {
	v, ok := f.Value(key)
	if !ok {
		return absent, nil
	}
	x := math.NaN()
	switch v := v.(type) {
	case int64:
		x = float64(v)
	case float64:
		x = v
	}
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return 0, fmt.Errorf("key %q: found %v, expected a finite number", key, v)
	}
	return x, nil
}
