package model

import (
	"fmt"

	"agar/model/gguf"
	"agar/model/tensor"
)

// ggufTensors are the tensors of a GGUF file.
type ggufTensors struct {
	path  string
	f     *gguf.File
	index map[string]gguf.Tensor
	order []string
}

func newGGUFTensors(path string, f *gguf.File) *ggufTensors {
	g := &ggufTensors{path: path, f: f, index: map[string]gguf.Tensor{}}
	for _, t := range f.Tensors() {
		g.index[t.Name] = t
		g.order = append(g.order, t.Name)
	}
	return g
}

func (g *ggufTensors) where() string   { return g.path }
func (g *ggufTensors) names() []string { return g.order }

func (g *ggufTensors) tensor(name string) (stored, bool, error) {
	t, ok := g.index[name]
	if !ok {
		return stored{}, false, nil
	}
	if t.Data == nil {
		_, err := g.f.Tensor(name) // which says what agar reads
		return stored{}, false, err
	}
	rows, cols, err := matrixShape(t.Shape)
	if err != nil {
		return stored{}, false, fmt.Errorf("tensor %q: %w", name, err)
	}
	return stored{name: name, file: t.File, dtype: t.DType, rows: rows, cols: cols, data: t.Data}, true, nil
}

// float32 decodes a tensor.
func (t *stored) float32() ([]float32, error) {
	w, err := tensor.NewWeight(t.dtype, t.rows, t.cols, t.data)
	if err != nil {
		return nil, fmt.Errorf("tensor %q in %s: %w", t.name, t.file, err)
	}
	return w.Float32(nil), nil
}
