package torchfile

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"agar/model/internal/pages"

	"github.com/edsrzf/mmap-go"
)

// File is an open, mapped file of torch.save. Its methods may be called from
// several goroutines, Close from one when the others are done.
type File struct {
	path    string
	m       mmap.MMap
	names   []string
	tensors map[string]Tensor
	keys    []string
	values  map[string]any
}

// Open maps the file at path and reads its pickle. The caller must Close it.
// Errors name the file and the place in it; one that wraps ErrClass says that the
// file asks for a Python class or function that is not data.
func Open(path string) (*File, error) {
	m, err := pages.Map(path, 1, "what torch.save writes")
	if err != nil {
		return nil, fmt.Errorf("torchfile: %w", err)
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

// zipMagic starts a zip archive, legacyMagic a file of torch before 1.6: the
// pickled number 0x1950a86a20f9469cfc6c.
var (
	zipMagic    = []byte("PK\x03\x04")
	legacyMagic = []byte("\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.")
)

// parse reads data, the whole content of the file at path.
func parse(path string, data []byte) (*File, error) {
	f := &File{path: path, tensors: map[string]Tensor{}, values: map[string]any{}}
	var root any
	var err error
	switch {
	case bytes.HasPrefix(data, zipMagic):
		root, err = readZip(data)
	case bytes.HasPrefix(data, legacyMagic):
		root, err = readLegacy(data)
	default:
		err = fmt.Errorf("found % x at its start, expected the zip archive or the older format that torch.save writes", data[:min(len(data), 4)])
	}
	if err == nil {
		err = f.flatten(root, budgetOf(data))
	}
	if err != nil {
		return nil, fmt.Errorf("torchfile: %s: %w", path, err)
	}
	slices.Sort(f.names)
	slices.Sort(f.keys)
	return f, nil
}

// budgetOf is what reading a file may allocate, in bytes.
func budgetOf(data []byte) int64 { return 8*int64(len(data)) + 1<<20 }

// Path is the path given to Open.
func (f *File) Path() string { return f.path }

// Names lists the tensors in ascending order. The slice belongs to the caller. A
// file that holds nothing but one tensor calls it "".
func (f *File) Names() []string { return slices.Clone(f.names) }

// Tensor finds a tensor by its name. Its Data must not be written to nor used
// after Close.
func (f *File) Tensor(name string) (Tensor, bool) {
	t, ok := f.tensors[name]
	return t, ok
}

// Keys lists what is no tensor, in ascending order. The slice belongs to the
// caller.
func (f *File) Keys() []string { return slices.Clone(f.keys) }

// Value is what stands under a key and is no tensor: nil, bool, int64, float64,
// string, or a []any of these, which must not be written to.
func (f *File) Value(key string) (any, bool) {
	v, ok := f.values[key]
	return v, ok
}

// Close unmaps the file. Every Data slice becomes invalid; values stay.
func (f *File) Close() error {
	f.tensors = nil
	if f.m == nil {
		return nil
	}
	m := f.m
	f.m = nil
	if err := m.Unmap(); err != nil {
		return fmt.Errorf("torchfile: unmap %s: %w", f.path, err)
	}
	return nil
}
