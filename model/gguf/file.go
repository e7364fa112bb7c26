package gguf

import (
	"errors"
	"fmt"

	"agar/model/internal/pages"
	"agar/model/tensor"

	"github.com/edsrzf/mmap-go"
)

// File is an open GGUF file, or the files of a split one. Tensor data are valid
// until Close; metadata stay. It is safe for concurrent use.
type File struct {
	Meta
	path    string
	version uint32
	tensors []Tensor
	index   map[string]int
	mapping mmap.MMap
	rest    []*File // the parts behind the first of a split file
}

// Tensor is one tensor of a file. Data is mapped memory and must not be
// written; it is nil for a type that agar does not read, which Type names.
type Tensor struct {
	Name  string
	File  string // the path of the file that holds it
	Shape []int  // row-major: [rows, cols] for a matrix
	DType tensor.DType
	Type  string // the name of the type in ggml
	Data  []byte

	kind   uint32
	offset uint64
}

// Open maps the file and reads its header. Of a file that was split into
// NAME-00001-of-0000N.gguf it opens all parts, given the first.
func Open(path string) (*File, error) {
	f, err := openOne(path)
	if err != nil {
		return nil, err
	}
	if err := f.openParts(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// openOne opens one file.
func openOne(path string) (*File, error) {
	m, err := pages.Map(path, headerSize, fmt.Sprintf("the %d of the header", headerSize))
	if err != nil {
		return nil, fmt.Errorf("gguf: %w", err)
	}
	f, err := parse(path, m)
	if err != nil {
		return nil, errors.Join(err, m.Unmap())
	}
	f.mapping = m
	return f, nil
}

// Release makes no page of the file, or of its parts, resident until it is touched
// again.
func (f *File) Release() {
	pages.Release(f.mapping)
	for _, p := range f.rest {
		p.Release()
	}
}

// Close unmaps the file. Tensors must no longer be used.
func (f *File) Close() error {
	for i := range f.tensors {
		f.tensors[i].Data = nil
	}
	var errs []error
	for _, p := range f.rest {
		errs = append(errs, p.Close())
	}
	f.rest = nil
	if m := f.mapping; m != nil {
		f.mapping = nil
		errs = append(errs, m.Unmap())
	}
	return errors.Join(errs...)
}

// Paths lists the files: one, or the parts of a split file in order.
func (f *File) Paths() []string {
	paths := []string{f.path}
	for _, p := range f.rest {
		paths = append(paths, p.path)
	}
	return paths
}

// Path is the name that Open was given.
func (f *File) Path() string { return f.path }

// Version is the version of the format, 2 or 3.
func (f *File) Version() uint32 { return f.version }

// Architecture is general.architecture, such as "llama"; empty when the file
// does not say.
func (f *File) Architecture() string {
	s, _ := f.String("general.architecture")
	return s
}

// Tensors lists all tensors in file order.
func (f *File) Tensors() []Tensor { return append([]Tensor(nil), f.tensors...) }

// Tensor finds a tensor whose type agar reads.
func (f *File) Tensor(name string) (Tensor, error) {
	i, ok := f.index[name]
	if !ok {
		return Tensor{}, fmt.Errorf("gguf: %s: no tensor %q among %d", f.path, name, len(f.tensors))
	}
	t := f.tensors[i]
	if t.Data == nil {
		return Tensor{}, fmt.Errorf("gguf: %s: tensor %q: found type %s, expected %s", t.File, name, t.Type, readable())
	}
	return t, nil
}
