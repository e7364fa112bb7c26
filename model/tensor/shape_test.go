package tensor

import (
	"errors"
	"strings"
	"testing"
)

// TestShapePanics: every kernel refuses shapes that do not fit with an error that
// wraps ErrShape and holds both numbers.
func TestShapePanics(t *testing.T) {
	v := make([]float32, 12)
	w := WeightF32(3, 4, v)
	m := func(rows, cols int) Mat { return Mat{Data: v, Rows: rows, Cols: cols} }
	for _, c := range []struct {
		name string
		f    func()
		says string
	}{
		{"Linear x", func() { Linear(v, v, 4, w) }, "Linear: x has 12 elements, expected 16"},
		{"LinearAdd y", func() { LinearAdd(v[:8], v, 3, w) }, "LinearAdd: y has 8 elements, expected 9"},
		{"negative n", func() { Linear(v, v, -1, w) }, "n has -1 elements, expected 0"},
		{"WeightF32", func() { WeightF32(3, 5, v) }, "len(data) is 12, expected 15"},
		{"Permuted", func() { w.Permuted([]int32{0, 3}) }, "row 3, expected 0 … 2"},
		{"Row", func() { w.Row(v, 3) }, "row 3, expected 0 … 2"},
		{"Row short", func() { w.Row(v[:3], 0) }, "dst has 3 elements, expected 4"},
		{"MatMul inner", func() { MatMul(m(2, 2), m(2, 3), m(4, 2), false) }, "rows of b is 4, expected 3"},
		{"MatMul rows", func() { MatMul(m(3, 2), m(2, 3), m(3, 2), false) }, "rows of dst is 3, expected 2"},
		{"MatMul columns", func() { MatMulSerial(m(2, 3), m(2, 3), m(3, 2), false) }, "MatMulSerial: columns of dst is 3, expected 2"},
		{"MatMul data", func() { MatMul(m(4, 4), m(4, 3), m(3, 4), false) }, "dst has 12 elements, expected 16"},
		{"MatMul stride", func() { MatMul(Mat{Data: v, Rows: 2, Cols: 3, Stride: 2}, m(2, 3), m(3, 3), false) }, "stride of 2"},
		{"Dot", func() { Dot(v, v[1:]) }, "len(b) is 11, expected 12"},
		{"Axpy", func() { Axpy(v, 1, v[1:]) }, "len(x) is 11"},
		{"Add", func() { Add(v[1:], v) }, "len(x) is 12, expected 11"},
		{"RMSNorm", func() { RMSNorm(v, v, v[1:], 0) }, "len(w) is 11"},
		{"SiLUMul", func() { SiLUMul(v, v[1:], v) }, "len(gate) is 11"},
		{"AdamStep", func() { AdamStep(v, v, v[1:], v, AdamConst{Step: 1}) }, "len(m) is 11"},
		{"AdamStep at 0", func() { AdamStep(v, v, v, v, AdamConst{}) }, "steps has 0"},
		{"F16ToF32", func() { F16ToF32(v, make([]byte, 23)) }, "src has 23 elements, expected 24"},
		{"F32ToF16", func() { F32ToF16(make([]byte, 23), v) }, "dst has 23 elements, expected 24"},
		{"BF16ToF32", func() { BF16ToF32(v, nil) }, "src has 0 elements, expected 24"},
		{"Dequantize block", func() { Dequantize(v, Q8_0, nil) }, "rows of 12 weights, expected a multiple of 32"},
		{"Dequantize src", func() { Dequantize(v, F64, make([]byte, 95)) }, "src has 95 elements, expected 96"},
	} {
		t.Run(c.name, func(t *testing.T) {
			defer func() {
				err, ok := recover().(error)
				if !ok || !errors.Is(err, ErrShape) || !strings.Contains(err.Error(), c.says) {
					t.Errorf("panicked with %v, expected an error that wraps ErrShape and says %q", err, c.says)
				}
			}()
			c.f()
		})
	}
}
