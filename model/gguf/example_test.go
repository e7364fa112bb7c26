package gguf_test

import (
	"fmt"

	"agar/model/gguf"
)

func Example() {
	f, err := gguf.Open("testdata/all.gguf")
	if err != nil {
		panic(err)
	}
	defer f.Close()
	w, err := f.Tensor("blk.0.q4_1")
	if err != nil {
		panic(err)
	}
	fmt.Println(f.Architecture(), w.Name, w.DType, w.Shape, len(w.Data))
	// Output: llama blk.0.q4_1 Q4_1 [3 64] 120
}
