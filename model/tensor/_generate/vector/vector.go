// Command vector writes the AVX2 kernels of agar/model/tensor on vectors of
// float32. A last block of fewer than eight floats goes through the same
// instructions under a mask, so an element's result does not depend on where in
// the vector it stands.
package main

import (
	"agar/model/tensor/_generate/emit"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func dot() {
	emit.Func("dotAVX2", "func(a, b *float32, n int) float32",
		"dotAVX2 is Σ aᵢbᵢ in four registers of eight lanes, added up pairwise.")
	a, b, n := emit.Arg("a"), emit.Arg("b"), emit.Arg("n")
	acc := [4]reg.VecVirtual{emit.Zero(), emit.Zero(), emit.Zero(), emit.Zero()}
	emit.Each(n, 4, func(k emit.Block) {
		VFMADD231PS(k.Load(b), k.Load(a), acc[k.Unroll])
	}, a, b)
	VADDPS(acc[2], acc[0], acc[0])
	VADDPS(acc[3], acc[1], acc[1])
	VADDPS(acc[1], acc[0], acc[0])
	x, y := acc[0].AsX(), XMM()
	VEXTRACTF128(U8(1), acc[0], y)
	VADDPS(y, x, x)
	VMOVHLPS(x, x, y)
	VADDPS(y, x, x)
	VMOVSHDUP(x, y)
	VADDSS(y, x, x)
	Store(x, ReturnIndex(0))
	emit.End()
}

func axpy() {
	emit.Func("axpyAVX2", "func(y *float32, alpha float32, x *float32, n int)",
		"axpyAVX2 is y += alpha·x, with one rounding.")
	y, x, n := emit.Arg("y"), emit.Arg("x"), emit.Arg("n")
	alpha := emit.BroadcastArg("alpha")
	emit.Each(n, 4, func(k emit.Block) {
		v := k.Load(y)
		VFMADD231PS(k.Load(x), alpha, v)
		k.Store(v, y)
	}, y, x)
	emit.End()
}

func add() {
	emit.Func("addAVX2", "func(y, x *float32, n int)", "addAVX2 is y += x.")
	y, x, n := emit.Arg("y"), emit.Arg("x"), emit.Arg("n")
	emit.Each(n, 4, func(k emit.Block) {
		v := k.Load(y)
		VADDPS(k.Load(x), v, v)
		k.Store(v, y)
	}, y, x)
	emit.End()
}

func scale() {
	emit.Func("scaleAVX2", "func(x *float32, s float32, n int)", "scaleAVX2 is x *= s.")
	x, n := emit.Arg("x"), emit.Arg("n")
	s := emit.BroadcastArg("s")
	emit.Each(n, 4, func(k emit.Block) {
		v := k.Load(x)
		VMULPS(s, v, v)
		k.Store(v, x)
	}, x)
	emit.End()
}

func scaleMul() {
	emit.Func("scaleMulAVX2", "func(dst, x, w *float32, s float32, n int)", "scaleMulAVX2 is dst = (x·s)·w.")
	dst, x, w, n := emit.Arg("dst"), emit.Arg("x"), emit.Arg("w"), emit.Arg("n")
	s := emit.BroadcastArg("s")
	emit.Each(n, 2, func(k emit.Block) {
		v := k.Load(x)
		VMULPS(s, v, v)
		VMULPS(k.Load(w), v, v)
		k.Store(v, dst)
	}, dst, x, w)
	emit.End()
}

func sumSq() {
	emit.Func("sumSqAVX2", "func(x *float32, n int) float64", "sumSqAVX2 is Σ xᵢ² in float64.")
	x, n := emit.Arg("x"), emit.Arg("n")
	acc := [4]reg.VecVirtual{emit.Zero(), emit.Zero(), emit.Zero(), emit.Zero()}
	emit.Each(n, 2, func(k emit.Block) {
		lo, hi := emit.Halves(k.Load(x))
		VFMADD231PD(lo, lo, acc[2*k.Unroll])
		VFMADD231PD(hi, hi, acc[2*k.Unroll+1])
	}, x)
	emit.SumFloat64(acc)
	emit.End()
}

func main() {
	ConstraintExpr("!noasm")
	dot()
	axpy()
	add()
	scale()
	scaleMul()
	sumSq()
	emit.MaskTable()
	Generate()
}
