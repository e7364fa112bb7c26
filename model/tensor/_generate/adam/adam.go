// Command adam writes the AVX2 kernel of agar/model/tensor for the Adam step.
package main

import (
	"agar/model/tensor/_generate/emit"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// adam emits the Adam step. c points to the six floats of adamFactors. Nothing
// is fused, so that results equal the portable ones bit for bit.
func adam() {
	emit.Func("adamAVX2", "func(p, grad, m, v *float32, n int, c *float32)",
		"adamAVX2 is one Adam step with the factors c.")
	p, g, m, v := emit.Arg("p"), emit.Arg("grad"), emit.Arg("m"), emit.Arg("v")
	n, c := emit.Arg("n"), emit.Arg("c")
	var f [6]reg.VecVirtual
	for i := range f {
		f[i] = YMM()
		VBROADCASTSS(Mem{Base: c, Disp: 4 * i}, f[i])
	}
	emit.Each(n, 1, func(k emit.Block) {
		gi, mi, vi, t := k.Load(g), k.Load(m), k.Load(v), YMM()
		VSUBPS(mi, gi, t) // m += (1−β₁)(g−m)
		VMULPS(f[0], t, t)
		VADDPS(t, mi, mi)
		k.Store(mi, m)
		VMULPS(f[1], vi, vi) // v = β₂v + (1−β₂)g·g
		VMULPS(f[2], gi, t)
		VMULPS(gi, t, t)
		VADDPS(t, vi, vi)
		k.Store(vi, v)
		VSQRTPS(vi, t) // p −= step·m/(√v·r + eps)
		VMULPS(f[3], t, t)
		VADDPS(f[4], t, t)
		VDIVPS(t, mi, mi)
		VMULPS(f[5], mi, mi)
		pi := k.Load(p)
		VSUBPS(mi, pi, pi)
		k.Store(pi, p)
	}, p, g, m, v)
	emit.End()
}

func main() {
	ConstraintExpr("!noasm")
	adam()
	emit.MaskTable()
	Generate()
}
