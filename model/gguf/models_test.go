package gguf

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"agar/model/tokenizer"
	"agar/model/tokenizer/tokenizertest"
)

// checkModel opens a GGUF file, touches every tensor, and compares its
// tokenizer with each tokenizer.json among dirs that has the same vocabulary.
func checkModel(t *testing.T, name string, dirs []string) (compared int) {
	f, err := Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, x := range f.Tensors() {
		if _, err := f.Tensor(x.Name); err != nil {
			t.Log(err)
		}
	}
	tok, err := f.Tokenizer()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range dirs {
		hf, err := tokenizer.Open(d)
		if err != nil || !sameVocabulary(tok, hf) {
			continue
		}
		compared++
		for i, text := range texts(t) {
			a, b := tokenizertest.Encode(t, tok, text, true), tokenizertest.Encode(t, hf, text, true)
			if fmt.Sprint(a) != fmt.Sprint(b) {
				t.Fatalf("text %d %.60q: %v, want %v", i, text, a.IDs, b.IDs)
			}
		}
		t.Logf("%s: ids and offsets equal to %s on %d texts", name, d, len(texts(t)))
	}
	return compared
}

func sameVocabulary(a, b *tokenizer.Tokenizer) bool {
	if a.Size() != b.Size() {
		return false
	}
	for id := range int32(a.Size()) {
		x, _ := a.Token(id)
		if y, _ := b.Token(id); x != y {
			return false
		}
	}
	return true
}

// texts are the test data of the tokenizer package, which hold whatever is
// awkward, whole and line by line.
func texts(t *testing.T) (out []string) {
	files, err := filepath.Glob("../tokenizer/*/*.*")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		s := string(b)
		out = append(out, s)
		out = append(out, strings.SplitAfter(s, "\n")...)
	}
	return out
}
