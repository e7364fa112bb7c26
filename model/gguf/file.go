package gguf

import (
	"fmt"
	"os"

	"agar/model/tensor"

	"github.com/edsrzf/mmap-go"
)

// File is an open GGUF file. Tensor data are valid until Close; metadata stay.
// It is safe for concurrent use.
type File struct {
	Meta
	path    string
	version uint32
	tensors []Tensor
	index   map[string]int
	mapping mmap.MMap
}

// Tensor is one tensor of a file. Data is mapped memory and must not be
// written; it is nil for a type that agar does not read, which Type names.
type Tensor struct {
	Name  string
	Shape []int // row-major: [rows, cols] for a matrix
	DType tensor.DType
	Type  string // the name of the type in ggml
	Data  []byte
}

// Open maps the file and reads its header.
func Open(path string) (*File, error) {
	h, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("gguf: %w", err)
	}
	defer h.Close()
	st, err := h.Stat()
	if err != nil {
		return nil, fmt.Errorf("gguf: %w", err)
	}
	if !st.Mode().IsRegular() || st.Size() < headerSize {
		return nil, fmt.Errorf("gguf: %s: found %v of %d bytes, expected a file of at least %d", path, st.Mode().Type(), st.Size(), headerSize)
	}
	m, err := mmap.Map(h, mmap.RDONLY, 0)
	if err != nil {
		return nil, fmt.Errorf("gguf: %s: mapping: %w", path, err)
	}
	f, err := parse(path, m)
	if err != nil {
		_ = m.Unmap()
		return nil, err
	}
	f.mapping = m
	return f, nil
}

// Close unmaps the file. Tensors must no longer be used.
func (f *File) Close() error {
	if f.mapping == nil {
		return nil
	}
	m := f.mapping
	f.mapping = nil
	for i := range f.tensors {
		f.tensors[i].Data = nil
	}
	return m.Unmap()
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
		return Tensor{}, fmt.Errorf("gguf: %s: tensor %q: found type %s, expected F32, F16, BF16, F64, Q4_0, Q4_1 or Q8_0", f.path, name, t.Type)
	}
	return t, nil
}
