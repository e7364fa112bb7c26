package tensor

// F16ToF32 decodes len(dst) little-endian IEEE half floats. Every half is exact
// in float32; NaN keeps its payload and becomes quiet. It panics when src is
// shorter than 2·len(dst).
func F16ToF32(dst []float32, src []byte) {
	checkLen("F16ToF32", "src", len(src), 2*len(dst))
	active().decoders[F16](dst, src)
}

// F32ToF16 encodes src as little-endian IEEE half floats, rounding to nearest,
// ties to even. Values beyond 65,519 in magnitude become ±Inf, small ones are
// rounded to subnormals; NaN stays NaN with the upper bits of its payload. It
// panics when dst is shorter than 2·len(src).
func F32ToF16(dst []byte, src []float32) {
	checkLen("F32ToF16", "dst", len(dst), 2*len(src))
	active().f32to16(dst, src)
}

// BF16ToF32 decodes len(dst) little-endian bfloat16 numbers, exactly. It panics
// when src is shorter than 2·len(dst).
func BF16ToF32(dst []float32, src []byte) {
	checkLen("BF16ToF32", "src", len(src), 2*len(dst))
	active().decoders[BF16](dst, src)
}
