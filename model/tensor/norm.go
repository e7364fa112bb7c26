package tensor

import (
	"fmt"
	"math"
)

// RMSNorm writes x normalised by its root mean square and scaled by w to dst
// (Zhang and Sennrich 2019, eq. 4, with eps inside the root as in Llama):
//
//	dstᵢ = wᵢ · (xᵢ / √(mean(x²) + eps))
//
// x is one row; dst may be x. The mean is taken in float64. It panics when the
// lengths differ.
func RMSNorm(dst, x, w []float32, eps float32) {
	checkSame("RMSNorm", "len(dst)", len(dst), len(x))
	checkSame("RMSNorm", "len(w)", len(w), len(x))
	if len(x) == 0 {
		return
	}
	k := active()
	mean := k.sumSq(x) / float64(len(x))
	k.scaleMul(dst, x, w, float32(1/math.Sqrt(mean+float64(eps))))
}

// Softmax replaces x by exp(xᵢ − max x) / Σⱼ exp(xⱼ − max x). −Inf entries become
// 0; a row that holds NaN, +Inf or nothing but −Inf becomes NaN, as in torch. The
// exponential is good to 2 ulp, the sum is taken in float64.
func Softmax(x []float32) {
	if len(x) > 0 {
		active().softmax(x)
	}
}

func (k *kernel) softmax(x []float32) {
	sum := k.expSum(x, k.maximum(x))
	k.scale(x, float32(1/sum))
}

// Exponentials replaces x by exp(xᵢ − top), top = max x, and returns top and the
// sum, taken in float64, so that log Σ exp(xᵢ) = top + log(sum). It panics when x
// is empty; entries that are not finite are as in Softmax.
func Exponentials(x []float32) (top float32, sum float64) {
	if len(x) == 0 {
		panic(fmt.Errorf("%w: Exponentials: found no numbers", ErrShape))
	}
	k := active()
	top = k.maximum(x)
	return top, k.expSum(x, top)
}

// SiLUMul is the gate of a SwiGLU block (Shazeer 2020, eq. 5 before W₂):
//
//	dstᵢ = gateᵢ / (1 + exp(−gateᵢ)) · upᵢ
//
// dst may be gate or up. It panics when the lengths differ.
func SiLUMul(dst, gate, up []float32) {
	checkSame("SiLUMul", "len(gate)", len(gate), len(dst))
	checkSame("SiLUMul", "len(up)", len(up), len(dst))
	active().siluMul(dst, gate, up)
}
