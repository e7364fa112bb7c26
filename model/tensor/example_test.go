package tensor_test

import (
	"fmt"

	"agar/model/tensor"
)

// A matrix in half precision, as it lies in a model file, times two rows.
func Example() {
	stored := make([]byte, 2*6)
	tensor.F32ToF16(stored, []float32{1, 0, 2, 0, 1, 3})
	w, err := tensor.NewWeight(tensor.F16, 2, 3, stored)
	if err != nil {
		fmt.Println(err)
		return
	}
	w.Keep(tensor.NewPanels(1 << 20)) // pack once

	x := []float32{
		1, 2, 3,
		4, 5, 6,
	}
	y := make([]float32, 2*w.Rows())
	tensor.Linear(y, x, 2, w)
	fmt.Println(y[:2], y[2:])
	// Output: [7 11] [16 23]
}
