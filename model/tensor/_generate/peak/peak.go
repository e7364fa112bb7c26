// Command peak writes loops of agar/model/tensor that do nothing but multiply and add in
// registers: the limit that products are held against.
package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// chains is how many sums are independent: more than the latency of an addition times
// what begins in a cycle.
const chains = 12

// peak emits a loop of n rounds, each an FMA of every chain.
func peak(name string, vec func() reg.VecVirtual, clear func(r reg.VecVirtual)) {
	TEXT(name, NOSPLIT, "func(n int)")
	Doc(name + " runs n rounds of 12 independent fused multiply-adds.")
	n := Load(Param("n"), GP64())
	x := vec()
	clear(x)
	var sums [chains]reg.VecVirtual
	for i := range sums {
		sums[i] = vec()
		clear(sums[i])
	}
	Label("round")
	for _, s := range sums {
		VFMADD231PS(x, x, s)
	}
	DECQ(n)
	JNE(LabelRef("round"))
	VZEROUPPER()
	RET()
}

func main() {
	ConstraintExpr("!noasm")
	peak("peakAVX2", YMM, func(r reg.VecVirtual) { VXORPS(r, r, r) })
	peak("peakAVX512", ZMM, func(r reg.VecVirtual) { VPXORQ(r, r, r) })
	Generate()
}
