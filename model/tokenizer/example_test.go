package tokenizer_test

import (
	"fmt"

	"agar/model/tokenizer"
)

func Example() {
	tok, err := tokenizer.Open("testdata/smollm.json")
	if err != nil {
		panic(err)
	}
	text := "the girl's 42 é"
	e, err := tok.Encode(text, true)
	if err != nil {
		panic(err)
	}
	for i, id := range e.IDs {
		o := e.Offsets[i]
		fmt.Printf("%q %d:%d\n", tok.Piece(id), o[0], o[1])
	}
	fmt.Println(tok.Decode(e.IDs, true) == text)
	// Output:
	// "the" 0:3
	// " g" 3:5
	// "ir" 5:7
	// "l" 7:8
	// "'s" 8:10
	// " " 10:11
	// "4" 11:12
	// "2" 12:13
	// " " 13:14
	// "⟨C3⟩" 14:16
	// "⟨A9⟩" 14:16
	// true
}
