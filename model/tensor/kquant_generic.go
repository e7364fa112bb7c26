package tensor

import "encoding/binary"

// All products of a scale, its float16 factor and a weight's bits are exact in
// float32; only the subtraction of a minimum rounds, and it does so once.

// q2kGeneric: 16 bytes of scales (low nibble) and minima (high nibble), one for 16
// weights, 64 bytes of 2-bit weights, f16 d, f16 e; q·(d·s) − e·m. In each half of
// the block byte l holds weights l, l+32, l+64 and l+96, the first in its lowest
// bits.
func q2kGeneric(dst []float32, src []byte) {
	for ; len(dst) > 0; dst, src = dst[superBlock:], src[84:] {
		d := halfToFloat(binary.LittleEndian.Uint16(src[80:]))
		e := halfToFloat(binary.LittleEndian.Uint16(src[82:]))
		for g := range 16 { // 16 weights
			s, m := d*float32(src[g]&15), e*float32(src[g]>>4)
			shift := g / 2 % 4 * 2
			q := src[16+g/8*32+g%2*16:][:16]
			for j, v := range q {
				dst[16*g+j] = float32(v>>shift&3)*s - m
			}
		}
	}
}

// q3kGeneric: 32 bytes of third bits (bit g of byte l is for weight l of group g of
// 32), 64 bytes of 2-bit weights as in Q2_K, 16 scales of 6 bits, f16 d;
// (q−4)·(d·(s−32)).
func q3kGeneric(dst []float32, src []byte) {
	for ; len(dst) > 0; dst, src = dst[superBlock:], src[110:] {
		d := halfToFloat(binary.LittleEndian.Uint16(src[108:]))
		scales := q3kScales(src[96:108])
		for g := range 16 {
			s := d * float32(int(scales[g])-32)
			shift, bit, l := g/2%4*2, g/2, g%2*16
			for j := range 16 {
				q := int(src[32+g/8*32+l+j]>>shift&3) | int(src[l+j]>>bit&1)<<2
				dst[16*g+j] = float32(q-4) * s
			}
		}
	}
}

// q3kScales unpacks 16 scales: their lower 4 bits are the nibbles of eight bytes,
// the low ones first, their upper 2 bits lie in four bytes.
func q3kScales(src []byte) (s [16]uint8) {
	for i := range 8 {
		s[i], s[i+8] = src[i]&15, src[i]>>4
	}
	for i := range s {
		s[i] |= src[8+i%4] >> (i / 4 * 2) & 3 << 4
	}
	return s
}

// kScales unpacks the eight scales and eight minima of 6 bits, each for 32 weights,
// of Q4_K and Q5_K. The first four of both are bytes with 2 bits to spare, which
// are the upper bits of the last four.
func kScales(src []byte) (s, m [8]uint8) {
	for i := range 4 {
		s[i], m[i] = src[i]&63, src[i+4]&63
		s[i+4] = src[i+8]&15 | src[i]>>6<<4
		m[i+4] = src[i+8]>>4 | src[i+4]>>6<<4
	}
	return s, m
}

// q4kGeneric: f16 d, f16 e, 12 bytes of scales and minima, and 128 bytes of nibbles:
// of each 32 bytes the low ones are a group of 32 weights, the high ones the next;
// q·(d·s) − e·m.
func q4kGeneric(dst []float32, src []byte) {
	for ; len(dst) > 0; dst, src = dst[superBlock:], src[144:] {
		d := halfToFloat(binary.LittleEndian.Uint16(src))
		e := halfToFloat(binary.LittleEndian.Uint16(src[2:]))
		scales, minima := kScales(src[4:16])
		for g := range 8 {
			s, m := d*float32(scales[g]), e*float32(minima[g])
			shift := g % 2 * 4
			for j, q := range src[16+g/2*32:][:32] {
				dst[32*g+j] = float32(q>>shift&15)*s - m
			}
		}
	}
}

// q5kGeneric: as Q4_K with 32 bytes of fifth bits before the nibbles, bit g of byte
// l for weight l of group g.
func q5kGeneric(dst []float32, src []byte) {
	for ; len(dst) > 0; dst, src = dst[superBlock:], src[176:] {
		d := halfToFloat(binary.LittleEndian.Uint16(src))
		e := halfToFloat(binary.LittleEndian.Uint16(src[2:]))
		scales, minima := kScales(src[4:16])
		for g := range 8 {
			s, m := d*float32(scales[g]), e*float32(minima[g])
			shift := g % 2 * 4
			high := src[16:48]
			for j, q := range src[48+g/2*32:][:32] {
				dst[32*g+j] = float32(q>>shift&15|high[j]>>g&1<<4)*s - m
			}
		}
	}
}

// q6kGeneric: 128 bytes of lower nibbles, 64 bytes of upper 2 bits, 16 int8 scales,
// one for 16 weights, f16 d; (q−32)·(d·s). Of each half of the block, byte l < 32 of
// the nibbles holds weights l and l+64, byte l+32 weights l+32 and l+96, and byte l
// of the upper bits all four.
func q6kGeneric(dst []float32, src []byte) {
	for ; len(dst) > 0; dst, src = dst[superBlock:], src[210:] {
		d := halfToFloat(binary.LittleEndian.Uint16(src[208:]))
		for g := range 16 {
			s := d * float32(int8(src[192+g]))
			quarter, l := g/2%4, g%2*16
			low := src[g/8*64+quarter%2*32+l:][:16]
			high := src[128+g/8*32+l:][:16]
			for j := range 16 {
				q := int(low[j]>>(quarter/2*4)&15) | int(high[j]>>(2*quarter)&3)<<4
				dst[16*g+j] = float32(q-32) * s
			}
		}
	}
}
