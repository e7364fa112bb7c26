package model

import (
	"fmt"

	"agar/model/tensor"
)

// Tensors are the weights of a model directory as they lie in its files, for
// comparing checkpoints: nothing is loaded, and rows are decoded when asked for.
type Tensors struct{ s *shards }

// OpenTensors maps the weights in dir: safetensors or pytorch_model.bin, in one file
// or shards. The caller must Close it.
func OpenTensors(dir string) (*Tensors, error) {
	s, err := openShards(dir)
	if err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	return &Tensors{s}, nil
}

// Names lists the tensors in ascending order, as a new slice.
func (t *Tensors) Names() []string { return t.s.names() }

// Files lists the files in ascending order.
func (t *Tensors) Files() []string { return t.s.paths() }

// Shape is a tensor as a matrix: a vector is one row, a stack of matrices has the
// rows of all.
func (t *Tensors) Shape(name string) (rows, cols int, err error) {
	x, err := t.find(name)
	return x.rows, x.cols, err
}

func (t *Tensors) find(name string) (stored, error) {
	x, ok, err := t.s.tensor(name)
	if err == nil && !ok {
		err = fmt.Errorf("found no tensor %q", name)
	}
	if err != nil {
		return stored{}, fmt.Errorf("model: %s: %w", t.s.dir, err)
	}
	return x, nil
}

// Rows decodes rows of a tensor from row on, as many as dst [rows, cols] holds. Rows
// that are not there panic with tensor.ErrShape.
func (t *Tensors) Rows(dst []float32, name string, from int) error {
	x, err := t.find(name)
	if err != nil {
		return err
	}
	if len(dst)%x.cols != 0 || from < 0 || from+len(dst)/x.cols > x.rows {
		panic(fmt.Errorf("%w: %s: rows %d to %d of [%d, %d]", tensor.ErrShape, name, from, from+len(dst)/x.cols, x.rows, x.cols))
	}
	row := len(x.data) / x.rows
	tensor.Dequantize(dst, x.dtype, x.data[from*row:(from+len(dst)/x.cols)*row])
	return nil
}

// Close unmaps the files.
func (t *Tensors) Close() error { return t.s.Close() }
