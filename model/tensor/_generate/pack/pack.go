// Command pack writes the kernels of agar/model/tensor that pack matrices for the
// micro-kernels.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// transpose emits a kernel that packs rows (8, 6 or 4) rows of 4·quads floats,
// ld apart, as dst[k·step + row]. It writes exactly rows floats for each k.
func transpose(rows int) {
	name := fmt.Sprintf("transpose%dAVX2", rows)
	TEXT(name, NOSPLIT, "func(dst, src *float32, quads, ld, step int)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s packs %d rows of 4·quads floats as columns.", name, rows))
	dst, src := Load(Param("dst"), GP64()), Load(Param("src"), GP64())
	quads, ld := Load(Param("quads"), GP64()), Load(Param("ld"), GP64())
	step := Load(Param("step"), GP64())
	SHLQ(U8(2), ld)
	SHLQ(U8(2), step)
	ld3, src4 := GP64(), GP64()
	LEAQ(Mem{Base: ld, Index: ld, Scale: 2}, ld3)
	LEAQ(Mem{Base: src, Index: ld, Scale: 4}, src4)
	Label("loop")
	a := rowsOf4(rows, src, src4, ld, ld3)
	for _, c := range columns(a) {
		storeColumn(dst, c, rows)
		ADDQ(step, dst)
	}
	ADDQ(U8(16), src)
	ADDQ(U8(16), src4)
	DECQ(quads)
	JNE(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

// rowsOf4 loads four floats of each row: register i holds row i in its lower
// half and row i+4, where there is one, in its upper half.
func rowsOf4(rows int, src, src4, ld, ld3 reg.Register) [4]reg.VecVirtual {
	at := func(base reg.Register, i int) Mem {
		switch i {
		case 0:
			return Mem{Base: base}
		case 1:
			return Mem{Base: base, Index: ld, Scale: 1}
		case 2:
			return Mem{Base: base, Index: ld, Scale: 2}
		}
		return Mem{Base: base, Index: ld3, Scale: 1}
	}
	var a [4]reg.VecVirtual
	for i := range a {
		a[i] = YMM()
		VMOVUPS(at(src, i), a[i].AsX())
		if i+4 < rows {
			VINSERTF128(U8(1), at(src4, i), a[i], a[i])
		}
	}
	return a
}

// columns transposes the 4×4 blocks in both halves.
func columns(a [4]reg.VecVirtual) [4]reg.VecVirtual {
	t := [4]reg.VecVirtual{YMM(), YMM(), YMM(), YMM()}
	VUNPCKLPS(a[1], a[0], t[0])
	VUNPCKHPS(a[1], a[0], t[1])
	VUNPCKLPS(a[3], a[2], t[2])
	VUNPCKHPS(a[3], a[2], t[3])
	c := [4]reg.VecVirtual{YMM(), YMM(), YMM(), YMM()}
	VUNPCKLPD(t[2], t[0], c[0])
	VUNPCKHPD(t[2], t[0], c[1])
	VUNPCKLPD(t[3], t[1], c[2])
	VUNPCKHPD(t[3], t[1], c[3])
	return c
}

// storeColumn writes the first rows floats of c.
func storeColumn(dst reg.Register, c reg.VecVirtual, rows int) {
	switch rows {
	case 8:
		VMOVUPS(c, Mem{Base: dst})
	case 6:
		x := XMM()
		VMOVUPS(c.AsX(), Mem{Base: dst})
		VEXTRACTF128(U8(1), c, x)
		VMOVLPS(x, Mem{Base: dst, Disp: 16})
	case 4:
		VMOVUPS(c.AsX(), Mem{Base: dst})
	}
}

// stripes emits a kernel that copies n rows of h contiguous floats, ld apart, to
// dst[k·h].
func stripes(h int) {
	name := fmt.Sprintf("stripes%dAVX2", h)
	TEXT(name, NOSPLIT, "func(dst, src *float32, n, ld int)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s copies n rows of %d floats, ld apart, next to each other.", name, h))
	dst, src := Load(Param("dst"), GP64()), Load(Param("src"), GP64())
	n, ld := Load(Param("n"), GP64()), Load(Param("ld"), GP64())
	SHLQ(U8(2), ld)
	Label("loop")
	for o := 0; o < h; {
		from, to := Mem{Base: src, Disp: 4 * o}, Mem{Base: dst, Disp: 4 * o}
		switch {
		case h-o >= 8:
			y := YMM()
			VMOVUPS(from, y)
			VMOVUPS(y, to)
			o += 8
		case h-o >= 4:
			x := XMM()
			VMOVUPS(from, x)
			VMOVUPS(x, to)
			o += 4
		default:
			r := GP64()
			MOVQ(from, r)
			MOVQ(r, to)
			o += 2
		}
	}
	ADDQ(ld, src)
	ADDQ(U32(4*h), dst)
	DECQ(n)
	JNE(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

func main() {
	ConstraintExpr("!noasm")
	for _, rows := range []int{8, 6, 4} {
		transpose(rows)
	}
	for _, h := range []int{6, 14, 16, 32} {
		stripes(h)
	}
	Generate()
}
