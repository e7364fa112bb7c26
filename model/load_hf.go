package model

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"agar/model/safetensors"
	"agar/model/tensor"
)

const (
	configFile = "config.json"
	singleFile = "model.safetensors"
	indexFile  = "model.safetensors.index.json"
)

// shards is the safetensors files of a directory.
type shards struct {
	dir   string
	files map[string]*safetensors.File // by file name
	of    map[string]string            // tensor → file name
}

// openShards maps model.safetensors, or the files that the index lists.
func openShards(dir string) (*shards, error) {
	s := &shards{dir: dir, files: map[string]*safetensors.File{}, of: map[string]string{}}
	index, err := os.ReadFile(filepath.Join(dir, indexFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = s.single()
	case err == nil:
		err = s.indexed(index)
	}
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *shards) single() error {
	f, err := s.open(singleFile)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: found neither %s nor %s: %w", s.dir, singleFile, indexFile, fs.ErrNotExist)
	}
	if err != nil {
		return err
	}
	for _, n := range f.Names() {
		s.of[n] = singleFile
	}
	return nil
}

// indexed opens every file of an index and checks that it holds what the index
// says, and nothing that the index does not know.
func (s *shards) indexed(index []byte) error {
	var x struct {
		WeightMap map[string]string `json:"weight_map"`
	}
	path := filepath.Join(s.dir, indexFile)
	if err := json.Unmarshal(index, &x); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if len(x.WeightMap) == 0 {
		return fmt.Errorf("%s: found no weight_map", path)
	}
	for name, file := range x.WeightMap {
		if file == "" || filepath.Base(file) != file {
			return fmt.Errorf("%s: tensor %q: found file %q, expected the name of a file beside the index", path, name, file)
		}
		f, err := s.open(file)
		if err != nil {
			return fmt.Errorf("%s: tensor %q: %w", path, name, err)
		}
		if _, ok := f.Tensor(name); !ok {
			return fmt.Errorf("%s: tensor %q: found none in %s", path, name, file)
		}
		s.of[name] = file
	}
	for file, f := range s.files {
		for _, n := range f.Names() {
			if s.of[n] != file {
				return fmt.Errorf("%s: tensor %q in %s is not in the weight_map", path, n, file)
			}
		}
	}
	return nil
}

func (s *shards) open(file string) (*safetensors.File, error) {
	if f := s.files[file]; f != nil {
		return f, nil
	}
	f, err := safetensors.Open(filepath.Join(s.dir, file))
	if err != nil {
		return nil, err
	}
	s.files[file] = f
	return f, nil
}

func (s *shards) close() error {
	var errs []error
	for _, f := range s.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

// paths lists the files in ascending order.
func (s *shards) paths() []string {
	var p []string
	for f := range s.files {
		p = append(p, filepath.Join(s.dir, f))
	}
	slices.Sort(p)
	return p
}

func (s *shards) where() string { return s.dir }

func (s *shards) names() []string {
	var n []string
	for name := range s.of {
		n = append(n, name)
	}
	slices.Sort(n)
	return n
}

// hfTypes are the storage types of weights in safetensors files.
var hfTypes = map[string]tensor.DType{"F32": tensor.F32, "F16": tensor.F16, "BF16": tensor.BF16, "F64": tensor.F64}

func (s *shards) tensor(name string) (stored, bool, error) {
	file, ok := s.of[name]
	if !ok {
		return stored{}, false, nil
	}
	t, _ := s.files[file].Tensor(name)
	dt, ok := hfTypes[t.DType]
	if !ok {
		return stored{}, false, fmt.Errorf("tensor %q in %s: found dtype %s, expected F32, F16, BF16 or F64", name, file, t.DType)
	}
	rows, cols, err := matrixShape(t.Shape)
	if err != nil {
		return stored{}, false, fmt.Errorf("tensor %q in %s: %w", name, file, err)
	}
	return stored{name: name, file: filepath.Join(s.dir, file), dtype: dt, rows: rows, cols: cols, data: t.Data}, true, nil
}

// matrixShape reads a vector as a matrix of one row.
func matrixShape(shape []int) (rows, cols int, err error) {
	switch len(shape) {
	case 1:
		return 1, shape[0], nil
	case 2:
		return shape[0], shape[1], nil
	}
	return 0, 0, fmt.Errorf("found shape %v, expected a vector or a matrix", shape)
}
