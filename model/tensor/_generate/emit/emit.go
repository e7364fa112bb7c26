// Package emit holds what the generators of vector kernels share: loops over
// blocks of eight floats with a masked last block, and constants.
package emit

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Lanes is the number of float32 in a YMM register, Bytes its size.
const (
	Lanes = 8
	Bytes = 32
)

// Func starts a function that may be called with Go slices.
func Func(name, signature, doc string) {
	TEXT(name, NOSPLIT, signature)
	Pragma("noescape")
	Doc(doc)
}

// End returns from a function.
func End() {
	VZEROUPPER()
	RET()
}

// Arg loads a pointer or integer argument.
func Arg(name string) reg.Register { return Load(Param(name), GP64()) }

// BroadcastArg spreads a float32 argument over a register.
func BroadcastArg(name string) reg.VecVirtual {
	x, y := XMM(), YMM()
	Load(Param(name), x)
	VBROADCASTSS(x, y)
	return y
}

// Block is eight consecutive floats at a displacement from the pointers, of which
// only the lanes of mask exist when it is set.
type Block struct {
	disp int
	Mask reg.VecVirtual
	// Unroll counts the blocks of one round, to choose among accumulators.
	Unroll int
}

// Load reads the block at p; lanes that do not exist are 0 and are not touched.
func (b Block) Load(p reg.Register) reg.VecVirtual {
	y := YMM()
	if b.Mask == nil {
		VMOVUPS(Mem{Base: p, Disp: b.disp}, y)
	} else {
		VMASKMOVPS(Mem{Base: p, Disp: b.disp}, b.Mask, y)
	}
	return y
}

// Store writes the lanes of y that exist.
func (b Block) Store(y reg.VecVirtual, p reg.Register) {
	if b.Mask == nil {
		VMOVUPS(y, Mem{Base: p, Disp: b.disp})
	} else {
		VMASKMOVPS(y, b.Mask, Mem{Base: p, Disp: b.disp})
	}
}

// Each emits body for every block of n floats: rounds of unroll blocks, then
// single ones, then a masked one. It advances the pointers and uses up n.
func Each(n reg.Register, unroll int, body func(b Block), pointers ...reg.Register) {
	if unroll > 1 {
		round(n, unroll, "rounds", "blocks", body, pointers)
	}
	round(n, 1, "blocks", "rest", body, pointers)
	Label("rest")
	TESTQ(n, n)
	JE(LabelRef("end"))
	body(Block{Mask: mask(n)})
	Label("end")
}

// round emits the loop at label over unroll blocks, which leaves to next.
func round(n reg.Register, unroll int, label, next string, body func(b Block), pointers []reg.Register) {
	Label(label)
	CMPQ(n, U8(unroll*Lanes))
	JL(LabelRef(next))
	for u := range unroll {
		body(Block{disp: u * Bytes, Unroll: u})
	}
	for _, p := range pointers {
		ADDQ(U32(unroll*Bytes), p)
	}
	SUBQ(U8(unroll*Lanes), n)
	JMP(LabelRef(label))
}

// mask loads the mask of the first n lanes, n being 1 … 7.
func mask(n reg.Register) reg.VecVirtual {
	table, y := GP64(), YMM()
	LEAQ(NewDataAddr(Symbol{Name: "lanes", Static: true}, 0), table)
	NEGQ(n)
	VMOVUPS(Mem{Base: table, Index: n, Scale: 4, Disp: Bytes}, y)
	return y
}

// MaskTable emits the table that mask reads: eight ones, eight zeros.
func MaskTable() {
	GLOBL("lanes", RODATA|NOPTR)
	for i := range 2 * Lanes {
		v := uint32(0)
		if i < Lanes {
			v = math.MaxUint32
		}
		DATA(4*i, U32(v))
	}
}

// Const emits eight copies of a 32-bit constant and returns their address.
func Const(name string, bits uint32) Mem {
	m := GLOBL(name, RODATA|NOPTR)
	for i := range Lanes {
		DATA(4*i, U32(bits))
	}
	return m
}

// Float is Const for a float32.
func Float(name string, v float32) Mem { return Const(name, math.Float32bits(v)) }
