package tensor

import "math"

func expGeneric(x float32) float32 { return float32(math.Exp(float64(x))) }

func maximumGeneric(x []float32) float32 {
	top := x[0]
	for _, v := range x {
		if v > top {
			top = v
		}
	}
	return top
}

func expSumGeneric(x []float32, top float32) float64 {
	var sum float64
	for i, v := range x {
		e := expGeneric(v - top)
		x[i] = e
		sum += float64(e)
	}
	return sum
}

func siluMulGeneric(dst, gate, up []float32) {
	for i, v := range gate {
		dst[i] = v / (1 + expGeneric(-v)) * up[i]
	}
}
