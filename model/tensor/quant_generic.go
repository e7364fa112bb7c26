package tensor

import (
	"encoding/binary"
	"math"
	"unsafe"
)

// f32Decode copies memory of any alignment.
func f32Decode(dst []float32, src []byte) {
	if littleEndian && len(dst) > 0 {
		copy(unsafe.Slice((*byte)(unsafe.Pointer(&dst[0])), 4*len(dst)), src)
		return
	}
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

// q5x0Generic: blocks of f16 d, the fifth bits of all 32 weights and 16 bytes of
// nibbles in the order of Q4_0; (q−16)·d.
func q5x0Generic(dst []float32, src []byte) {
	for ; len(dst) > 0; dst, src = dst[quantBlock:], src[22:] {
		d := halfToFloat(binary.LittleEndian.Uint16(src))
		high := binary.LittleEndian.Uint32(src[2:])
		for j, q := range src[6:22] {
			dst[j] = float32(int(uint32(q&15)|high>>j&1<<4)-16) * d
			dst[j+16] = float32(int(uint32(q>>4)|high>>(j+16)&1<<4)-16) * d
		}
	}
}

// q5x1Generic: the same behind f16 d and f16 m; q·d + m.
func q5x1Generic(dst []float32, src []byte) {
	for ; len(dst) > 0; dst, src = dst[quantBlock:], src[24:] {
		d := halfToFloat(binary.LittleEndian.Uint16(src))
		m := halfToFloat(binary.LittleEndian.Uint16(src[2:]))
		high := binary.LittleEndian.Uint32(src[4:])
		for j, q := range src[8:24] {
			dst[j] = float32(uint32(q&15)|high>>j&1<<4)*d + m
			dst[j+16] = float32(uint32(q>>4)|high>>(j+16)&1<<4)*d + m
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

// iq4Values are the weights that the 16 codes of IQ4_NL and IQ4_XS stand for.
var iq4Values = [16]int8{-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113}

// iq4nlGeneric: blocks of f16 d and 16 bytes of codes in the order of Q4_0; v[q]·d.
func iq4nlGeneric(dst []float32, src []byte) {
	for ; len(dst) > 0; dst, src = dst[quantBlock:], src[18:] {
		iq4Group(dst[:quantBlock], src[2:18], halfToFloat(binary.LittleEndian.Uint16(src)))
	}
}

// iq4Group decodes 32 codes with the scale d.
func iq4Group(dst []float32, src []byte, d float32) {
	for j, q := range src {
		dst[j] = float32(iq4Values[q&15]) * d
		dst[j+16] = float32(iq4Values[q>>4]) * d
	}
}

// iq4xsGeneric: blocks of f16 d, the upper 2 bits of eight scales, their lower 4
// bits, and eight groups of 16 bytes as in IQ4_NL; v[q]·(d·(s−32)).
func iq4xsGeneric(dst []float32, src []byte) {
	for ; len(dst) > 0; dst, src = dst[superBlock:], src[136:] {
		d := halfToFloat(binary.LittleEndian.Uint16(src))
		high := binary.LittleEndian.Uint16(src[2:])
		low := binary.LittleEndian.Uint32(src[4:])
		for g := range 8 {
			s := int(low>>(4*g)&15) | int(high>>(2*g)&3)<<4
			iq4Group(dst[32*g:32*g+32], src[8+16*g:24+16*g], d*float32(s-32))
		}
	}
}
