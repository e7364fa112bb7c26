// Command quant writes the kernels of agar/model/tensor that decode the quantised
// types with fifth bits, tables, or scales within scales. They handle whole blocks
// and round as the portable ones do.
package main

import (
	"agar/model/tensor/_generate/emit"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Constants, eight times 32 bits each.
var (
	low4, low2, bit4, bit2, bits45 Mem // masks of dwords: a nibble, two bits, and bits by number
	four, sixteen, thirtyTwo       Mem // to be subtracted
	bytes6, bytes4, bytes2         Mem // masks of bytes: 6, 4 and 2 bits
	fourTimes, twoTimes            Mem // 0 … 28 and 0 … 14, to shift by
	bits                           Mem // 1, 2, 4 … 128
	table                          Mem // values of the IQ4 codes
)

// constants emits them.
func constants() {
	low4, low2 = emit.Const("low4", 15), emit.Const("low2", 3)
	bit4, bit2, bits45 = emit.Const("bit4", 16), emit.Const("bit2", 4), emit.Const("bits45", 0x30)
	four, sixteen, thirtyTwo = emit.Const("four", 4), emit.Const("sixteen", 16), emit.Const("thirtyTwo", 32)
	bytes6, bytes4, bytes2 = emit.Const("bytes6", 0x3f3f3f3f), emit.Const("bytes4", 0x0f0f0f0f), emit.Const("bytes2", 0x03030303)
	series := func(name string, f func(i int) uint32) Mem {
		m := GLOBL(name, RODATA|NOPTR)
		for i := range emit.Lanes {
			DATA(4*i, U32(f(i)))
		}
		return m
	}
	fourTimes = series("fourTimes", func(i int) uint32 { return uint32(4 * i) })
	twoTimes = series("twoTimes", func(i int) uint32 { return uint32(2 * i) })
	bits = series("bits", func(i int) uint32 { return 1 << i })
	values := [16]int8{-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113}
	table = GLOBL("iq4Table", RODATA|NOPTR)
	for i := range 4 {
		var v uint32
		for j := range 4 {
			v |= uint32(uint8(values[4*i+j])) << (8 * j)
		}
		DATA(4*i, U32(v))
	}
}

// decoder emits a function that decodes blocks of so many weights and bytes.
func decoder(name string, weights, size int, body func(dst, src reg.Register)) {
	emit.Func(name+"AVX2", "func(dst *float32, src *byte, blocks int)", name+"AVX2 decodes blocks of its type, at least one.")
	dst, src, n := emit.Arg("dst"), emit.Arg("src"), emit.Arg("blocks")
	Label("loop")
	body(dst, src)
	ADDQ(U32(4*weights), dst)
	ADDQ(U32(size), src)
	DECQ(n)
	JNE(LabelRef("loop"))
	emit.End()
}

// half spreads the half float at src[disp] over a register as float32.
func half(src reg.Register, disp int) reg.VecVirtual {
	r, y := GP32(), YMM()
	MOVWLZX(Mem{Base: src, Disp: disp}, r)
	VMOVD(r, y.AsX())
	VCVTPH2PS(y.AsX(), y.AsX())
	VBROADCASTSS(y.AsX(), y)
	return y
}

// bytes8 widens the eight bytes at src[disp] to dwords.
func bytes8(src reg.Register, disp int) reg.VecVirtual {
	y := YMM()
	VPMOVZXBD(Mem{Base: src, Disp: disp}, y)
	return y
}

// field is bits from … of the dwords x, moved to bit to and masked there.
func field(x reg.VecVirtual, from, to int, mask Mem) reg.VecVirtual {
	y := YMM()
	switch {
	case from > to:
		VPSRLD(U8(from-to), x, y)
		VPAND(mask, y, y)
	case from < to:
		VPSLLD(U8(to-from), x, y)
		VPAND(mask, y, y)
	default:
		VPAND(mask, x, y)
	}
	return y
}

// or is x with the bits of y, in x.
func or(x, y reg.VecVirtual) reg.VecVirtual {
	VPOR(y, x, x)
	return x
}

// less subtracts a constant from x.
func less(x reg.VecVirtual, c Mem) reg.VecVirtual {
	VPSUBD(c, x, x)
	return x
}

// put writes float(q)·s − m, or float(q)·s without m, to dst[at], at in floats.
func put(q reg.VecVirtual, s, m Op, dst reg.Register, at int) {
	VCVTDQ2PS(q, q)
	VMULPS(s, q, q)
	if m != nil {
		VSUBPS(m, q, q)
	}
	VMOVUPS(q, Mem{Base: dst, Disp: 4 * at})
}

// spread broadcasts the float at m.
func spread(m Mem) reg.VecVirtual {
	y := YMM()
	VBROADCASTSS(m, y)
	return y
}

// product stores d·x for the eight integers x at m.
func product(x, d reg.VecVirtual, m Mem) {
	VCVTDQ2PS(x, x)
	VMULPS(d, x, x)
	VMOVUPS(x, m)
}

// fifths emits Q5_0 and Q5_1: d, when there is one m, the fifth bits, the nibbles.
func fifths(name string, size int, minimum bool) {
	decoder(name, 32, size, func(dst, src reg.Register) {
		d := half(src, 0)
		var m reg.VecVirtual
		head := 2
		if minimum {
			m, head = half(src, 2), 4
		}
		for i := range 2 {
			q := bytes8(src, head+4+8*i)
			for j, from := range []int{0, 4} { // low nibbles, then high ones
				x := or(field(q, from, 0, low4), fifth(src, head+i+2*j))
				if !minimum {
					less(x, sixteen)
				}
				VCVTDQ2PS(x, x)
				VMULPS(d, x, x)
				if minimum {
					VADDPS(m, x, x)
				}
				VMOVUPS(x, Mem{Base: dst, Disp: 4 * (16*j + 8*i)})
			}
		}
	})
}

// fifth makes 16 in the lanes whose bit is set in the byte at src[disp].
func fifth(src reg.Register, disp int) reg.VecVirtual {
	r, y := GP32(), YMM()
	MOVBLZX(Mem{Base: src, Disp: disp}, r)
	VMOVD(r, y.AsX())
	VPBROADCASTD(y.AsX(), y)
	VPAND(bits, y, y)
	VPCMPEQD(bits, y, y)
	VPAND(bit4, y, y)
	return y
}

// codes decodes 16 bytes of IQ4 codes at src[disp] with the scale s to dst[at].
func codes(src reg.Register, disp int, s reg.VecVirtual, dst reg.Register, at int) {
	lo, hi, t := XMM(), XMM(), XMM()
	VMOVDQU(table, t)
	VMOVDQU(Mem{Base: src, Disp: disp}, lo)
	VPSRLW(U8(4), lo, hi)
	for i, q := range []reg.VecVirtual{lo, hi} {
		VPAND(bytes4, q, q)
		VPSHUFB(q, t, q)
		for j := range 2 {
			y := YMM()
			VPMOVSXBD(q, y)
			VPSRLDQ(U8(8), q, q)
			put(y, s, nil, dst, at+16*i+8*j)
		}
	}
}

// iq4 emits IQ4_NL and IQ4_XS.
func iq4() {
	decoder("iq4nl", 32, 18, func(dst, src reg.Register) { codes(src, 2, half(src, 0), dst, 0) })
	decoder("iq4xs", 256, 136, func(dst, src reg.Register) {
		scales := AllocLocal(32)
		d, low, high, r := half(src, 0), YMM(), YMM(), GP32()
		VPBROADCASTD(Mem{Base: src, Disp: 4}, low)
		VPSRLVD(fourTimes, low, low)
		VPAND(low4, low, low)
		MOVWLZX(Mem{Base: src, Disp: 2}, r)
		VMOVD(r, high.AsX())
		VPBROADCASTD(high.AsX(), high)
		VPSRLVD(twoTimes, high, high)
		VPAND(low2, high, high)
		VPSLLD(U8(4), high, high)
		product(less(or(low, high), thirtyTwo), d, scales)
		for g := range 8 {
			codes(src, 8+16*g, spread(scales.Offset(4*g)), dst, 32*g)
		}
	})
}

// kScales unpacks the scales and minima of Q4_K and Q5_K, 12 bytes at src[4], and
// stores their products with d and e, eight floats each.
func kScales(src reg.Register, scales, minima Mem) {
	a, b, c, x, y := XMM(), XMM(), XMM(), XMM(), XMM()
	VMOVD(Mem{Base: src, Disp: 4}, a)
	VMOVD(Mem{Base: src, Disp: 8}, b)
	VMOVD(Mem{Base: src, Disp: 12}, c)
	upper := func(of reg.VecVirtual) reg.VecVirtual { // bits 6 and 7 at 4 and 5
		z := XMM()
		VPSRLD(U8(6), of, z)
		VPAND(bytes2, z, z)
		VPSLLD(U8(4), z, z)
		return z
	}
	VPAND(bytes4, c, x)
	VPOR(upper(a), x, x)
	VPSRLD(U8(4), c, y)
	VPAND(bytes4, y, y)
	VPOR(upper(b), y, y)
	VPAND(bytes6, a, a)
	VPAND(bytes6, b, b)
	VPUNPCKLDQ(x, a, a)
	VPUNPCKLDQ(y, b, b)
	for i, bytes := range []reg.VecVirtual{a, b} {
		wide := YMM()
		VPMOVZXBD(bytes, wide)
		product(wide, half(src, 2*i), []Mem{scales, minima}[i])
	}
}

// q45k emits Q4_K, or Q5_K with fifth bits.
func q45k(name string, size int, fifths bool) {
	decoder(name, 256, size, func(dst, src reg.Register) {
		scales, minima := AllocLocal(32), AllocLocal(32)
		kScales(src, scales, minima)
		for g := range 8 {
			s, m := spread(scales.Offset(4*g)), spread(minima.Offset(4*g))
			for p := range 4 {
				q := field(bytes8(src, size-128+g/2*32+8*p), g%2*4, 0, low4)
				if fifths {
					or(q, field(bytes8(src, 16+8*p), g, 4, bit4))
				}
				put(q, s, m, dst, 32*g+8*p)
			}
		}
	})
}

// q6k emits Q6_K.
func q6k() {
	decoder("q6k", 256, 210, func(dst, src reg.Register) {
		scales := AllocLocal(64)
		d := half(src, 208)
		for i := range 2 {
			y := YMM()
			VPMOVSXBD(Mem{Base: src, Disp: 192 + 8*i}, y)
			product(y, d, scales.Offset(32*i))
		}
		for g := range 16 {
			s := spread(scales.Offset(4 * g))
			quarter := g / 2 % 4
			for p := range 2 {
				l := g%2*16 + 8*p
				q := field(bytes8(src, g/8*64+quarter%2*32+l), quarter/2*4, 0, low4)
				or(q, field(bytes8(src, 128+g/8*32+l), 2*quarter, 4, bits45))
				put(less(q, thirtyTwo), s, nil, dst, 16*g+8*p)
			}
		}
	})
}

// q2k emits Q2_K.
func q2k() {
	decoder("q2k", 256, 84, func(dst, src reg.Register) {
		scales, minima := AllocLocal(64), AllocLocal(64)
		d, e := half(src, 80), half(src, 82)
		for i := range 2 {
			b := bytes8(src, 8*i)
			product(field(b, 0, 0, low4), d, scales.Offset(32*i))
			product(field(b, 4, 0, low4), e, minima.Offset(32*i))
		}
		for g := range 16 {
			s, m := spread(scales.Offset(4*g)), spread(minima.Offset(4*g))
			for p := range 2 {
				q := field(bytes8(src, 16+g/8*32+g%2*16+8*p), g/2%4*2, 0, low2)
				put(q, s, m, dst, 16*g+8*p)
			}
		}
	})
}

// q3kScales unpacks 16 scales of 6 bits at src[96] and stores their products with d,
// 16 floats.
func q3kScales(src reg.Register, scales Mem) {
	d := half(src, 108)
	low, high := XMM(), XMM()
	VMOVQ(Mem{Base: src, Disp: 96}, low)
	VMOVD(Mem{Base: src, Disp: 104}, high)
	for i := range 2 {
		x, y, z := XMM(), XMM(), XMM()
		shifted := func(n int, to reg.VecVirtual) {
			VPSRLD(U8(n), high, to)
			VPAND(bytes2, to, to)
			VPSLLD(U8(4), to, to)
		}
		shifted(4*i, y)
		shifted(4*i+2, z)
		VPUNPCKLDQ(z, y, y)
		VPSRLQ(U8(4*i), low, x)
		VPAND(bytes4, x, x)
		VPOR(y, x, x)
		wide := YMM()
		VPMOVZXBD(x, wide)
		product(less(wide, thirtyTwo), d, scales.Offset(32*i))
	}
}

// q3k emits Q3_K.
func q3k() {
	decoder("q3k", 256, 110, func(dst, src reg.Register) {
		scales := AllocLocal(64)
		q3kScales(src, scales)
		for g := range 16 {
			s := spread(scales.Offset(4 * g))
			for p := range 2 {
				l := g%2*16 + 8*p
				q := field(bytes8(src, 32+g/8*32+l), g/2%4*2, 0, low2)
				or(q, field(bytes8(src, l), g/2, 2, bit2))
				put(less(q, four), s, nil, dst, 16*g+8*p)
			}
		}
	})
}

func main() {
	ConstraintExpr("!noasm")
	constants()
	fifths("q5x0", 22, false)
	fifths("q5x1", 24, true)
	iq4()
	q2k()
	q3k()
	q45k("q4k", 144, false)
	q45k("q5k", 176, true)
	q6k()
	Generate()
}
