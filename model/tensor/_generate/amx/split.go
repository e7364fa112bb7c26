package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// splitter holds the constants of rounding to bfloat16 by integers.
type splitter struct{ half, mask, odd reg.VecVirtual }

func newSplitter(odd bool) splitter {
	s := splitter{half: ZMM(), mask: ZMM()}
	t := GP32()
	MOVL(U32(0x8000), t)
	VPBROADCASTD(t, s.half)
	MOVL(U32(0xffff0000), t)
	VPBROADCASTD(t, s.mask)
	if odd {
		s.odd = ZMM()
		VMOVDQU16(NewDataAddr(Symbol{Name: "oddWords", Static: true}, 0), s.odd)
	}
	return s
}

// oddWords emits the places of the upper halves of 32 floats in two registers.
func oddWords() {
	GLOBL("oddWords", RODATA|NOPTR)
	for i := range 32 {
		DATA(2*i, U16(2*i+1))
	}
}

// take rounds 16 floats to bfloat16, the nearest, ties away from zero, returns them as
// floats and leaves what is missing in x, exactly. The last plane is what is left: its
// upper halves are all of it.
func (s splitter) take(x reg.VecVirtual, last bool) reg.VecVirtual {
	if last {
		return x
	}
	h := ZMM()
	VPADDD(x, s.half, h)
	VPANDD(h, s.mask, h)
	VSUBPS(h, x, x)
	return h
}

// rows emits the packing of a row's blocks of 32 floats to planes: block i goes to
// dst + i·step, its planes 2 KiB apart.
func rows(planes int) {
	name := fmt.Sprintf("splitRow%dAMX", planes)
	TEXT(name, NOSPLIT, "func(dst *byte, src *float32, blocks, step int)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s splits blocks of 32 floats into %d planes.", name, planes))
	dst, src := Load(Param("dst"), GP64()), Load(Param("src"), GP64())
	blocks, step := Load(Param("blocks"), GP64()), Load(Param("step"), GP64())
	s := newSplitter(true)
	Label("loop")
	x, y := ZMM(), ZMM()
	VMOVUPS(Mem{Base: src}, x)
	VMOVUPS(Mem{Base: src, Disp: 64}, y)
	for p := range planes {
		hx, hy := s.take(x, p == planes-1), s.take(y, p == planes-1)
		VPERMT2W(hy, s.odd, hx)
		VMOVDQU64(hx, Mem{Base: dst, Disp: p * pair})
	}
	ADDQ(U32(128), src)
	ADDQ(step, dst)
	DECQ(blocks)
	JNE(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

// pairs emits the packing of two rows of 32·n columns, k and k+1, to planes: each
// column's two numbers lie side by side; 32 columns go to dst, step bytes apart.
func pairs(planes int) {
	name := fmt.Sprintf("splitPair%dAMX", planes)
	TEXT(name, NOSPLIT, "func(dst *byte, even, odd *float32, n, step int)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s splits two rows of 32·n floats into %d planes, their numbers alternating.", name, planes))
	dst := Load(Param("dst"), GP64())
	even, odd := Load(Param("even"), GP64()), Load(Param("odd"), GP64())
	n, step := Load(Param("n"), GP64()), Load(Param("step"), GP64())
	s := newSplitter(false)
	Label("loop")
	for t := range 2 {
		x, y := ZMM(), ZMM()
		VMOVUPS(Mem{Base: even, Disp: 64 * t}, x)
		VMOVUPS(Mem{Base: odd, Disp: 64 * t}, y)
		for p := range planes {
			hx, hy := s.take(x, p == planes-1), s.take(y, p == planes-1)
			if p == planes-1 {
				VPANDD(hy, s.mask, hy)
			}
			VPSRLD(Imm(16), hx, hx)
			VPORD(hx, hy, hx)
			VMOVDQU64(hx, Mem{Base: dst, Disp: p*pair + t*tile})
		}
	}
	ADDQ(U32(128), even)
	ADDQ(U32(128), odd)
	ADDQ(step, dst)
	DECQ(n)
	JNE(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

// turn emits the transposition of n tiles of 16×16 dwords, one after the other, in place.
func turn() {
	TEXT("turnTilesAMX", NOSPLIT, "func(p *byte, n int)")
	Pragma("noescape")
	Doc("turnTilesAMX transposes n tiles of 16×16 dwords in place.")
	p, n := Load(Param("p"), GP64()), Load(Param("n"), GP64())
	Label("loop")
	var r, s, t [16]reg.VecVirtual
	for i := range r {
		r[i] = ZMM()
		VMOVUPS(Mem{Base: p, Disp: row * i}, r[i])
	}
	for i := 0; i < 16; i += 2 {
		s[i], s[i+1] = ZMM(), ZMM()
		VUNPCKLPS(r[i+1], r[i], s[i])
		VUNPCKHPS(r[i+1], r[i], s[i+1])
	}
	for i := 0; i < 16; i += 4 {
		for j := range 2 {
			t[i+2*j], t[i+2*j+1] = ZMM(), ZMM()
			VUNPCKLPD(s[i+2+j], s[i+j], t[i+2*j])
			VUNPCKHPD(s[i+2+j], s[i+j], t[i+2*j+1])
		}
	}
	for c := range 4 {
		quarter := func(sel uint64, a, b reg.VecVirtual) reg.VecVirtual {
			z := ZMM()
			VSHUFF32X4(Imm(sel), b, a, z)
			return z
		}
		for i, sel := range []uint64{0x88, 0xdd} {
			lo, hi := quarter(sel, t[c], t[4+c]), quarter(sel, t[8+c], t[12+c])
			VMOVUPS(quarter(0x88, lo, hi), Mem{Base: p, Disp: row * (c + 4*i)})
			VMOVUPS(quarter(0xdd, lo, hi), Mem{Base: p, Disp: row * (c + 4*i + 8)})
		}
	}
	ADDQ(U32(tile), p)
	DECQ(n)
	JNE(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

// splits emits all of packing.
func splits() {
	oddWords()
	for planes := 1; planes <= 3; planes++ {
		rows(planes)
		pairs(planes)
	}
	turn()
}
