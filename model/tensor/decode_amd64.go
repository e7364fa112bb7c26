//go:build !noasm

package tensor

//go:generate go run -C _generate/decode decode.go -out ../../decode_amd64.s -stubs ../../decode_stubs_amd64.go -pkg tensor
//go:generate go run -C _generate/quant quant.go -out ../../quant_amd64.s -stubs ../../quant_stubs_amd64.go -pkg tensor

// The decoders in assembly take whole blocks of eight; the rest of a vector goes
// through the portable ones, which give the same bits.

func f16to32Asm(dst []float32, src []byte) {
	n := len(dst) &^ 7
	if n > 0 {
		_ = src[2*n-1]
		f16to32AVX2(&dst[0], &src[0], n/8)
	}
	f16to32Generic(dst[n:], src[2*n:])
}

func f32to16Asm(dst []byte, src []float32) {
	n := len(src) &^ 7
	if n > 0 {
		_ = dst[2*n-1]
		f32to16AVX2(&dst[0], &src[0], n/8)
	}
	f32to16Generic(dst[2*n:], src[n:])
}

func bf16to32Asm(dst []float32, src []byte) {
	n := len(dst) &^ 7
	if n > 0 {
		_ = src[2*n-1]
		bf16to32AVX2(&dst[0], &src[0], n/8)
	}
	bf16to32Generic(dst[n:], src[2*n:])
}

func f64to32Asm(dst []float32, src []byte) {
	n := len(dst) &^ 7
	if n > 0 {
		_ = src[8*n-1]
		f64to32AVX2(&dst[0], &src[0], n/8)
	}
	f64Decode(dst[n:], src[8*n:])
}

// decodersAVX2 is the set of decoders for AVX2 and F16C.
var decodersAVX2 = decoders{
	F32: f32Decode, F16: f16to32Asm, BF16: bf16to32Asm, F64: f64to32Asm,
	Q4_0: blockwise(Q4_0, q4x0AVX2), Q4_1: blockwise(Q4_1, q4x1AVX2),
	Q5_0: blockwise(Q5_0, q5x0AVX2), Q5_1: blockwise(Q5_1, q5x1AVX2), Q8_0: blockwise(Q8_0, q8x0AVX2),
	Q2_K: blockwise(Q2_K, q2kAVX2), Q3_K: blockwise(Q3_K, q3kAVX2), Q4_K: blockwise(Q4_K, q4kAVX2),
	Q5_K: blockwise(Q5_K, q5kAVX2), Q6_K: blockwise(Q6_K, q6kAVX2),
	IQ4_NL: blockwise(IQ4_NL, iq4nlAVX2), IQ4_XS: blockwise(IQ4_XS, iq4xsAVX2),
}

// blockwise makes a decoder of a kernel that takes at least one block.
func blockwise(dt DType, f func(dst *float32, src *byte, blocks int)) func(dst []float32, src []byte) {
	l := layouts[dt]
	return func(dst []float32, src []byte) {
		if n := len(dst) / l.block; n > 0 {
			_ = src[l.bytes*n-1]
			f(&dst[0], &src[0], n)
		}
	}
}
