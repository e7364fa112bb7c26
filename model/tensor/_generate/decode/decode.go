// Command decode writes the kernels of agar/model/tensor that read and write
// storage types. They handle whole blocks; all are exact.
package main

import (
	"agar/model/tensor/_generate/emit"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// blocks emits a loop over the argument blocks, at least one: dst and src are the
// sizes of a block in bytes.
func blocks(dst, src int, body func(dst, src reg.Register)) {
	to, from, n := emit.Arg("dst"), emit.Arg("src"), emit.Arg("blocks")
	Label("loop")
	body(to, from)
	ADDQ(U32(dst), to)
	ADDQ(U32(src), from)
	DECQ(n)
	JNE(LabelRef("loop"))
	emit.End()
}

// halfFloats emits the conversions of eight halves at a time.
func halfFloats() {
	emit.Func("f16to32AVX2", "func(dst *float32, src *byte, blocks int)",
		"f16to32AVX2 decodes blocks of eight half floats.")
	blocks(32, 16, func(dst, src reg.Register) {
		y := YMM()
		VCVTPH2PS(Mem{Base: src}, y)
		VMOVUPS(y, Mem{Base: dst})
	})

	emit.Func("f32to16AVX2", "func(dst *byte, src *float32, blocks int)",
		"f32to16AVX2 encodes blocks of eight half floats, rounding to nearest even.")
	blocks(16, 32, func(dst, src reg.Register) {
		y := YMM()
		VMOVUPS(Mem{Base: src}, y)
		VCVTPS2PH(U8(0), y, Mem{Base: dst})
	})
}

// bfloats emits the decoding of eight bfloat16 at a time.
func bfloats() {
	emit.Func("bf16to32AVX2", "func(dst *float32, src *byte, blocks int)",
		"bf16to32AVX2 decodes blocks of eight bfloat16.")
	blocks(32, 16, func(dst, src reg.Register) {
		y := YMM()
		VPMOVZXWD(Mem{Base: src}, y)
		VPSLLD(U8(16), y, y)
		VMOVUPS(y, Mem{Base: dst})
	})
}

// doubles emits the rounding of eight float64 at a time.
func doubles() {
	emit.Func("f64to32AVX2", "func(dst *float32, src *byte, blocks int)",
		"f64to32AVX2 rounds blocks of eight float64 to nearest even.")
	blocks(32, 64, func(dst, src reg.Register) {
		for i := range 2 {
			x := XMM()
			VCVTPD2PSY(Mem{Base: src, Disp: 32 * i}, x)
			VMOVUPS(x, Mem{Base: dst, Disp: 16 * i})
		}
	})
}

// half spreads the half float at m over a register as float32.
func half(m Mem) reg.VecVirtual {
	r, y := GP32(), YMM()
	MOVWLZX(m, r)
	VMOVD(r, y.AsX())
	VCVTPH2PS(y.AsX(), y.AsX())
	VBROADCASTSS(y.AsX(), y)
	return y
}

// store8 converts the eight signed bytes at the bottom of x (which it shifts on
// by eight), multiplies by d, adds m when there is one, and writes them.
func store8(x, d, m reg.VecVirtual, dst Mem) {
	y := YMM()
	VPMOVSXBD(x, y)
	VPSRLDQ(U8(8), x, x)
	VCVTDQ2PS(y, y)
	VMULPS(d, y, y)
	if m != nil {
		VADDPS(m, y, y)
	}
	VMOVUPS(y, dst)
}

// nibbles emits a decoder of blocks of 16 bytes of nibbles behind a scale d and,
// when there is a minimum m, behind that.
func nibbles(name, doc string, minimum bool, low, eight Mem) {
	emit.Func(name, "func(dst *float32, src *byte, blocks int)", doc)
	head := 2
	if minimum {
		head = 4
	}
	blocks(128, head+16, func(dst, src reg.Register) {
		d := half(Mem{Base: src})
		var m reg.VecVirtual
		if minimum {
			m = half(Mem{Base: src, Disp: 2})
		}
		lo, hi := XMM(), XMM()
		VMOVDQU(Mem{Base: src, Disp: head}, lo)
		VPSRLW(U8(4), lo, hi)
		for i, q := range []reg.VecVirtual{lo, hi} {
			VPAND(low, q, q)
			if !minimum {
				VPSUBB(eight, q, q)
			}
			store8(q, d, m, Mem{Base: dst, Disp: 64 * i})
			store8(q, d, m, Mem{Base: dst, Disp: 64*i + 32})
		}
	})
}

// bytes emits the decoder of Q8_0.
func bytes() {
	emit.Func("q8x0AVX2", "func(dst *float32, src *byte, blocks int)",
		"q8x0AVX2 decodes blocks of Q8_0.")
	blocks(128, 34, func(dst, src reg.Register) {
		d := half(Mem{Base: src})
		for i := range 4 {
			y := YMM()
			VPMOVSXBD(Mem{Base: src, Disp: 2 + 8*i}, y)
			VCVTDQ2PS(y, y)
			VMULPS(d, y, y)
			VMOVUPS(y, Mem{Base: dst, Disp: 32 * i})
		}
	})
}

func main() {
	ConstraintExpr("!noasm")
	halfFloats()
	bfloats()
	doubles()
	low, eight := emit.Const("lowNibbles", 0x0f0f0f0f), emit.Const("eights", 0x08080808)
	nibbles("q4x0AVX2", "q4x0AVX2 decodes blocks of Q4_0.", false, low, eight)
	nibbles("q4x1AVX2", "q4x1AVX2 decodes blocks of Q4_1.", true, low, eight)
	bytes()
	Generate()
}
