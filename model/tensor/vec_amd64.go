//go:build !noasm

package tensor

//go:generate go run -C _generate/vector vector.go -out ../../vector_amd64.s -stubs ../../vector_stubs_amd64.go -pkg tensor
//go:generate go run -C _generate/exp exp.go -out ../../exp_amd64.s -stubs ../../exp_stubs_amd64.go -pkg tensor
//go:generate go run -C _generate/adam adam.go -out ../../adam_amd64.s -stubs ../../adam_stubs_amd64.go -pkg tensor

import "unsafe"

// vectorAVX2 is the set of vector kernels for AVX2, FMA and F16C. The exported
// functions have checked lengths; unsafe.SliceData is fine with empty slices,
// which the assembly does not touch.
var vectorAVX2 = vector{
	dot: func(a, b []float32) float32 {
		return dotAVX2(unsafe.SliceData(a), unsafe.SliceData(b), len(a))
	},
	axpy: func(y []float32, alpha float32, x []float32) {
		axpyAVX2(unsafe.SliceData(y), alpha, unsafe.SliceData(x), len(x))
	},
	add: func(y, x []float32) {
		addAVX2(unsafe.SliceData(y), unsafe.SliceData(x), len(x))
	},
	scale: func(x []float32, s float32) {
		scaleAVX2(unsafe.SliceData(x), s, len(x))
	},
	sumSq: func(x []float32) float64 {
		return sumSqAVX2(unsafe.SliceData(x), len(x))
	},
	scaleMul: func(dst, x, w []float32, s float32) {
		scaleMulAVX2(unsafe.SliceData(dst), unsafe.SliceData(x), unsafe.SliceData(w), s, len(x))
	},
	maximum: func(x []float32) float32 {
		return maxAVX2(unsafe.SliceData(x), len(x))
	},
	expSum: func(x []float32, top float32) float64 {
		return expSumAVX2(unsafe.SliceData(x), top, len(x))
	},
	siluMul: func(dst, gate, up []float32) {
		siluMulAVX2(unsafe.SliceData(dst), unsafe.SliceData(gate), unsafe.SliceData(up), len(dst))
	},
	adam: func(p, g, m, v []float32, c adamFactors) {
		adamAVX2(unsafe.SliceData(p), unsafe.SliceData(g), unsafe.SliceData(m), unsafe.SliceData(v), len(p), &c.oneMinusBeta1)
	},
	f32to16:  f32to16Asm,
	decoders: decodersAVX2,
}
