package lora

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"

	"agar/model/safetensors"
	"agar/model/torchfile"
)

// The names of an adapter's weights inside its directory, the preferred first.
const (
	WeightsFile = "adapter_model.safetensors"
	pickledFile = "adapter_model.bin"
)

// source is an open file of tensors.
type source interface {
	Names() []string
	Close() error
}

// stored is a tensor of a source.
type stored struct {
	dtype   string
	shape   []int
	data    []byte // row-major, inside the mapping; nil when it does not lie so
	float32 func() ([]float32, error)
}

// find looks a tensor up that the source lists.
func find(f source, name string) stored {
	switch f := f.(type) {
	case *safetensors.File:
		t, _ := f.Tensor(name)
		return stored{t.DType, t.Shape, t.Data, t.Float32}
	case *torchfile.File:
		t, _ := f.Tensor(name)
		return stored{t.DType, t.Shape, t.Data, t.Float32}
	}
	panic(fmt.Errorf("lora: source %T", f))
}

// openWeights maps the weights of an adapter directory and tells the file. A
// pickle is read without running what it says.
func openWeights(dir string) (source, string, error) {
	file, err := weightsOf(dir)
	if err != nil {
		return nil, "", err
	}
	if filepath.Ext(file) == ".safetensors" {
		f, err := safetensors.Open(file)
		if err != nil {
			return nil, "", fmt.Errorf("lora: %w", err)
		}
		return f, file, nil
	}
	f, err := torchfile.Open(file)
	if err != nil {
		return nil, "", fmt.Errorf("lora: %w", err)
	}
	if extra := f.Keys(); len(extra) > 0 {
		return nil, "", errors.Join(fmt.Errorf("lora: %s: found %q, which is no tensor, expected a state dict", file, extra[0]), f.Close())
	}
	return f, file, nil
}

// weightsOf is the path of the weights in a directory.
func weightsOf(dir string) (string, error) {
	for _, name := range []string{WeightsFile, pickledFile} {
		file := filepath.Join(dir, name)
		if _, err := os.Stat(file); err == nil {
			return file, nil
		} else if !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("lora: %w", err)
		}
	}
	return "", fmt.Errorf("lora: %s: found neither %s nor %s: %w", dir, WeightsFile, pickledFile, fs.ErrNotExist)
}

// matrix reads a finite, non-empty matrix.
func matrix(f source, name string) ([]float32, []int, error) {
	t := find(f, name)
	if len(t.shape) != 2 || t.shape[0] == 0 || t.shape[1] == 0 {
		return nil, nil, fmt.Errorf("tensor %q: found shape %v, expected a matrix", name, t.shape)
	}
	x, err := finite(t, name)
	return x, t.shape, err
}

// vector reads a finite vector of n values.
func vector(f source, name string, n int) ([]float32, error) {
	t := find(f, name)
	if len(t.shape) != 1 || t.shape[0] != n {
		return nil, fmt.Errorf("tensor %q: found shape %v, expected [%d]", name, t.shape, n)
	}
	return finite(t, name)
}

// finite reads the values of a tensor, none of which may be NaN or infinite.
func finite(t stored, name string) ([]float32, error) {
	x, err := t.float32()
	if err != nil {
		return nil, err
	}
	for i, v := range x {
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			return nil, fmt.Errorf("tensor %q: found %v at %v, expected finite values", name, v, place(i, t.shape))
		}
	}
	return x, nil
}

// place is the index of element i of a tensor.
func place(i int, shape []int) []int {
	at := make([]int, len(shape))
	for d := len(shape) - 1; d >= 0; d-- {
		at[d] = i % shape[d]
		i /= shape[d]
	}
	return at
}
