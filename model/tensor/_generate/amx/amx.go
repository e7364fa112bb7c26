// Command amx writes the kernels of agar/model/tensor for processors with AMX: products
// of matrices that are split into planes of bfloat16, and the packing of the planes.
//
// The assemblers know no AMX, so that its instructions are written as bytes.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Sizes in bytes: a tile has 16 rows of 64, and 32 rows or columns of a matrix are two.
const (
	row  = 64
	tile = 16 * row
	pair = 2 * tile
	side = 32
)

// number is that of a register in an encoding.
var number = map[reg.Register]int{reg.RAX: 0, reg.RCX: 1, reg.RDX: 2, reg.RBX: 3, reg.RSI: 6, reg.RDI: 7}

// Prefixes, as a VEX prefix has them.
const (
	pNone = 0
	pF3   = 2
	pF2   = 3
)

// vex emits an instruction of the map 0F38 with a VEX prefix; v is the tile of its
// second source, 0 where there is none.
func vex(name string, prefix, opcode, v int, rest ...int) {
	Comment(name)
	for _, b := range append([]int{0xc4, 0xe2, (^v&15)<<3 | prefix, opcode}, rest...) {
		Instruction(&ir.Instruction{Opcode: "BYTE", Operands: []Op{U8(b)}})
	}
}

// at is the operand base + index + disp for tile t.
func at(t int, base, index reg.Register, disp int) []int {
	return []int{0x84 | t<<3, number[index]<<3 | number[base], disp & 255, disp >> 8 & 255, disp >> 16 & 255, disp >> 24 & 255}
}

func zeroTile(t int) { vex(fmt.Sprintf("tilezero tmm%d", t), pF2, 0x49, 0, 0xc0|t<<3) }

func loadTile(t int, base, index reg.Register, disp int) {
	vex(fmt.Sprintf("tileloadd tmm%d, %d(%v, %v)", t, disp, base.Asm(), index.Asm()), pF2, 0x4b, 0, at(t, base, index, disp)...)
}

func storeTile(t int, base, index reg.Register, disp int) {
	vex(fmt.Sprintf("tilestored %d(%v, %v), tmm%d", disp, base.Asm(), index.Asm(), t), pF3, 0x4b, 0, at(t, base, index, disp)...)
}

// multiply adds tiles a·b to tile c.
func multiply(c, a, b int) {
	vex(fmt.Sprintf("tdpbf16ps tmm%d, tmm%d, tmm%d", c, a, b), pF3, 0x5c, b, 0xc0|c<<3|a)
}

// shapes emits the configuration of eight full tiles and its use.
func shapes() Mem {
	m := GLOBL("tiles", RODATA|NOPTR)
	DATA(0, U64(1))
	DATA(8, U64(0))
	for i := 16; i < 32; i += 8 {
		DATA(i, U64(0x0040004000400040))
	}
	DATA(32, U64(0))
	DATA(40, U64(0))
	DATA(48, U64(0x1010101010101010))
	DATA(56, U64(0))
	return m
}

// product is one of the planes of a times one of those of b.
type product struct{ a, b int }

// products are those that count for so many planes of b, a having three: with what
// plane p has being 2⁻⁸ᵖ of the whole, all down to 2⁻¹⁶. Neighbours share a plane, which
// stays in its tiles.
func products(planes int) []product {
	all := []product{{1, 1}, {1, 0}, {2, 0}, {0, 0}, {0, 1}, {0, 2}}
	var out []product
	for _, p := range all {
		if p.b < planes {
			out = append(out, p)
		}
	}
	return out
}

// Registers of a kernel: tiles are addressed by those whose numbers are known.
var (
	a, b          = reg.RSI, reg.RDX // the block at hand
	c, low        = reg.RDI, reg.RAX // rows 0 to 15 and 16 to 31 of the sums
	ldc, stride   = reg.RCX, reg.RBX
	blocks, left  = reg.R10, reg.R8
	n, next, step = reg.R11, reg.R12, reg.R13
	add           = reg.R9
	halves        = []reg.Register{c, low}
	line0, line1  = reg.Z0, reg.Z1
)

// panels emits the product of 32 rows with n panels of 32 columns, of which b has so
// many planes: tiles 0 to 3 are sums, 4 and 5 hold a, 6 and 7 b.
func panels(config Mem, planes int) {
	name := fmt.Sprintf("splitPanels%dAMX", planes)
	TEXT(name, NOSPLIT, "func(blocks, n int, a, b *byte, step int, c *float32, ldc int, sums *float32, add bool)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s multiplies 32 rows of three planes with n panels of %d, step bytes apart; sums, of 4 KiB, is used to add.", name, planes))
	LEAQ(config, low)
	vex("ldtilecfg (AX)", pNone, 0x49, 0, 0x00)
	Load(Param("blocks"), blocks)
	Load(Param("n"), n)
	Load(Param("b"), next)
	Load(Param("step"), step)
	Load(Param("c"), c)
	Load(Param("ldc"), ldc)
	MOVBQZX(NewParamAddr("add", 64), add)
	SHLQ(U8(2), ldc)
	MOVQ(U32(row), stride)
	MOVQ(ldc, low)
	SHLQ(U8(4), low)
	ADDQ(c, low)
	Label("panel")
	Load(Param("a"), a)
	MOVQ(next, b)
	for t := range 4 {
		zeroTile(t)
	}
	fetchSums()
	MOVQ(blocks, left)
	Label("block")
	multiplyBlock(planes)
	ADDQ(U32(3*pair), a)
	ADDQ(U32(planes*pair), b)
	DECQ(left)
	JNE(LabelRef("block"))
	TESTQ(add, add)
	JNE(LabelRef("sum"))
	for t := range 4 {
		storeTile(t, halves[t/2], ldc, t%2*row)
	}
	JMP(LabelRef("next"))
	Label("sum")
	addTiles()
	Label("next")
	ADDQ(U32(2*row), c)
	ADDQ(U32(2*row), low)
	ADDQ(step, next)
	DECQ(n)
	JNE(LabelRef("panel"))
	vex("tilerelease", pNone, 0x49, 0, 0xc0)
	VZEROUPPER()
	RET()
}

// fetchSums asks for the lines that the sums will be written to: without that the stores
// wait for them. It uses up the counter.
func fetchSums() {
	for _, p := range halves {
		MOVQ(p, left)
		for range 16 {
			PREFETCHT0(Mem{Base: left})
			PREFETCHT0(Mem{Base: left, Disp: row})
			ADDQ(ldc, left)
		}
	}
}

// multiplyBlock emits the products of 32 steps of k, loading a tile when its plane changes.
func multiplyBlock(planes int) {
	had := product{-1, -1}
	for _, p := range products(planes) {
		if p.a != had.a {
			loadTile(4, a, stride, p.a*pair)
		}
		for j := range 2 {
			if p.b != had.b {
				loadTile(6+j, b, stride, p.b*pair+j*tile)
			}
			multiply(j, 4, 6+j)
		}
		if p.a != had.a {
			loadTile(5, a, stride, p.a*pair+tile)
		}
		multiply(2, 5, 6)
		multiply(3, 5, 7)
		had = p
	}
}

// addTiles adds the sums in tiles 0 to 3 to c, by way of memory. It uses up the pointers
// of the block and the counter.
func addTiles() {
	sums, at := a, b
	Load(Param("sums"), sums)
	MOVQ(U32(2*row), stride)
	for t := range 4 {
		storeTile(t, sums, stride, t/2*pair+t%2*row)
	}
	MOVQ(c, at)
	MOVQ(U32(side), left)
	Label("line")
	for i, z := range []reg.VecPhysical{line0, line1} {
		VMOVUPS(Mem{Base: sums, Disp: i * row}, z)
		VADDPS(Mem{Base: at, Disp: i * row}, z, z)
		VMOVUPS(z, Mem{Base: at, Disp: i * row})
	}
	ADDQ(U32(2*row), sums)
	ADDQ(ldc, at)
	DECQ(left)
	JNE(LabelRef("line"))
	MOVQ(U32(row), stride)
}

// peak emits a loop of n rounds of four products of tiles.
func peak(config Mem) {
	TEXT("peakAMX", NOSPLIT, "func(n int)")
	Doc("peakAMX runs n rounds of four independent products of tiles.")
	LEAQ(config, low)
	vex("ldtilecfg (AX)", pNone, 0x49, 0, 0x00)
	Load(Param("n"), left)
	for t := range 8 {
		zeroTile(t)
	}
	Label("round")
	for t := range 4 {
		multiply(t, 4+t/2, 6+t%2)
	}
	DECQ(left)
	JNE(LabelRef("round"))
	vex("tilerelease", pNone, 0x49, 0, 0xc0)
	RET()
}

func main() {
	ConstraintExpr("!noasm")
	config := shapes()
	for planes := 1; planes <= 3; planes++ {
		panels(config, planes)
	}
	peak(config)
	splits()
	Generate()
}
