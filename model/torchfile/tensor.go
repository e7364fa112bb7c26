package torchfile

import (
	"fmt"

	"agar/model/tensor"
)

// Tensor is one tensor of a File: a view of its storage.
type Tensor struct {
	Name   string
	DType  string // as safetensors names it: F32, F16, BF16, F64, I64, …
	Shape  []int
	Stride []int // in elements, as torch has it

	// Data is the elements in row-major order, little endian, inside the mapping
	// and not necessarily aligned. It is nil when they do not lie so, as those of a
	// transposed view; Float32 reads such tensors too.
	Data []byte

	storage []byte // from the first element on
	size    int    // bytes of an element
}

// tensor is v as callers see it.
func (v *view) tensor(name string) Tensor {
	t := Tensor{Name: name, DType: v.storage.name, Shape: v.shape, Stride: v.stride, size: v.storage.size}
	n := t.elems()
	if n == 0 {
		t.Data = []byte{}
		return t
	}
	t.storage = v.storage.data[v.offset*t.size:]
	if v.contiguous() {
		t.Data = t.storage[: n*t.size : n*t.size]
	}
	return t
}

// elems is the number of elements.
func (t *Tensor) elems() int {
	n := 1
	for _, d := range t.Shape {
		n *= d
	}
	return n
}

// floats maps the dtypes that Float32 converts.
var floats = map[string]tensor.DType{"F32": tensor.F32, "F16": tensor.F16, "BF16": tensor.BF16, "F64": tensor.F64}

// Float32 gives the values of t in row-major order as a new slice; F16, BF16 and
// F64 are converted (F64 rounded to nearest even). Integers and booleans are an
// error.
func (t Tensor) Float32() ([]float32, error) {
	dt, ok := floats[t.DType]
	if !ok {
		return nil, fmt.Errorf("tensor %q: found dtype %s, expected F32, F16, BF16 or F64", t.Name, t.DType)
	}
	out := make([]float32, t.elems())
	if t.Data != nil {
		tensor.Dequantize(out, dt, t.Data)
		return out, nil
	}
	at := make([]int, len(t.Shape))
	for i := range out {
		from := 0
		for d, n := range at {
			from += n * t.Stride[d]
		}
		tensor.Dequantize(out[i:i+1], dt, t.storage[from*t.size:])
		advance(at, t.Shape)
	}
	return out, nil
}

// advance counts at up by one, the last dimension fastest.
func advance(at, shape []int) {
	for d := len(at) - 1; d >= 0; d-- {
		if at[d]++; at[d] < shape[d] {
			return
		}
		at[d] = 0
	}
}
