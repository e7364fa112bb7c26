package activations

import (
	"fmt"
	"math"

	"agar/model/tensor"
)

// DType is how a store keeps the values of its hooks.
type DType string

// The types of a store. Auto asks Capture to choose.
const (
	Auto DType = "auto"
	F16  DType = "f16"
	F32  DType = "f32"
)

// Size is the bytes of a value, 0 for Auto.
func (d DType) Size() int {
	switch d {
	case F16:
		return 2
	case F32:
		return 4
	}
	return 0
}

// maxF16 is the largest finite float16; magnitudes from overflowF16 on round to
// infinity (65,504 is followed by 65,536, and ties go to even).
const (
	maxF16      = 65504
	overflowF16 = 65520
)

// Column describes one hook of a store.
type Column struct {
	Name  string `json:"name"`  // the hook, or HOOK@ADAPTER-base
	Dim   int    `json:"dim"`   // values a row
	DType DType  `json:"dtype"` // f16 or f32
}

// rowBytes is what a row of the column takes on disk.
func (c Column) rowBytes() int { return c.Dim * c.DType.Size() }

// decode widens the values of src, whole rows as they lie on disk, to dst.
func (c Column) decode(dst []float32, src []byte) {
	if c.DType == F16 {
		tensor.F16ToF32(dst, src)
		return
	}
	copy(floatBytes(dst), src)
}

// encode rounds src to dst as it will lie on disk. The index of the first value
// that has no finite image there comes back, -1 when there is none.
func (c Column) encode(dst []byte, src []float32) int {
	limit := float32(math.Inf(1))
	if c.DType == F16 {
		limit = overflowF16
	}
	for i, v := range src {
		if !(v < limit && v > -limit) {
			return i
		}
	}
	if c.DType == F16 {
		tensor.F32ToF16(dst, src)
	} else {
		copy(dst, floatBytes(src))
	}
	return -1
}

// check refuses columns that cannot be written.
func (c Column) check() error {
	switch {
	case c.Name == "":
		return fmt.Errorf("found a column without a name")
	case c.Dim < 1 || c.Dim > maxDim:
		return fmt.Errorf("column %s: found %d values a row, expected 1 to %d", c.Name, c.Dim, maxDim)
	case c.DType.Size() == 0:
		return fmt.Errorf("column %s: found dtype %q, expected f16 or f32", c.Name, c.DType)
	}
	return nil
}

// maxDim keeps products of file-supplied sizes far from overflow.
const maxDim = 1 << 24
