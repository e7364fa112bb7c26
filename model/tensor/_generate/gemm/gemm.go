// Command gemm writes the matrix micro-kernels of agar/model/tensor.
//
// Every element of a tile is one chain of fused multiply-adds in rising k, in a
// lane of its own, so that it comes out the same from a tile of any height.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// isa is one family: the vector registers it uses and its panel width.
type isa struct {
	name  string
	lanes int // float32 a register
	vec   func() reg.VecVirtual
	clear func(r reg.VecVirtual)
}

var avx2 = isa{"AVX2", 8, YMM, func(r reg.VecVirtual) { VXORPS(r, r, r) }}
var avx512 = isa{"AVX512", 16, ZMM, func(r reg.VecVirtual) { VPXORQ(r, r, r) }}

// bytes is the size of a register.
func (s isa) bytes() int { return 4 * s.lanes }

// zeros allocates n cleared registers.
func (s isa) zeros(n int) []reg.VecVirtual {
	v := make([]reg.VecVirtual, n)
	for i := range v {
		v[i] = s.vec()
		s.clear(v[i])
	}
	return v
}

// loop emits body for kc steps of k, unrolled: body(u) handles step u of a round,
// advance(n) moves the pointers n steps on.
func loop(kc reg.GPVirtual, unroll int, body, advance func(u int)) {
	Label("rounds")
	CMPQ(kc, U8(unroll))
	JL(LabelRef("rest"))
	for u := range unroll {
		body(u)
	}
	advance(unroll)
	SUBQ(U8(unroll), kc)
	JMP(LabelRef("rounds"))
	Label("rest")
	TESTQ(kc, kc)
	JE(LabelRef("store"))
	body(0)
	advance(1)
	DECQ(kc)
	JMP(LabelRef("rest"))
	Label("store")
}

// finish emits the stores: emit(add) is called once for each case.
func finish(emit func(add bool)) {
	flag := Load(Param("add"), GP8())
	TESTB(flag, flag)
	JE(LabelRef("overwrite"))
	emit(true)
	JMP(LabelRef("done"))
	Label("overwrite")
	emit(false)
	Label("done")
	VZEROUPPER()
	RET()
}

// tile emits a kernel of mr rows by two registers of columns.
//
//	a[k·mr + row], b[k·2·lanes + column], c[row·ldc + column]
func tile(s isa, mr, unroll int) {
	nr := 2 * s.lanes
	TEXT(fmt.Sprintf("tile%dx%d%s", mr, nr, s.name), NOSPLIT, "func(kc int, a, b, c *float32, ldc int, add bool)")
	Pragma("noescape")
	Doc(fmt.Sprintf("tile%dx%d%s computes a %d×%d tile of a product from kc steps of k.", mr, nr, s.name, mr, nr))
	kc := Load(Param("kc"), GP64()).(reg.GPVirtual)
	a, b := Load(Param("a"), GP64()), Load(Param("b"), GP64())
	c, ldc := Load(Param("c"), GP64()), Load(Param("ldc"), GP64())
	SHLQ(U8(2), ldc)
	acc := s.zeros(2 * mr)
	prefetchRows(c, ldc, mr, nr)
	b0, b1 := s.vec(), s.vec()
	t := [2]reg.VecVirtual{s.vec(), s.vec()}
	loop(kc, unroll, func(u int) {
		VMOVUPS(Mem{Base: b, Disp: 2 * u * s.bytes()}, b0)
		VMOVUPS(Mem{Base: b, Disp: (2*u + 1) * s.bytes()}, b1)
		for i := range mr {
			VBROADCASTSS(Mem{Base: a, Disp: 4 * (u*mr + i)}, t[i%2])
			VFMADD231PS(t[i%2], b0, acc[2*i])
			VFMADD231PS(t[i%2], b1, acc[2*i+1])
		}
		if mr > 2 {
			PREFETCHT0(Mem{Base: a, Disp: 4*u*mr + 1024})
		}
	}, func(n int) {
		ADDQ(U32(4*n*mr), a)
		ADDQ(U32(2*n*s.bytes()), b)
	})
	finish(func(add bool) {
		for i := range mr {
			for j := range 2 {
				m := Mem{Base: c, Disp: j * s.bytes()}
				if add {
					VADDPS(m, acc[2*i+j], acc[2*i+j])
				}
				VMOVUPS(acc[2*i+j], m)
			}
			if i < mr-1 {
				ADDQ(ldc, c)
			}
		}
	})
}

// prefetchRows asks for the lines of the tile that will be written.
func prefetchRows(c, ldc reg.Register, mr, nr int) {
	p := GP64()
	MOVQ(c, p)
	for i := range mr {
		for o := 0; o < 4*nr; o += 64 {
			PREFETCHT0(Mem{Base: p, Disp: o})
		}
		if i < mr-1 {
			ADDQ(ldc, p)
		}
	}
}

// row4 emits a kernel of one row by four panels that lie stride floats apart:
// eight independent chains keep the adders busy where one panel has two.
func row4(s isa, unroll int) {
	name := fmt.Sprintf("row4x%d%s", 2*s.lanes, s.name)
	TEXT(name, NOSPLIT, "func(kc int, a, b *float32, stride int, c *float32, add bool)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s computes one row against four panels of %d columns.", name, 2*s.lanes))
	kc := Load(Param("kc"), GP64()).(reg.GPVirtual)
	a, c := Load(Param("a"), GP64()), Load(Param("c"), GP64())
	stride := Load(Param("stride"), GP64())
	SHLQ(U8(2), stride)
	b := []reg.Register{Load(Param("b"), GP64()), GP64(), GP64(), GP64()}
	for i := 1; i < 4; i++ {
		MOVQ(b[i-1], b[i])
		ADDQ(stride, b[i])
	}
	acc := s.zeros(8)
	t := s.vec()
	loop(kc, unroll, func(u int) {
		VBROADCASTSS(Mem{Base: a, Disp: 4 * u}, t)
		for i := range acc {
			VFMADD231PS(Mem{Base: b[i/2], Disp: (2*u + i%2) * s.bytes()}, t, acc[i])
		}
	}, func(n int) {
		ADDQ(U32(4*n), a)
		for i := range b {
			ADDQ(U32(2*n*s.bytes()), b[i])
		}
	})
	finish(func(add bool) {
		for i := range acc {
			m := Mem{Base: c, Disp: i * s.bytes()}
			if add {
				VADDPS(m, acc[i], acc[i])
			}
			VMOVUPS(acc[i], m)
		}
	})
}

func main() {
	ConstraintExpr("!noasm")
	for _, mr := range []int{6, 4, 2, 1} {
		tile(avx2, mr, 4)
	}
	row4(avx2, 2)
	for _, mr := range []int{14, 8, 4, 2, 1} {
		tile(avx512, mr, 4)
	}
	row4(avx512, 2)
	Generate()
}
