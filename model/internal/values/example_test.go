package values_test

import (
	"fmt"

	"agar/model/internal/values"
)

func Example() {
	fmt.Println(values.Count([]byte(`{"a": [1, 2, "x, [\"y"], "b": {}}`)))
	// Output: 6
}
