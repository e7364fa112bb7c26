package emit

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Zero is a cleared register.
func Zero() reg.VecVirtual {
	y := YMM()
	VXORPS(y, y, y)
	return y
}

// Halves widens the two Halves of y to float64.
func Halves(y reg.VecVirtual) (lo, hi reg.VecVirtual) {
	lo, hi = YMM(), YMM()
	up := XMM()
	VEXTRACTF128(U8(1), y, up)
	VCVTPS2PD(y.AsX(), lo)
	VCVTPS2PD(up, hi)
	return lo, hi
}

// SumFloat64 returns the sum of the lanes of four float64 registers.
func SumFloat64(acc [4]reg.VecVirtual) {
	VADDPD(acc[2], acc[0], acc[0])
	VADDPD(acc[3], acc[1], acc[1])
	VADDPD(acc[1], acc[0], acc[0])
	x, y := acc[0].AsX(), XMM()
	VEXTRACTF128(U8(1), acc[0], y)
	VADDPD(y, x, x)
	VUNPCKHPD(x, x, y)
	VADDSD(y, x, x)
	Store(x, ReturnIndex(0))
}
