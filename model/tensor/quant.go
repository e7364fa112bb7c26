package tensor

import "fmt"

// Weights in a block of the quantised types: the plain ones, and those with a K.
const (
	quantBlock = 32
	superBlock = 256
)

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
func (k *kernel) decode(dst []float32, dt DType, src []byte) { k.decoders[dt](dst, src) }

// decoders is one function for each storage type. It decodes whole blocks.
type decoders [nTypes]func(dst []float32, src []byte)

// genericDecoders is the portable set.
var genericDecoders = decoders{
	F32: f32Decode, F16: f16to32Generic, BF16: bf16to32Generic, F64: f64Decode,
	Q4_0: q4x0Generic, Q4_1: q4x1Generic, Q5_0: q5x0Generic, Q5_1: q5x1Generic, Q8_0: q8x0Generic,
	Q2_K: q2kGeneric, Q3_K: q3kGeneric, Q4_K: q4kGeneric, Q5_K: q5kGeneric, Q6_K: q6kGeneric,
	IQ4_NL: iq4nlGeneric, IQ4_XS: iq4xsGeneric,
}
