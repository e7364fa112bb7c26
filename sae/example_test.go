package sae_test

import (
	"fmt"

	"agar/sae"
)

// A dictionary of three directions in the plane, the second a little cautious.
func Example() {
	s := sae.New(sae.ArchJumpReLU, 2, 3)
	copy(s.WEnc, []float32{1, 0, 0, 1, -1, 0})
	copy(s.WDec, s.WEnc)
	s.Threshold[1] = 0.5

	x := []float32{2, 0.3, -1, 0.8} // two tokens
	var c sae.Codes
	s.Encode(&c, x, 2)
	for r := range c.N {
		index, value := c.Row(r)
		fmt.Println("token", r, "features", index, "activations", value)
	}
	xhat := make([]float32, len(x))
	s.Decode(xhat, &c)
	fmt.Println(xhat)
	// Output:
	// token 0 features [0] activations [2]
	// token 1 features [1 2] activations [0.8 1]
	// [2 0 -1 0.8]
}
