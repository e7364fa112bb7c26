package safetensors

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Float32 gives a tensor's values as float32 and its shape; F16, BF16 and F64
// are converted (F64 rounded to nearest even, out of range to ±Inf). The slice
// is new. Integer and boolean tensors are an error.
func (f *File) Float32(name string) ([]float32, []int, error) {
	t, ok := f.Tensor(name)
	if !ok {
		return nil, nil, fmt.Errorf("safetensors: %s: no tensor %q among %d", f.path, name, len(f.names))
	}
	out, err := t.Float32()
	if err != nil {
		return nil, nil, fmt.Errorf("safetensors: %s: %w", f.path, err)
	}
	return out, t.Shape, nil
}

// Float32 gives the values of t as a new float32 slice.
func (t Tensor) Float32() ([]float32, error) {
	switch t.DType {
	case "F32":
		return convert(t.Data, 4, func(b []byte) float32 { return math.Float32frombits(binary.LittleEndian.Uint32(b)) }), nil
	case "F64":
		return convert(t.Data, 8, func(b []byte) float32 { return float32(math.Float64frombits(binary.LittleEndian.Uint64(b))) }), nil
	case "BF16":
		return convert(t.Data, 2, func(b []byte) float32 { return math.Float32frombits(uint32(binary.LittleEndian.Uint16(b)) << 16) }), nil
	case "F16":
		return convert(t.Data, 2, func(b []byte) float32 { return half(binary.LittleEndian.Uint16(b)) }), nil
	}
	return nil, fmt.Errorf("tensor %q: found dtype %s, expected F32, F16, BF16 or F64", t.Name, t.DType)
}

func convert(src []byte, size int, at func([]byte) float32) []float32 {
	out := make([]float32, len(src)/size)
	for i := range out {
		out[i] = at(src[i*size:])
	}
	return out
}

// half widens IEEE 754 binary16 bits exactly: subnormals are m·2⁻²⁴.
func half(h uint16) float32 {
	sign, exp, man := uint32(h&0x8000)<<16, uint32(h>>10)&0x1f, uint32(h&0x3ff)
	switch exp {
	case 0:
		v := float32(man) * 0x1p-24
		return math.Float32frombits(math.Float32bits(v) | sign)
	case 0x1f:
		return math.Float32frombits(sign | 0x7f800000 | man<<13)
	}
	return math.Float32frombits(sign | (exp+112)<<23 | man<<13)
}
