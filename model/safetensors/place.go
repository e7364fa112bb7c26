package safetensors

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
	"strings"
)

// maxHeader is the largest header that any reader of the format accepts.
const maxHeader = 100_000_000

// sizes are the dtypes of the format and the bytes of an element.
var sizes = map[string]uint64{
	"BOOL": 1, "U8": 1, "I8": 1, "F8_E5M2": 1, "F8_E4M3": 1, "F8_E8M0": 1, "U16": 2, "I16": 2, "F16": 2, "BF16": 2,
	"U32": 4, "I32": 4, "F32": 4, "U64": 8, "I64": 8, "F64": 8, "C64": 8,
}

// parse reads the header of buf, the whole content of the file at path.
func parse(path string, buf []byte) (*File, error) {
	f := &File{path: path}
	if err := f.read(buf); err != nil {
		return nil, fmt.Errorf("safetensors: %s: %w", path, err)
	}
	return f, nil
}

// read finds every tensor's data: the header's ranges must cover the bytes behind
// it without holes or overlaps.
func (f *File) read(buf []byte) error {
	if len(buf) < 8 {
		return fmt.Errorf("truncated: found %d bytes, expected at least 8", len(buf))
	}
	n, rest := binary.LittleEndian.Uint64(buf), uint64(len(buf)-8)
	switch {
	case n > maxHeader:
		return fmt.Errorf("found a header length of %d bytes, expected at most %d (is this a safetensors file?)", n, maxHeader)
	case n > rest:
		return fmt.Errorf("truncated: the header says %d bytes, found %d after the length", n, rest)
	}
	s := &scanner{b: buf[8 : 8+n]}
	if err := s.scan(); err != nil {
		return err
	}
	f.meta, f.tensors = bytes.Clone(s.meta), s.tensors
	if err := place(f.tensors, buf[8+n:]); err != nil {
		return err
	}
	slices.SortFunc(f.tensors, func(a, b Tensor) int { return strings.Compare(a.Name, b.Name) })
	for i := range f.tensors {
		if i > 0 && f.tensors[i].Name == f.tensors[i-1].Name {
			return fmt.Errorf("tensor %q comes twice", f.tensors[i].Name)
		}
	}
	return nil
}

// place walks through the tensors in the order of their data.
func place(tensors []Tensor, data []byte) error {
	slices.SortFunc(tensors, func(a, b Tensor) int { return slices.Compare([]uint64{a.from, a.to}, []uint64{b.from, b.to}) })
	size, end := uint64(len(data)), uint64(0)
	for i := range tensors {
		t := &tensors[i]
		if err := t.check(end); err != nil {
			return fmt.Errorf("tensor %q: %w", t.Name, err)
		}
		if end = t.to; end <= size {
			t.Data = data[t.from:t.to:t.to]
		}
	}
	switch {
	case end > size:
		return fmt.Errorf("truncated: found %d bytes of data, expected %d", size, end)
	case end < size:
		return fmt.Errorf("found %d bytes of data, expected %d: %d trailing bytes belong to no tensor", size, end, size-end)
	}
	return nil
}

// check holds what the header says of t together, and to where its data must start.
func (t *Tensor) check(start uint64) error {
	if t.from != start || t.to < t.from {
		return fmt.Errorf("found data at [%d, %d), expected it to start at %d", t.from, t.to, start)
	}
	size, ok := sizes[t.DType]
	if !ok {
		return fmt.Errorf("found dtype %q, expected F64, F32, F16, BF16, an integer type or one of 8 bits", t.DType)
	}
	if want, ok := product(size, t.Shape); !ok || t.to-t.from != want {
		return fmt.Errorf("found %d bytes of data, expected %s of shape %v to have %d", t.to-t.from, t.DType, t.Shape, want)
	}
	return nil
}

// product multiplies size by all of shape; ok is false on overflow.
func product(size uint64, shape []int) (p uint64, ok bool) {
	p = size
	for _, n := range shape {
		hi, lo := bits.Mul64(p, uint64(n))
		if hi != 0 {
			return 0, false
		}
		p = lo
	}
	return p, true
}
