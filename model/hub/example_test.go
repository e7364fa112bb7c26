package hub_test

import (
	"fmt"

	"agar/model/hub"
)

func ExampleParseRef() {
	r, err := hub.ParseRef("Qwen/Qwen2.5-0.5B-Instruct@v1.0")
	fmt.Println(r.Repo, r.Revision, err)
	// Output: Qwen/Qwen2.5-0.5B-Instruct v1.0 <nil>
}
