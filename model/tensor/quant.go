package tensor

import "fmt"

// quantBlock is the number of weights in a block of the quantised types.
const quantBlock = 32

// Dequantize decodes len(dst) numbers of any storage type; for the quantised
// types bit for bit as ggml's reference functions dequantize_row_* do. It
// panics when src is too short, dst is no whole number of blocks, or the type is
// unknown.
func Dequantize(dst []float32, dt DType, src []byte) {
	want, err := dt.Bytes(1, len(dst))
	if err != nil {
		panic(fmt.Errorf("%w: Dequantize: %w", ErrShape, err))
	}
	checkLen("Dequantize", "src", len(src), int(want))
	active().decode(dst, dt, src)
}

// decode is Dequantize after its checks.
func (k *kernel) decode(dst []float32, dt DType, src []byte) {
	switch dt {
	case F32:
		f32Decode(dst, src)
	case F64:
		f64Decode(dst, src)
	case F16:
		k.f16to32(dst, src)
	case BF16:
		k.bf16to32(dst, src)
	case Q4_0:
		k.q4x0(dst, src)
	case Q4_1:
		k.q4x1(dst, src)
	case Q8_0:
		k.q8x0(dst, src)
	}
}
