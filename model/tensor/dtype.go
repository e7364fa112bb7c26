package tensor

import "fmt"

// DType is the type in which the numbers of a matrix are stored. All of them
// are little endian; computation is always float32.
type DType uint8

// The storage types. The quantised ones are ggml's: blocks of 32 weights along a
// row, or of 256 for those with a K and IQ4_XS, each with float16 scales of its own.
// In the formulas q are a weight's bits, s and m the scale and the minimum of its
// group of 16 or 32 within the block, and v is a table of 16 values.
const (
	F32    DType = iota // IEEE binary32
	F16                 // IEEE binary16
	BF16                // the upper half of a binary32
	F64                 // IEEE binary64, rounded to float32 when read
	Q4_0                // f16 d, 16 bytes: (q−8)·d
	Q4_1                // f16 d, f16 m, 16 bytes: q·d + m
	Q5_0                // f16 d, 32 high bits, 16 bytes: (q−16)·d
	Q5_1                // f16 d, f16 m, 32 high bits, 16 bytes: q·d + m
	Q8_0                // f16 d, 32 int8: q·d
	Q2_K                // 16 scales and minima of 4 bits, 64 bytes, f16 d, f16 e: q·(d·s) − e·m
	Q3_K                // 256 high bits, 64 bytes, 16 scales of 6 bits, f16 d: (q−4)·(d·(s−32))
	Q4_K                // f16 d, f16 e, 8 scales and minima of 6 bits, 128 bytes: q·(d·s) − e·m
	Q5_K                // as Q4_K with 256 high bits before the bytes
	Q6_K                // 128 bytes, 64 bytes of high bits, 16 int8 scales, f16 d: (q−32)·(d·s)
	IQ4_NL              // f16 d, 16 bytes: v[q]·d
	IQ4_XS              // f16 d, 8 scales of 6 bits, 128 bytes: v[q]·(d·(s−32))
	nTypes
)

// layout says how a storage type is laid out: weights and bytes a block, and where
// in a block its float16 scales lie.
type layout struct {
	name         string
	block, bytes int
	scales       []int
}

// layouts is the table of storage types.
var layouts = [nTypes]layout{
	F32: {"F32", 1, 4, nil}, F16: {"F16", 1, 2, nil}, BF16: {"BF16", 1, 2, nil}, F64: {"F64", 1, 8, nil},
	Q4_0: {"Q4_0", 32, 18, []int{0}}, Q4_1: {"Q4_1", 32, 20, []int{0, 2}},
	Q5_0: {"Q5_0", 32, 22, []int{0}}, Q5_1: {"Q5_1", 32, 24, []int{0, 2}},
	Q8_0: {"Q8_0", 32, 34, []int{0}},
	Q2_K: {"Q2_K", 256, 84, []int{80, 82}}, Q3_K: {"Q3_K", 256, 110, []int{108}},
	Q4_K: {"Q4_K", 256, 144, []int{0, 2}}, Q5_K: {"Q5_K", 256, 176, []int{0, 2}},
	Q6_K:   {"Q6_K", 256, 210, []int{208}},
	IQ4_NL: {"IQ4_NL", 32, 18, []int{0}}, IQ4_XS: {"IQ4_XS", 256, 136, []int{0}},
}

// layoutOf finds a type in the table; ok is false for an unknown one.
func layoutOf(d DType) (l layout, ok bool) {
	if d >= nTypes {
		return layout{}, false
	}
	return layouts[d], true
}

// DTypes lists all storage types.
func DTypes() []DType {
	all := make([]DType, nTypes)
	for i := range all {
		all[i] = DType(i)
	}
	return all
}

// Block is the smallest piece of the type: how many weights it holds and how many
// bytes it takes. It is 1 weight for the types that are not quantised, and 0, 0 for
// an unknown type.
func (d DType) Block() (weights, bytes int) {
	l, _ := layoutOf(d)
	return l.block, l.bytes
}

// Scales is where in the bytes of a block its float16 scales lie; none for types
// that are not quantised. Every weight of a block is finite when they are.
func (d DType) Scales() []int {
	l, _ := layoutOf(d)
	return l.scales
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
