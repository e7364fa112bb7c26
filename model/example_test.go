package model_test

import (
	"context"
	"fmt"

	"agar/model"
	"agar/model/lora"
)

// A residual is read with and without an adapter, at a dial of 2.
func Example() {
	m, err := model.Open("testdata/tied", model.Options{})
	if err != nil {
		panic(err)
	}
	defer m.Close()
	l, err := lora.Load("testdata/tied/r1")
	if err != nil {
		panic(err)
	}
	a, err := m.Attach(l, model.AttachOptions{})
	if err != nil {
		panic(err)
	}
	fmt.Println("first hook the adapter can change:", a.FirstHook())

	req := model.Request{Seqs: [][]int32{{0, 7, 9}, {0, 12}}, Reads: []string{"blocks.1.hook_resid_mid", "blocks.1.hook_resid_post"}}
	base, err := m.Forward(context.Background(), &req)
	if err != nil {
		panic(err)
	}
	req.Adapter, req.Lambda = a, 2
	adapted, err := m.Forward(context.Background(), &req)
	if err != nil {
		panic(err)
	}
	for _, h := range req.Reads {
		same := true
		for i, v := range base.Hooks[h] {
			same = same && v == adapted.Hooks[h][i]
		}
		fmt.Printf("%s: %d rows, same %v\n", h, base.Rows, same)
	}
	// Output:
	// first hook the adapter can change: blocks.1.hook_mlp_out
	// blocks.1.hook_resid_mid: 5 rows, same true
	// blocks.1.hook_resid_post: 5 rows, same false
}
