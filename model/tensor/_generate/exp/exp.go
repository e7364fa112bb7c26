// Command exp writes the AVX2 kernels of agar/model/tensor that rest on a vector
// exponential: softmax and the SiLU gate.
package main

import (
	"fmt"

	"agar/model/tensor/_generate/emit"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// expConst holds the addresses of the constants of exp.
type expConst struct {
	top, bottom, log2e, ln2hi, ln2lo, one, bias, sign Mem

	c [6]Mem
}

// expConstants emits them. The polynomial is that of Cephes' expf,
// exp(r) ≈ 1 + r + r²(c₅ + c₄r + … + c₀r⁵) for |r| ≤ ln2/2.
func expConstants() expConst {
	e := expConst{
		top:    emit.Float("expTop", 89),
		bottom: emit.Float("expBottom", -105),
		log2e:  emit.Float("log2e", 1.44269504088896341),
		ln2hi:  emit.Float("ln2hi", 0x1.62e43p-1),
		ln2lo:  emit.Float("ln2lo", -1.904654299957768e-09),
		one:    emit.Float("one", 1),
		bias:   emit.Const("bias", 127),
		sign:   emit.Const("sign", 1<<31),
	}
	for i, v := range []float32{1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1} {
		e.c[i] = emit.Float(fmt.Sprintf("expC%d", i), v)
	}
	return e
}

// load reads a constant into a register.
func load(m Mem) reg.VecVirtual {
	y := YMM()
	VMOVUPS(m, y)
	return y
}

// exp overwrites x with e^x: x = n·ln2 + r, e^x = 2ⁿ·e^r. Bounds stand first in
// minimum and maximum, which lets NaN pass.
func (e expConst) exp(x reg.VecVirtual) {
	VMINPS(x, load(e.top), x)
	VMAXPS(x, load(e.bottom), x)
	n := YMM()
	VMULPS(e.log2e, x, n)
	VROUNDPS(U8(8), n, n)
	VFNMADD231PS(e.ln2hi, n, x)
	VFNMADD231PS(e.ln2lo, n, x)
	p, square := load(e.c[0]), YMM()
	for _, c := range e.c[1:] {
		VFMADD213PS(c, x, p)
	}
	VMULPS(x, x, square)
	VFMADD213PS(x, square, p)
	VADDPS(e.one, p, x)
	e.scale(x, n)
}

// scale multiplies x by 2ⁿ in two halves, so that results run down through the
// subnormals to 0 and up to +Inf.
func (e expConst) scale(x, n reg.VecVirtual) {
	half := YMM()
	VCVTPS2DQ(n, n)
	VPSRAD(U8(1), n, half)
	VPSUBD(half, n, n)
	for _, i := range []reg.VecVirtual{half, n} {
		VPADDD(e.bias, i, i)
		VPSLLD(U8(23), i, i)
		VMULPS(i, x, x)
	}
}

func expSum(e expConst) {
	emit.Func("expSumAVX2", "func(x *float32, top float32, n int) float64",
		"expSumAVX2 replaces x by exp(x−top) and returns the sum, taken in float64.")
	x, n := emit.Arg("x"), emit.Arg("n")
	top := emit.BroadcastArg("top")
	acc := [4]reg.VecVirtual{emit.Zero(), emit.Zero(), emit.Zero(), emit.Zero()}
	emit.Each(n, 2, func(k emit.Block) {
		v := k.Load(x)
		VSUBPS(top, v, v)
		e.exp(v)
		k.Store(v, x)
		if k.Mask != nil {
			VANDPS(k.Mask, v, v)
		}
		lo, hi := emit.Halves(v)
		VADDPD(lo, acc[2*k.Unroll], acc[2*k.Unroll])
		VADDPD(hi, acc[2*k.Unroll+1], acc[2*k.Unroll+1])
	}, x)
	emit.SumFloat64(acc)
	emit.End()
}

func siluMul(e expConst) {
	emit.Func("siluMulAVX2", "func(dst, gate, up *float32, n int)",
		"siluMulAVX2 is dst = gate/(1+exp(−gate))·up.")
	dst, gate, up, n := emit.Arg("dst"), emit.Arg("gate"), emit.Arg("up"), emit.Arg("n")
	emit.Each(n, 1, func(k emit.Block) {
		g, v := k.Load(gate), YMM()
		VXORPS(e.sign, g, v)
		e.exp(v)
		VADDPS(e.one, v, v)
		VDIVPS(v, g, g)
		VMULPS(k.Load(up), g, g)
		k.Store(g, dst)
	}, dst, gate, up)
	emit.End()
}

func maxOf() {
	emit.Func("maxAVX2", "func(x *float32, n int) float32",
		"maxAVX2 is the greatest of n ≥ 1 numbers, any of them when one is NaN.")
	x, n := emit.Arg("x"), emit.Arg("n")
	top := YMM()
	VBROADCASTSS(Mem{Base: x}, top)
	emit.Each(n, 1, func(k emit.Block) {
		v := k.Load(x)
		if k.Mask != nil {
			VBLENDVPS(k.Mask, v, top, v)
		}
		VMAXPS(v, top, top)
	}, x)
	h, t := top.AsX(), XMM()
	VEXTRACTF128(U8(1), top, t)
	VMAXPS(t, h, h)
	VMOVHLPS(h, h, t)
	VMAXPS(t, h, h)
	VMOVSHDUP(h, t)
	VMAXSS(t, h, h)
	Store(h, ReturnIndex(0))
	emit.End()
}

func main() {
	ConstraintExpr("!noasm")
	e := expConstants()
	maxOf()
	expSum(e)
	siluMul(e)
	emit.MaskTable()
	Generate()
}
