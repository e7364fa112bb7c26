//go:build !noasm

package tensor

//go:generate go run -C _generate/decode decode.go -out ../../decode_amd64.s -stubs ../../decode_stubs_amd64.go -pkg tensor

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

func q4x0Asm(dst []float32, src []byte) {
	if n := len(dst) / quantBlock; n > 0 {
		_ = src[18*n-1]
		q4x0AVX2(&dst[0], &src[0], n)
	}
}

func q4x1Asm(dst []float32, src []byte) {
	if n := len(dst) / quantBlock; n > 0 {
		_ = src[20*n-1]
		q4x1AVX2(&dst[0], &src[0], n)
	}
}

func q8x0Asm(dst []float32, src []byte) {
	if n := len(dst) / quantBlock; n > 0 {
		_ = src[34*n-1]
		q8x0AVX2(&dst[0], &src[0], n)
	}
}
