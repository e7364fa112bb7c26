package gguf

import (
	"fmt"
	"math"

	"agar/model/tensor"
)

const (
	headerSize   = 24 // magic, version, number of tensors, number of keys
	maxDims      = 4
	maxNesting   = 4 // arrays in arrays
	minTensor    = 8 + 4 + 8 + 4 + 8
	minPair      = 8 + 4 + 1
	defaultAlign = 32
)

// parse reads a whole file from memory; tensors are views of data.
func parse(path string, data []byte) (*File, error) {
	r := &reader{data: data}
	f := &File{path: path, Meta: Meta{path: path, values: map[string]any{}}, index: map[string]int{}}
	tensors, pairs := r.header(f)
	r.metadata(f, pairs)
	infos := r.infos(tensors)
	if r.err != nil {
		return nil, fmt.Errorf("gguf: %s: %w", path, r.err)
	}
	if err := f.place(r, infos); err != nil {
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
	r.fits("number of metadata keys", pairs, minPair)
	return tensors, pairs
}

func (r *reader) metadata(f *File, pairs uint64) {
	for i := uint64(0); i < pairs && r.err == nil; i++ {
		r.what = fmt.Sprintf("metadata key %d", i)
		key := r.str()
		r.what = fmt.Sprintf("metadata %q", key)
		v := r.value(r.u32(), 0)
		if _, ok := f.values[key]; ok && r.err == nil {
			r.fail(r.what, "the key comes twice")
		}
		f.values[key] = v
		f.keys = append(f.keys, key)
	}
}

// info is a tensor as the header describes it.
type info struct {
	name   string
	shape  []int
	kind   uint32
	offset uint64
}

func (r *reader) infos(n uint64) (out []info) {
	for i := uint64(0); i < n && r.err == nil; i++ {
		r.what = fmt.Sprintf("description of tensor %d", i)
		t := info{name: r.str()}
		r.what = fmt.Sprintf("description of tensor %q", t.name)
		dims := r.u32()
		if dims > maxDims && r.err == nil {
			r.fail(r.what, "found %d dimensions, expected at most %d", dims, maxDims)
		}
		for d := uint32(0); d < dims && r.err == nil; d++ {
			n := r.u64()
			if n > math.MaxInt32 {
				r.fail(r.what, "found a dimension of %d, expected less than 2³¹", n)
			}
			t.shape = append([]int{int(n)}, t.shape...)
		}
		t.kind, t.offset = r.u32(), r.u64()
		out = append(out, t)
	}
	return out
}

// place finds every tensor's bytes behind the header.
func (f *File) place(r *reader, infos []info) error {
	align := uint64(defaultAlign)
	if f.Has("general.alignment") {
		a, err := f.Uint("general.alignment")
		if err != nil || a == 0 || a > 1<<20 || a&(a-1) != 0 {
			return fmt.Errorf("metadata \"general.alignment\": found %v, expected a power of two", f.values["general.alignment"])
		}
		align = a
	}
	base := (uint64(r.pos) + align - 1) / align * align
	for _, t := range infos {
		if _, ok := f.index[t.name]; ok {
			return fmt.Errorf("tensor %q comes twice", t.name)
		}
		out, err := t.view(r.data, base, align)
		if err != nil {
			return err
		}
		f.index[t.name] = len(f.tensors)
		f.tensors = append(f.tensors, out)
	}
	return nil
}

// view cuts the bytes of t out of data, whose tensors begin at base.
func (t *info) view(data []byte, base, align uint64) (Tensor, error) {
	out := Tensor{Name: t.name, Shape: t.shape, Type: typeName(t.kind)}
	size := uint64(len(data))
	if t.offset%align != 0 || t.offset > size || base+t.offset > size {
		return out, fmt.Errorf("tensor %q: found offset %d behind byte %d, expected a multiple of %d within the %d bytes of the file", t.name, t.offset, base, align, size)
	}
	d, ok := dtype(t.kind)
	if !ok {
		return out, nil
	}
	out.DType = d
	n, err := t.bytes(d)
	if err != nil {
		return out, fmt.Errorf("tensor %q: %w", t.name, err)
	}
	begin := base + t.offset
	if uint64(n) > size-begin {
		return out, fmt.Errorf("tensor %q: found %d bytes from byte %d to the end, expected %d for %s %v", t.name, size-begin, begin, n, d, t.shape)
	}
	out.Data = data[begin : begin+uint64(n) : begin+uint64(n)]
	return out, nil
}

// bytes is the size of t in storage type d.
func (t *info) bytes(d tensor.DType) (int64, error) {
	rows, cols := int64(1), 1
	for i, n := range t.shape {
		if i == len(t.shape)-1 {
			cols = n
		} else if rows *= int64(n); rows > math.MaxInt32*64 {
			return 0, fmt.Errorf("shape %v is too big", t.shape)
		}
	}
	return d.Bytes(int(rows), cols)
}
