package torchfile_test

import (
	"fmt"

	"agar/model/torchfile"
)

func Example() {
	f, err := torchfile.Open("testdata/steering_vector.pt")
	if err != nil {
		panic(err)
	}
	defer f.Close()
	v, _ := f.Tensor("steering_vector")
	layer, _ := f.Value("layer_idx")
	alpha, _ := f.Value("alpha")
	fmt.Println(v.DType, v.Shape, layer, alpha)
	// Output: F32 [6] 24 256
}
