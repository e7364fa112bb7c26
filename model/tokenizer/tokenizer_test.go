package tokenizer

import (
	"os"
	"strings"
	"sync"
	"testing"
)

func open(t testing.TB, name string) *Tokenizer {
	t.Helper()
	tok, err := Open("testdata/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func TestAccessors(t *testing.T) {
	tok := open(t, "qwen2")
	bos, ok := tok.ID("<s>")
	if !ok || !tok.IsSpecial(bos) {
		t.Fatalf("<s> is %d, %v, special %v", bos, ok, tok.IsSpecial(bos))
	}
	if p := tok.Prefix(); !equal(p, []int32{bos, bos}) {
		t.Errorf("prefix %v, want <s> twice (%d)", p, bos)
	}
	end, _ := tok.ID("<|im_end|>")
	if e := encoded(t, tok, "", true); !equal(e.IDs, []int32{bos, bos, end}) || !equal(e.Offsets, make([][2]int, 3)) {
		t.Errorf("the empty text is %v", e)
	}
	for _, id := range tok.Specials() {
		if s := tok.Decode([]int32{id}, true); s != "" {
			t.Errorf("special token %d decodes as %q", id, s)
		}
	}
	if n := tok.Size(); n != 411 {
		t.Errorf("size %d, want 411", n)
	}
	if s, ok := tok.Token(end); s != "<|im_end|>" || !ok {
		t.Errorf("token %d is %q, %v", end, s, ok)
	}
	if _, ok := tok.Token(-1); ok {
		t.Error("there is a token −1")
	}
	if s := tok.Decode([]int32{-1, 1 << 30, end}, false); s != "<|im_end|>" {
		t.Errorf("unknown ids decode as %q", s)
	}
	if len(tok.SHA256()) != 64 {
		t.Errorf("SHA-256 %q", tok.SHA256())
	}
}

func TestPrefixIsEmptyWithoutTemplate(t *testing.T) {
	if p := open(t, "smollm").Prefix(); len(p) != 0 {
		t.Errorf("prefix %v", p)
	}
}

// Invalid UTF-8 reads as one U+FFFD for every maximal subpart.
func TestInvalidUTF8(t *testing.T) {
	tok := open(t, "smollm")
	for _, c := range []struct {
		in, as string
		widths []int // bytes of in that each character of as covers
	}{
		{"a\xffb", "a\ufffdb", []int{1, 1, 1}},
		{"\xe2\x82", "\ufffd", []int{2}},
		{"\xe2\x82x", "\ufffdx", []int{2, 1}},
		{"\xed\xa0\x80", "\ufffd\ufffd\ufffd", []int{1, 1, 1}},
		{"\xf0\x9f\x98\xf0\x9f\x98\x80", "\ufffd😀", []int{3, 4}},
		{"\xc0\xaf", "\ufffd\ufffd", []int{1, 1}},
	} {
		got, want := encoded(t, tok, c.in, true), encoded(t, tok, c.as, true)
		if !equal(got.IDs, want.IDs) {
			t.Errorf("%q: ids %v, want those of %q: %v", c.in, got.IDs, c.as, want.IDs)
		}
		if at := translate(c.as, c.widths, want.Offsets); !equal(got.Offsets, at) {
			t.Errorf("%q: offsets %v, want %v", c.in, got.Offsets, at)
		}
	}
}

// translate moves offsets in s to a text whose characters have other widths.
func translate(s string, widths []int, offsets [][2]int) [][2]int {
	at, pos, k := map[int]int{}, 0, 0
	for i := range s {
		at[i] = pos
		pos += widths[k]
		k++
	}
	at[len(s)] = pos
	out := make([][2]int, len(offsets))
	for i, o := range offsets {
		out[i] = [2]int{at[o[0]], at[o[1]]}
	}
	return out
}

func TestPiece(t *testing.T) {
	for _, c := range []struct{ file, token, want string }{
		{"smollm", "Ġthe", " the"},
		{"smollm", "Ċ", "\n"},
		{"smollm", "â", "⟨E2⟩"},
		{"smollm", "<|im_end|>", "<|im_end|>"},
		{"llama2", "▁a", " a"},
		{"llama2", "<0x41>", "<0x41>"}, // special in this tokenizer
		{"words", "日本語のテキスト", "日本語のテキスト"},
	} {
		tok := open(t, c.file)
		id, ok := tok.ID(c.token)
		if got := tok.Piece(id); !ok || got != c.want {
			t.Errorf("%s: piece of %q (%d, %v) is %q, want %q", c.file, c.token, id, ok, got, c.want)
		}
	}
	if got := open(t, "words").Piece(99); got != "⟨id 99⟩" {
		t.Errorf("piece of an unknown id is %q", got)
	}
}

// Pieces of a byte-level tokenizer joined are the text where every token is
// whole characters.
func TestPiecesJoinToText(t *testing.T) {
	tok := open(t, "smollm")
	text := "The girl's house (1 + 2)\n\tby the river."
	var b strings.Builder
	for _, id := range encoded(t, tok, text, false).IDs {
		b.WriteString(tok.Piece(id))
	}
	if b.String() != text {
		t.Errorf("pieces join to %q, want %q", b.String(), text)
	}
}

func TestConcurrentEncode(t *testing.T) {
	raw, err := os.ReadFile("testdata/texts.py")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(raw), "\n")
	tok, alone := open(t, "qwen2"), open(t, "qwen2")
	want := make([][]int32, len(lines))
	for i, l := range lines {
		want[i] = encoded(t, alone, l, true).IDs
	}
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for k := range lines {
				i := (k*7 + w*13) % len(lines)
				if got := encoded(t, tok, lines[i], true).IDs; !equal(got, want[i]) {
					t.Errorf("line %d: ids %v, want %v", i, got, want[i])
				}
			}
		})
	}
	wg.Wait()
}

func TestOpenDirectory(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(dir); err == nil {
		t.Error("a directory without a tokenizer.json opened")
	}
	b, err := os.ReadFile("testdata/words.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/tokenizer.json", b, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); err != nil {
		t.Error(err)
	}
}

// A tokenizer made of parts is the one that the file describes.
func TestFromParts(t *testing.T) {
	file := open(t, "smollm")
	p := Parts{Digits: true, Control: file.Specials()}
	p.Tokens = file.tokens
	for _, m := range mergesOf(t, "smollm") {
		p.Merges = append(p.Merges, m[0]+" "+m[1])
	}
	tok, err := FromParts(p)
	if err != nil {
		t.Fatal(err)
	}
	if n, _ := compare(t, tok, "testdata/smollm.jsonl"); n < 40 {
		t.Errorf("%d texts", n)
	}
	for name, breakIt := range map[string]func(*Parts){
		"twice":   func(p *Parts) { p.Tokens = append([]string{p.Tokens[1]}, p.Tokens...) },
		"merge":   func(p *Parts) { p.Merges = []string{"ab"} },
		"control": func(p *Parts) { p.Control = []int32{1 << 20} },
		"prefix":  func(p *Parts) { p.Prefix = []int32{-5} },
		"pattern": func(p *Parts) { p.Pattern = "(" },
	} {
		q := p
		breakIt(&q)
		if _, err := FromParts(q); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// encoded is the encoding of a text whose patterns find an end.
func encoded(t testing.TB, tok *Tokenizer, text string, addSpecial bool) Encoding {
	t.Helper()
	e, err := tok.Encode(text, addSpecial)
	if err != nil {
		t.Fatal(err)
	}
	return e
}
