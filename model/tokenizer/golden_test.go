package tokenizer

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The goldens come from testdata/make_goldens.py.
func TestGoldens(t *testing.T) {
	files, _ := filepath.Glob("testdata/*.json")
	if len(files) != 12 {
		t.Fatalf("found %d tokenizers, expected 12", len(files))
	}
	for _, f := range files {
		t.Run(filepath.Base(f), func(t *testing.T) {
			tok, err := Open(f)
			if err != nil {
				t.Fatal(err)
			}
			if n, _ := compare(t, tok, f+"l"); n < 40 {
				t.Errorf("%d texts, expected 40 or more", n)
			}
		})
	}
}

// componentCase is a line of components.jsonl: a tokenizer whose model knows
// one word, so that offsets show what normalizer and pre-tokenizer did.
type componentCase struct {
	Tokenizer json.RawMessage      `json:"tokenizer"`
	Cases     [][2]json.RawMessage `json:"cases"`
}

func TestComponents(t *testing.T) {
	f, err := os.Open("testdata/components.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	in, n := bufio.NewScanner(f), 0
	in.Buffer(nil, 1<<20)
	for ; in.Scan(); n++ {
		var c componentCase
		if err := json.Unmarshal(in.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		c.check(t)
	}
	if n < 65 {
		t.Errorf("%d combinations, expected 65 or more", n)
	}
}

func (c *componentCase) check(t *testing.T) {
	t.Helper()
	name := c.describe()
	tok, err := Parse(c.Tokenizer)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	for _, k := range c.Cases {
		var text string
		var want [][2]int
		if json.Unmarshal(k[0], &text) != nil || json.Unmarshal(k[1], &want) != nil {
			t.Fatalf("%s: bad case %s", name, k)
		}
		if got := encoded(t, tok, text, true).Offsets; !equal(got, want) {
			t.Errorf("%s: %q: offsets %v, want %v", name, text, got, want)
		}
	}
}

// describe names the components that are tested.
func (c *componentCase) describe() string {
	var parts struct {
		Normalizer   json.RawMessage `json:"normalizer"`
		PreTokenizer json.RawMessage `json:"pre_tokenizer"`
	}
	_ = json.Unmarshal(c.Tokenizer, &parts)
	return strings.TrimPrefix(string(parts.Normalizer), "null") + string(parts.PreTokenizer)
}

// Decoders make of lists of tokens what Hugging Face's do.
func TestDecoders(t *testing.T) {
	n := 0
	eachLine(t, "testdata/decoders.jsonl", func(_ int, c struct {
		Decoder *component
		Cases   [][2]json.RawMessage
	}) {
		n++
		ds, err := c.Decoder.decoders("decoder")
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range c.Cases {
			var tokens []string
			var want string
			if json.Unmarshal(k[0], &tokens) != nil || json.Unmarshal(k[1], &want) != nil {
				t.Fatalf("bad case %s", k)
			}
			for _, d := range ds {
				tokens = d.decode(tokens)
			}
			if got := strings.Join(tokens, ""); got != want {
				t.Errorf("%s of %s: %q, want %q", c.Decoder.Type, k[0], got, want)
			}
		}
	})
	if n < 19 {
		t.Errorf("%d decoders, expected 19 or more", n)
	}
}

// SentencePiece's models make the ids of its library.
func TestPieceGoldens(t *testing.T) {
	files, _ := filepath.Glob("testdata/*.model")
	if len(files) != 4 {
		t.Fatalf("found %d models, expected 4", len(files))
	}
	for _, f := range files {
		tok, err := Open(f)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		eachLine(t, f+".jsonl", func(_ int, c struct {
			Text   string
			IDs    []int32
			Decode *string
		}) {
			n++
			e := encoded(t, tok, c.Text, true)
			if !equal(e.IDs, c.IDs) {
				t.Errorf("%s: %q: ids %v, want %v", f, c.Text, e.IDs, c.IDs)
			}
			if got := tok.Decode(c.IDs, false); c.Decode != nil && got != *c.Decode {
				t.Errorf("%s: %q: decoded %q, want %q", f, c.Text, got, *c.Decode)
			}
			checkEncoding(t, tok, c.Text, e)
		})
		if n < 150 {
			t.Errorf("%s: %d texts, expected 150 or more", f, n)
		}
	}
}
