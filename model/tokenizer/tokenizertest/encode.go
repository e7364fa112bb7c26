package tokenizertest

import (
	"testing"

	"agar/model/tokenizer"
)

// Encode is the encoding of a text, and ends the test when a pattern finds no end.
func Encode(t testing.TB, tok *tokenizer.Tokenizer, text string, addSpecial bool) tokenizer.Encoding {
	t.Helper()
	e, err := tok.Encode(text, addSpecial)
	if err != nil {
		t.Fatal(err)
	}
	return e
}
