package parity_test

import (
	"fmt"

	"agar/model/parity"
)

// The worst row of a hook counts, by the relative error of its whole vector.
func ExampleRelative() {
	want := []float32{3, 4, 6, 8} // two tokens, width 2
	got := []float32{3, 4, 6, 8.001}
	e, row := parity.Relative(got, want, 2, false)
	fmt.Printf("%.0e at row %d\n", e, row)
	// Output: 1e-04 at row 1
}
