package chat

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"agar/model/tokenizer"
)

// TestDumps compares texts and ids with what transformers' apply_chat_template
// made of them: AGAR_DUMPS/chat/NAME.jsonl, with the golden template and the
// dumped tokenizer of that name.
func TestDumps(t *testing.T) {
	root := os.Getenv("AGAR_DUMPS")
	if root == "" {
		t.Skip("AGAR_DUMPS is not set")
	}
	files, _ := filepath.Glob(filepath.Join(root, "chat", "*.jsonl"))
	if len(files) == 0 {
		t.Skipf("no dumps in %s/chat", root)
	}
	for _, path := range files {
		name := strings.TrimSuffix(filepath.Base(path), ".jsonl")
		tok, err := tokenizer.Open(filepath.Join(root, "tokenizer", name+".tokenizer.json"))
		if err != nil {
			t.Skipf("no tokenizer was dumped: %v", err)
		}
		compareDump(t, path, named(t, name), tok)
	}
}

func compareDump(t *testing.T, path string, tpl *Template, tok *tokenizer.Tokenizer) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n := 0
	for in := bufio.NewScanner(f); in.Scan(); n++ {
		var c struct {
			Messages []Message `json:"messages"`
			Generate bool      `json:"add_generation_prompt"`
			Text     string    `json:"text"`
			IDs      []int32   `json:"ids"`
		}
		if err := json.Unmarshal(in.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		r, err := tpl.Render(c.Messages, c.Generate)
		if err != nil || r.Text != c.Text {
			t.Errorf("%s: %q, %v; want %q", path, r.Text, err, c.Text)
		}
		if ids, _, err := tpl.Tokenize(tok, c.Messages, c.Generate); err != nil || !slices.Equal(ids, c.IDs) {
			t.Errorf("%s: ids of %q: %v, %v; want %v", path, c.Text, ids, err, c.IDs)
		}
	}
	if n < 10 {
		t.Errorf("%s: %d conversations, expected 10 or more", path, n)
	}
	t.Logf("%s: %d conversations, texts and ids equal", path, n)
}
