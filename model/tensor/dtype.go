package tensor

import "fmt"

// DType is the type in which the numbers of a matrix are stored. All of them
// are little endian; computation is always float32.
type DType uint8

// The storage types. The quantised ones are ggml's: blocks of 32 weights along
// a row, each with its own float16 scale.
const (
	F32  DType = iota // IEEE binary32
	F16               // IEEE binary16
	BF16              // the upper half of a binary32
	F64               // IEEE binary64, rounded to float32 when read
	Q4_0              // f16 d, 16 bytes: (q−8)·d
	Q4_1              // f16 d, f16 m, 16 bytes: q·d + m
	Q8_0              // f16 d, 32 int8: q·d
)

// layout says how a storage type is laid out: weights and bytes a block.
type layout struct {
	name         string
	block, bytes int
}

// layoutOf is the table of storage types; ok is false for an unknown one.
func layoutOf(d DType) (l layout, ok bool) {
	switch d {
	case F32:
		return layout{"F32", 1, 4}, true
	case F16:
		return layout{"F16", 1, 2}, true
	case BF16:
		return layout{"BF16", 1, 2}, true
	case F64:
		return layout{"F64", 1, 8}, true
	case Q4_0:
		return layout{"Q4_0", 32, 18}, true
	case Q4_1:
		return layout{"Q4_1", 32, 20}, true
	case Q8_0:
		return layout{"Q8_0", 32, 34}, true
	}
	return layout{}, false
}

// String is the type's name as GGUF and safetensors write it.
func (d DType) String() string {
	if l, ok := layoutOf(d); ok {
		return l.name
	}
	return fmt.Sprintf("DType(%d)", uint8(d))
}

// Bytes is the size of a rows×cols matrix. It is an error when the type is
// unknown, a dimension is negative, cols is no multiple of the type's block, or
// the size does not fit in an int64.
func (d DType) Bytes(rows, cols int) (int64, error) {
	l, ok := layoutOf(d)
	if !ok {
		return 0, fmt.Errorf("%w: %v is unknown", ErrDType, d)
	}
	if rows < 0 || cols < 0 {
		return 0, fmt.Errorf("%w: %v matrix of %d×%d, expected no negative size", ErrDType, d, rows, cols)
	}
	if cols%l.block != 0 {
		return 0, fmt.Errorf("%w: %v rows of %d weights, expected a multiple of %d", ErrDType, d, cols, l.block)
	}
	row := int64(cols/l.block) * int64(l.bytes)
	if row > 0 && int64(rows) > (1<<62)/row {
		return 0, fmt.Errorf("%w: %v matrix of %d×%d overflows", ErrDType, d, rows, cols)
	}
	return int64(rows) * row, nil
}
