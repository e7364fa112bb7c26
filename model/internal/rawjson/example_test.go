package rawjson_test

import (
	"fmt"

	"agar/model/internal/rawjson"
)

func Example() {
	fmt.Println(rawjson.Values([]byte(`{"a": [1, 2, "x, [\"y"], "b": {}}`)))
	s, ok := rawjson.Unescape(nil, []byte(`caf\u00e9 \ud83d\ude00`))
	fmt.Println(string(s), ok)
	// Output:
	// 6
	// café 😀 true
}
