package gguf

import (
	"fmt"
	"math"
)

const (
	headerSize   = 24 // magic, version, number of tensors, number of keys
	maxDims      = 4
	maxNesting   = 4 // arrays in arrays
	minTensor    = 8 + 4 + 4 + 8
	minPair      = 8 + 4 + 1
	maxPairs     = 4096 // files have a few dozen
	defaultAlign = 32
)

// parse reads a whole file from memory; tensors are views of data.
func parse(path string, data []byte) (*File, error) {
	r := &reader{data: data}
	f := &File{path: path, Meta: Meta{path: path, values: map[string]any{}}}
	tensors, pairs := r.header(f)
	r.metadata(f, pairs)
	f.tensors = r.infos(path, tensors)
	if r.err != nil {
		return nil, fmt.Errorf("gguf: %s: %w", path, r.err)
	}
	if err := f.place(r); err != nil {
		return nil, fmt.Errorf("gguf: %s: %w", path, err)
	}
	return f, nil
}

// header reads the magic, the version and the two counts.
func (r *reader) header(f *File) (tensors, pairs uint64) {
	if magic := string(r.take(4)); r.err == nil && magic != "GGUF" {
		r.fail("magic", "found %q, expected \"GGUF\"", magic)
	}
	f.version = r.u32()
	switch v := f.version; {
	case r.err != nil:
	case v&0xFFFF == 0 && v != 0:
		r.fail("version", "found a big-endian file, expected little endian")
	case v != 2 && v != 3:
		r.fail("version", "found %d, expected 2 or 3", v)
	}
	tensors, pairs = r.u64(), r.u64()
	r.fits("number of tensors", tensors, minTensor)
	if r.fits("number of metadata keys", pairs, minPair) && pairs > maxPairs {
		r.fail("number of metadata keys", "found %d, expected at most %d", pairs, maxPairs)
	}
	return tensors, pairs
}

func (r *reader) metadata(f *File, pairs uint64) {
	for i := uint64(0); i < pairs && r.err == nil; i++ {
		r.at = place{kind: "metadata", number: i}
		key := r.str()
		r.at.name, r.at.named = key, true
		v := r.value(r.u32(), 0)
		if _, ok := f.values[key]; ok && r.err == nil {
			r.fail(r.at.String(), "the key comes twice")
		}
		f.values[key] = v
		f.keys = append(f.keys, key)
	}
}

// infos reads how the header describes the tensors; place finds them later.
func (r *reader) infos(path string, n uint64) []Tensor {
	if r.err != nil {
		return nil
	}
	r.at = place{}
	if !r.fits("number of tensors", n, minTensor) {
		return nil
	}
	out := make([]Tensor, 0, n)
	for i := uint64(0); i < n && r.err == nil; i++ {
		r.at = place{kind: "description of tensor", number: i}
		t := Tensor{Name: r.str(), File: path}
		r.at.name, r.at.named = t.Name, true
		t.Shape = r.shape()
		t.kind, t.offset = r.u32(), r.u64()
		out = append(out, t)
	}
	return out
}

// shape reads the dimensions of a tensor and reverses them.
func (r *reader) shape() []int {
	dims := r.u32()
	if dims > maxDims && r.err == nil {
		r.fail(r.at.String(), "found %d dimensions, expected at most %d", dims, maxDims)
	}
	if r.err != nil {
		return nil
	}
	shape := make([]int, dims)
	for d := range shape {
		n := r.u64()
		if n > math.MaxInt32 {
			r.fail(r.at.String(), "found a dimension of %d, expected less than 2³¹", n)
		}
		shape[len(shape)-1-d] = int(n)
	}
	return shape
}

// place finds every tensor's bytes behind the header.
func (f *File) place(r *reader) error {
	align := uint64(defaultAlign)
	if f.Has("general.alignment") {
		a, err := f.Uint("general.alignment")
		if err != nil || a == 0 || a > 1<<20 || a&(a-1) != 0 {
			return fmt.Errorf("metadata \"general.alignment\": found %v, expected a power of two", f.values["general.alignment"])
		}
		align = a
	}
	base := (uint64(r.pos) + align - 1) / align * align
	f.index = make(map[string]int, len(f.tensors))
	for i := range f.tensors {
		t := &f.tensors[i]
		if _, ok := f.index[t.Name]; ok {
			return fmt.Errorf("tensor %q comes twice", t.Name)
		}
		if err := t.view(r.data, base, align); err != nil {
			return fmt.Errorf("tensor %q: %w", t.Name, err)
		}
		f.index[t.Name] = i
	}
	return nil
}

// view cuts the bytes of t out of data, whose tensors begin at base.
func (t *Tensor) view(data []byte, base, align uint64) error {
	size := uint64(len(data))
	if t.offset%align != 0 || t.offset > size || base+t.offset > size {
		return fmt.Errorf("found offset %d behind byte %d, expected a multiple of %d within the %d bytes of the file", t.offset, base, align, size)
	}
	var ok bool
	t.Type = typeName(t.kind)
	if t.DType, ok = dtype(t.kind); !ok {
		return nil
	}
	n, err := t.bytes()
	if err != nil {
		return err
	}
	begin := base + t.offset
	if uint64(n) > size-begin {
		return fmt.Errorf("found %d bytes from byte %d to the end, expected %d for %s %v", size-begin, begin, n, t.DType, t.Shape)
	}
	t.Data = data[begin : begin+uint64(n) : begin+uint64(n)]
	return nil
}

// bytes is the size of t in its storage type.
func (t *Tensor) bytes() (int64, error) {
	rows, cols := int64(1), 1
	for i, n := range t.Shape {
		if i == len(t.Shape)-1 {
			cols = n
			continue
		}
		if n > 0 && rows > math.MaxInt32*64/int64(n) {
			return 0, fmt.Errorf("shape %v is too big", t.Shape)
		}
		rows *= int64(n)
	}
	return t.DType.Bytes(int(rows), cols)
}
