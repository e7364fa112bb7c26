package safetensors

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"agar/model/internal/pages"

	"github.com/edsrzf/mmap-go"
)

// File is an open, mapped .safetensors file. Its methods may be called from
// several goroutines, Close from one when the others are done.
type File struct {
	path    string
	m       mmap.MMap
	meta    []byte   // the header's __metadata__, a JSON object of strings
	tensors []Tensor // in ascending order of names
}

// Tensor is one named array of a File.
type Tensor struct {
	Name  string
	DType string // as in the header: F32, F16, BF16, F64, I64, …
	Shape []int  // row-major
	Data  []byte // little endian, inside the mapping; not necessarily aligned

	from, to uint64 // where Data lies behind the header
}

// Open maps the file at path and checks its header against its length. The
// caller must Close it.
func Open(path string) (*File, error) {
	m, err := pages.Map(path, 8, "the 8 of the header length")
	if err != nil {
		return nil, fmt.Errorf("safetensors: %w", err)
	}
	f, err := parse(path, m)
	if err != nil {
		return nil, errors.Join(err, m.Unmap())
	}
	f.m = m
	return f, nil
}

// Release makes no page of the file resident until it is touched again.
func (f *File) Release() { pages.Release(f.m) }

// Path is the path given to Open.
func (f *File) Path() string { return f.path }

// Names lists the tensors in ascending order. The slice belongs to the caller.
func (f *File) Names() []string {
	names := make([]string, len(f.tensors))
	for i := range names {
		names[i] = f.tensors[i].Name
	}
	return names
}

// Tensor finds a tensor by its exact name. Its Data must not be written to nor
// used after Close.
func (f *File) Tensor(name string) (Tensor, bool) {
	i, ok := slices.BinarySearchFunc(f.tensors, name, func(t Tensor, name string) int { return strings.Compare(t.Name, name) })
	if !ok {
		return Tensor{}, false
	}
	return f.tensors[i], true
}

// Metadata is the header's __metadata__ object, nil when there is none. The map
// belongs to the caller.
func (f *File) Metadata() (m map[string]string) {
	if f.meta == nil || json.Unmarshal(f.meta, &m) != nil { // checked by parse
		return nil
	}
	return m
}

// Close unmaps the file. Every Data slice becomes invalid.
func (f *File) Close() error {
	f.tensors = nil
	if f.m == nil {
		return nil
	}
	if err := f.m.Unmap(); err != nil {
		return fmt.Errorf("safetensors: unmap %s: %w", f.path, err)
	}
	return nil
}
