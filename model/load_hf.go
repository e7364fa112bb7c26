package model

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"agar/model/tensor"
)

const (
	configFile = "config.json"
	singleFile = "model.safetensors"
	indexFile  = "model.safetensors.index.json"
)

// weightFormats are the files that a directory may keep its weights in, in the
// order in which transformers looks for them.
var weightFormats = []struct {
	single, index string
	open          func(path string) (container, error)
}{
	{singleFile, indexFile, openSafetensors},
	{"pytorch_model.bin", "pytorch_model.bin.index.json", openTorch},
}

// shards is the files of a directory that hold its weights.
type shards struct {
	dir     string
	openOne func(path string) (container, error)
	files   map[string]container // by file name
	of      map[string]string    // tensor → file name
}

// openShards maps the weights of a directory: a single file, or those that an index
// lists.
func openShards(dir string) (*shards, error) {
	var names []string
	for _, f := range weightFormats {
		s := &shards{dir: dir, openOne: f.open, files: map[string]container{}, of: map[string]string{}}
		err := s.single(f.single)
		if errors.Is(err, fs.ErrNotExist) {
			err = s.indexed(filepath.Join(dir, f.index))
		}
		if err == nil {
			return s, nil
		}
		if !errors.Is(err, errNoIndex) {
			return nil, errors.Join(err, s.Close())
		}
		names = append(names, f.single, f.index)
	}
	return nil, fmt.Errorf("%s: found none of %s: %w", dir, strings.Join(names, ", "), fs.ErrNotExist)
}

// errNoIndex says that a directory has no index of a format.
var errNoIndex = errors.New("no index")

// single opens the one file that holds everything.
func (s *shards) single(name string) error {
	if _, err := os.Stat(filepath.Join(s.dir, name)); err != nil {
		return err
	}
	f, err := s.open(name)
	if err != nil {
		return err
	}
	for _, n := range f.Names() {
		s.of[n] = name
	}
	return nil
}

// indexed opens every file of an index and checks that it holds what the index
// says, and nothing that the index does not know.
func (s *shards) indexed(path string) error {
	index, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return errNoIndex
	}
	if err != nil {
		return err
	}
	var x struct {
		WeightMap map[string]string `json:"weight_map"`
	}
	if err := json.Unmarshal(index, &x); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if len(x.WeightMap) == 0 {
		return fmt.Errorf("%s: found no weight_map", path)
	}
	for name, file := range x.WeightMap {
		if err := s.listed(path, name, file); err != nil {
			return err
		}
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

// listed opens the file that an index names for a tensor.
func (s *shards) listed(index, name, file string) error {
	if file == "" || filepath.Base(file) != file {
		return fmt.Errorf("%s: tensor %q: found file %q, expected the name of a file beside the index", index, name, file)
	}
	f, err := s.open(file)
	if err != nil {
		return fmt.Errorf("%s: tensor %q: %w", index, name, err)
	}
	if _, ok := f.find(name); !ok {
		return fmt.Errorf("%s: tensor %q: found none in %s", index, name, file)
	}
	s.of[name] = file
	return nil
}

func (s *shards) open(file string) (container, error) {
	if f := s.files[file]; f != nil {
		return f, nil
	}
	f, err := s.openOne(filepath.Join(s.dir, file))
	if err != nil {
		return nil, err
	}
	s.files[file] = f
	return f, nil
}

func (s *shards) Release() {
	for _, f := range s.files {
		f.Release()
	}
}

func (s *shards) Close() error {
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

// hfTypes are the storage types of weights in HF directories.
var hfTypes = map[string]tensor.DType{"F32": tensor.F32, "F16": tensor.F16, "BF16": tensor.BF16, "F64": tensor.F64}

func (s *shards) tensor(name string) (stored, bool, error) {
	file, ok := s.of[name]
	if !ok {
		return stored{}, false, nil
	}
	t, _ := s.files[file].find(name)
	dt, ok := hfTypes[t.dtype]
	if !ok {
		return stored{}, false, fmt.Errorf("tensor %q in %s: found dtype %s, expected F32, F16, BF16 or F64", name, file, t.dtype)
	}
	if t.stride != nil {
		return stored{}, false, fmt.Errorf("tensor %q in %s: found a view of shape %v with strides %v, expected rows one behind the other", name, file, t.shape, t.stride)
	}
	rows, cols, err := matrixShape(t.shape)
	if err != nil {
		return stored{}, false, fmt.Errorf("tensor %q in %s: %w", name, file, err)
	}
	return stored{name: name, file: filepath.Join(s.dir, file), dtype: dt, rows: rows, cols: cols, data: t.data}, true, nil
}

// matrixShape reads a vector as a matrix of one row, and a stack of matrices as
// one with the rows of all.
func matrixShape(shape []int) (rows, cols int, err error) {
	switch len(shape) {
	case 1:
		return 1, shape[0], nil
	case 2:
		return shape[0], shape[1], nil
	case 3:
		if shape[0] > 0 && shape[1] > math.MaxInt/shape[0] {
			break
		}
		return shape[0] * shape[1], shape[2], nil
	}
	return 0, 0, fmt.Errorf("found shape %v, expected a vector or a matrix", shape)
}
