package gguf

import (
	"encoding/binary"
	"fmt"
	"math"
)

// reader walks through a file in memory. After the first error it returns
// zeros, so that callers check err once.
type reader struct {
	data []byte
	pos  int
	at   place // what is being read, for errors
	err  error
}

// place is one of the things that a header lists: by number until its name is known.
type place struct {
	kind   string
	number uint64
	name   string
	named  bool
}

func (p place) String() string {
	switch {
	case p.named:
		return fmt.Sprintf("%s %q", p.kind, p.name)
	case p.kind != "":
		return fmt.Sprintf("%s number %d", p.kind, p.number)
	}
	return "header"
}

// fail keeps the first error.
func (r *reader) fail(what, format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%s at byte %d: %s", what, r.pos, fmt.Sprintf(format, args...))
	}
}

// fits fails when n things of at least size bytes cannot follow in the file.
func (r *reader) fits(what string, n uint64, size int) bool {
	if left := uint64(len(r.data) - r.pos); r.err == nil && n > left/uint64(size) {
		if r.at.kind != "" {
			what = r.at.String() + ": " + what
		}
		r.fail(what, "found %d, expected at most %d in the %d bytes that follow", n, left/uint64(size), left)
	}
	return r.err == nil
}

// take returns the next n bytes, or nil when the file ends before.
func (r *reader) take(n int) []byte {
	if r.err != nil {
		return nil
	}
	if n > len(r.data)-r.pos {
		r.fail(r.at.String(), "found %d bytes to the end of the file, expected %d", len(r.data)-r.pos, n)
		return nil
	}
	r.pos += n
	return r.data[r.pos-n : r.pos]
}

func (r *reader) u8() uint8 {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) u16() uint16 {
	if b := r.take(2); b != nil {
		return binary.LittleEndian.Uint16(b)
	}
	return 0
}

func (r *reader) u32() uint32 {
	if b := r.take(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (r *reader) u64() uint64 {
	if b := r.take(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// str copies a string, so that it outlives the mapping.
func (r *reader) str() string {
	n := r.u64()
	if !r.fits("length of a string", n, 1) {
		return ""
	}
	return string(r.take(int(n)))
}

// value reads one value: uint64, int64, float64, bool, string, numbers or a slice.
func (r *reader) value(kind uint32, depth int) any {
	switch kind {
	case kindUint8:
		return uint64(r.u8())
	case kindUint16:
		return uint64(r.u16())
	case kindUint32:
		return uint64(r.u32())
	case kindUint64:
		return r.u64()
	case kindBool:
		return r.u8() != 0
	case kindString:
		return r.str()
	case kindArray:
		return r.array(depth)
	case kindFloat32:
		return float64(math.Float32frombits(r.u32()))
	case kindFloat64:
		return math.Float64frombits(r.u64())
	}
	return r.signed(kind)
}

func (r *reader) signed(kind uint32) any {
	switch kind {
	case kindInt8:
		return int64(int8(r.u8()))
	case kindInt16:
		return int64(int16(r.u16()))
	case kindInt32:
		return int64(int32(r.u32()))
	case kindInt64:
		return int64(r.u64())
	}
	r.fail(r.at.String(), "found value type %d, expected 0 to %d", kind, kindFloat64)
	return nil
}

// array reads []string, []bool, numbers or, for arrays of arrays, []any.
func (r *reader) array(depth int) any {
	kind, n := r.u32(), r.u64()
	size, ok := kindSize(kind)
	if !ok && r.err == nil {
		r.fail(r.at.String(), "found element type %d, expected 0 to %d", kind, kindFloat64)
	}
	if depth >= maxNesting {
		r.fail(r.at.String(), "arrays are nested more than %d deep", maxNesting)
	}
	if r.err != nil || !r.fits("length of an array", n, size) {
		return nil
	}
	switch kind {
	case kindString:
		return list(r, n, r.str)
	case kindArray:
		return list(r, n, func() any { return r.array(depth + 1) })
	case kindBool:
		return list(r, n, func() bool { return r.u8() != 0 })
	}
	return numbers{kind, append([]byte(nil), r.take(int(n)*size)...)}
}

// list reads n elements by next.
func list[T any](r *reader, n uint64, next func() T) []T {
	out := make([]T, 0, n)
	for ; n > 0 && r.err == nil; n-- {
		out = append(out, next())
	}
	return out
}

// numbers is an array of numbers as the file has it, converted when it is asked
// for: a byte must not take eight bytes of memory.
type numbers struct {
	kind uint32
	raw  []byte
}

// expand is []uint64, []int64 or []float64.
func (n numbers) expand() any {
	size, _ := kindSize(n.kind)
	r := &reader{data: n.raw}
	count := uint64(len(n.raw) / size)
	switch n.kind {
	case kindUint8, kindUint16, kindUint32, kindUint64:
		return list(r, count, func() uint64 { return r.value(n.kind, 0).(uint64) })
	case kindFloat32, kindFloat64:
		return list(r, count, func() float64 { return r.value(n.kind, 0).(float64) })
	}
	return list(r, count, func() int64 { return r.value(n.kind, 0).(int64) })
}
