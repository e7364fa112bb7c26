package tensor

import (
	"encoding/binary"
	"math"
)

func f32Decode(dst []float32, src []byte) {
	for i := range dst {
		dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(src[4*i:]))
	}
}

func f64Decode(dst []float32, src []byte) {
	for i := range dst {
		dst[i] = float32(math.Float64frombits(binary.LittleEndian.Uint64(src[8*i:])))
	}
}

// q4x0Generic: blocks of f16 d and 16 bytes; the low nibbles are weights 0…15,
// the high ones 16…31; (q−8)·d.
func q4x0Generic(dst []float32, src []byte) {
	for ; len(dst) > 0; dst, src = dst[quantBlock:], src[18:] {
		d := halfToFloat(binary.LittleEndian.Uint16(src))
		for j, q := range src[2:18] {
			dst[j] = float32(int(q&15)-8) * d
			dst[j+16] = float32(int(q>>4)-8) * d
		}
	}
}

// q4x1Generic: blocks of f16 d, f16 m and 16 bytes in the same order; q·d + m.
// The product of four and eleven bits is exact, so fusing changes nothing.
func q4x1Generic(dst []float32, src []byte) {
	for ; len(dst) > 0; dst, src = dst[quantBlock:], src[20:] {
		d := halfToFloat(binary.LittleEndian.Uint16(src))
		m := halfToFloat(binary.LittleEndian.Uint16(src[2:]))
		for j, q := range src[4:20] {
			dst[j] = float32(q&15)*d + m
			dst[j+16] = float32(q>>4)*d + m
		}
	}
}

// q8x0Generic: blocks of f16 d and 32 int8; q·d.
func q8x0Generic(dst []float32, src []byte) {
	for ; len(dst) > 0; dst, src = dst[quantBlock:], src[34:] {
		d := halfToFloat(binary.LittleEndian.Uint16(src))
		for j, q := range src[2:34] {
			dst[j] = float32(int8(q)) * d
		}
	}
}
