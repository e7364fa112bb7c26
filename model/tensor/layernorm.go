package tensor

import "math"

// LayerNorm writes x less its mean, divided by its standard deviation, scaled by
// w and moved by b to dst (Ba et al. 2016, eq. 4):
//
//	dstᵢ = wᵢ · (xᵢ − mean x) / √(mean((x − mean x)²) + eps) + bᵢ
//
// x is one row; dst may be x. Both means are taken in float64. It panics when the
// lengths differ.
func LayerNorm(dst, x, w, b []float32, eps float32) {
	checkSame("LayerNorm", "len(dst)", len(dst), len(x))
	checkSame("LayerNorm", "len(w)", len(w), len(x))
	checkSame("LayerNorm", "len(b)", len(b), len(x))
	if len(x) == 0 {
		return
	}
	var sum, sq [4]float64
	for i, v := range x {
		sum[i&3] += float64(v)
	}
	mean := ((sum[0] + sum[2]) + (sum[1] + sum[3])) / float64(len(x))
	for i, v := range x {
		d := float64(v) - mean
		sq[i&3] += float64(d * d)
	}
	variance := ((sq[0] + sq[2]) + (sq[1] + sq[3])) / float64(len(x))
	m, s := float32(mean), float32(1/math.Sqrt(variance+float64(eps)))
	for i, v := range x {
		dst[i] = float32(float32((v-m)*s)*w[i]) + b[i]
	}
}

// Mul is x *= w element by element. It panics when the lengths differ.
func Mul(x, w []float32) {
	checkSame("Mul", "len(w)", len(w), len(x))
	for i, v := range w {
		x[i] *= v
	}
}
