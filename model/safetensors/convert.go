package safetensors

import (
	"fmt"

	"agar/model/tensor"
)

// floats maps the dtypes that Float32 converts.
var floats = map[string]tensor.DType{"F32": tensor.F32, "F16": tensor.F16, "BF16": tensor.BF16, "F64": tensor.F64}

// Float32 gives a tensor's values as float32 and its shape; F16, BF16 and F64
// are converted (F64 rounded to nearest even, out of range to ±Inf). The slice
// is new. Integer and boolean tensors are an error.
func (f *File) Float32(name string) ([]float32, []int, error) {
	t, ok := f.Tensor(name)
	if !ok {
		return nil, nil, fmt.Errorf("safetensors: %s: no tensor %q among %d", f.path, name, len(f.tensors))
	}
	out, err := t.Float32()
	if err != nil {
		return nil, nil, fmt.Errorf("safetensors: %s: %w", f.path, err)
	}
	return out, t.Shape, nil
}

// Float32 gives the values of t as a new float32 slice.
func (t Tensor) Float32() ([]float32, error) {
	dt, ok := floats[t.DType]
	if !ok {
		return nil, fmt.Errorf("tensor %q: found dtype %s, expected F32, F16, BF16 or F64", t.Name, t.DType)
	}
	n := 1
	for _, d := range t.Shape {
		n *= d
	}
	out := make([]float32, n)
	tensor.Dequantize(out, dt, t.Data)
	return out, nil
}
