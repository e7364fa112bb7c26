package activations

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"agar/model/chat"
	"agar/model/tokenizer"
)

// words is a tokenizer of seven words that puts <s> before a text.
func words(t testing.TB) *tokenizer.Tokenizer {
	t.Helper()
	tok, err := tokenizer.Parse([]byte(`{
		"added_tokens": [{"id": 0, "content": "<s>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true}],
		"normalizer": null, "pre_tokenizer": {"type": "WhitespaceSplit"}, "decoder": null,
		"post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
			"pair": [], "special_tokens": {"<s>": {"id": "<s>", "ids": [0], "tokens": ["<s>"]}}},
		"model": {"type": "WordLevel", "unk_token": "?", "vocab": {"<s>": 0, "?": 1, "one": 2, "two": 3, "three": 4, "user:": 5, "bot:": 6}}}`))
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// turns is a chat template in words' words.
func turns(t testing.TB) *chat.Template {
	t.Helper()
	tpl, err := chat.Parse(`{{ bos_token }}{% for m in messages %} {{ 'user:' if m.role == 'user' else 'bot:' }} {{ m.content }}{% endfor %}`, map[string]string{"bos_token": "<s>"})
	if err != nil {
		t.Fatal(err)
	}
	return tpl
}

// documents reads data under a file name, or from standard input for "-".
func documents(t testing.TB, name, data string, o DocumentOptions) (*File, error) {
	t.Helper()
	path := "-"
	if name == "-" {
		o.Stdin = strings.NewReader(data)
	} else {
		path = filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(data), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	f, err := OpenDocuments(path, words(t), turns(t), o)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f, nil
}

// allDocuments reads to the end or the first error.
func allDocuments(f *File) (out []Document, err error) {
	for {
		d, err := f.Next()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		out = append(out, d)
	}
}

func TestDocuments(t *testing.T) {
	for _, c := range []struct {
		name, file, data string
		chat             bool
		want             string // index ids roles prefix; …
	}{
		{"text", "a.jsonl", `{"text": "one two"}`, false, "0 [0 2 3] [] 1"},
		{"other members", "a.jsonl", `{"id": 7, "text": "one"}`, false, "0 [0 2] [] 1"},
		{"blank and empty", "a.jsonl", "\n{\"text\": \"\"}\n \n{\"text\": \"one\"}\n{\"tokens\": []}\n{\"messages\": []}\n{\"text\": \"two\"}\n", false, "1 [0 2] [] 1; 4 [0 3] [] 1"},
		{"only spaces", "a.jsonl", "{\"text\": \"  \"}\n{\"text\": \"one\"}", false, "1 [0 2] [] 1"},
		{"tokens", "a.jsonl", `{"tokens": [2, 3]}`, false, "0 [2 3] [] 0"},
		{"tokens with prefix", "a.jsonl", `{"tokens": [0, 3]}`, false, "0 [0 3] [] 1"},
		{"tokens with roles", "a.jsonl", `{"tokens": [2, 3], "roles": [5, 2]}`, false, "0 [2 3] [5 2] 0"},
		{"messages", "a.jsonl", `{"messages": [{"role": "user", "content": "one"}, {"role": "assistant", "content": "two"}]}`, false, "0 [0 5 2 6 3] [5 5 2 5 3] 1"},
		{"text as chat", "a.jsonl", `{"text": "one"}`, true, "0 [0 5 2] [5 5 2] 1"},
		{"no second prefix", "a.jsonl", `{"text": "<s> one"}`, false, "0 [0 2] [] 1"},
		{"byte order mark", "a.jsonl", "\ufeff" + `{"text": "one"}`, false, "0 [0 2] [] 1"},
		{"paragraphs", "a.txt", "one\ntwo\n\n \n\nthree\n", false, "0 [0 2 3] [] 1; 1 [0 4] [] 1"},
		{"no newline at the end", "a.txt", "one\n\ntwo", false, "0 [0 2] [] 1; 1 [0 3] [] 1"},
		{"braces in .txt", "a.txt", `{"text": "one"}`, false, "0 [0 1 1] [] 1"},
		{"JSONL by its first character", "a.data", " \n{\"text\": \"one\"}", false, "0 [0 2] [] 1"},
		{"text by its first character", "a.data", "one", false, "0 [0 2] [] 1"},
		{"JSONL from standard input", "-", `{"text": "one"}`, false, "0 [0 2] [] 1"},
		{"text from standard input", "-", "one\n\ntwo", false, "0 [0 2] [] 1; 1 [0 3] [] 1"},
		{"nothing", "a.jsonl", "", false, ""},
		{"nothing but lines", "a.txt", "\n\n\n", false, ""},
	} {
		f, err := documents(t, c.file, c.data, DocumentOptions{Chat: c.chat})
		if err != nil {
			t.Fatal(err)
		}
		docs, err := allDocuments(f)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		var got []string
		for _, d := range docs {
			got = append(got, fmt.Sprintf("%d %v %v %d", d.Index, d.IDs, d.Roles, d.Prefix))
		}
		if s := strings.Join(got, "; "); s != c.want {
			t.Errorf("%s: found %q, expected %q", c.name, s, c.want)
		}
		if read, _ := f.Position(); read != int64(len(c.data)) {
			t.Errorf("%s: read %d of %d bytes", c.name, read, len(c.data))
		}
		if sum := sha256.Sum256([]byte(c.data)); f.Ref().SHA256 != hex.EncodeToString(sum[:]) {
			t.Errorf("%s: the reference is %v", c.name, f.Ref())
		}
	}
}

func TestDocumentErrorsNameTheLine(t *testing.T) {
	for _, c := range []struct{ name, file, data, want string }{
		{"no JSON", "a.jsonl", "{\"text\": \"one\"}\n\n{\"text\": ", "a.jsonl: line 3: "},
		{"no object", "a.jsonl", "[1]", "line 1: found a JSON array, expected an object"},
		{"wrong type", "a.jsonl", `{"text": 5}`, `line 1: column 10: "text": found number, expected string`},
		{"unknown members", "a.jsonl", `{"prompt": "x", "answer": "y"}`, "line 1: found members answer, prompt, expected one of text, messages, tokens"},
		{"null", "a.jsonl", `{"text": null}`, "line 1: found members text, expected one of text, messages, tokens"},
		{"two kinds", "a.jsonl", `{"text": "x", "tokens": [1]}`, "found text and tokens, expected exactly one"},
		{"roles alone", "a.jsonl", `{"text": "x", "roles": [1]}`, "found roles without tokens"},
		{"token beyond", "a.jsonl", `{"tokens": [2, 7]}`, "line 1: token 1: found id 7, expected 0 to 6"},
		{"token below", "a.jsonl", `{"tokens": [-1]}`, "token 0: found id -1"},
		{"roles too few", "a.jsonl", `{"tokens": [2, 3], "roles": [1]}`, "found 1 roles, expected 2"},
		{"role beyond", "a.jsonl", `{"tokens": [2], "roles": [6]}`, "role 0: found 6, expected 0 to 5"},
		{"message without role", "a.jsonl", `{"messages": [{"content": "x"}]}`, "line 1: "},
		{"bytes", "a.jsonl", "{\"text\": \"\xff\"}", "line 1: found bytes that are no UTF-8"},
		{"bytes in a text", "a.txt", "one\n\ntwo\n\xff\n", "a.txt: line 3: found bytes that are no UTF-8"},
		{"standard input", "-", "{\"text\": \"one\"}\n{", "standard input: line 2: "},
	} {
		f, err := documents(t, c.file, c.data, DocumentOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err = allDocuments(f); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: found %v, expected %q", c.name, err, c.want)
		}
	}
	if _, err := OpenDocuments(filepath.Join(t.TempDir(), "none"), nil, nil, DocumentOptions{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: found %v", err)
	}
	if _, err := OpenDocuments(t.TempDir(), nil, nil, DocumentOptions{}); err == nil {
		t.Error("opened a directory")
	}
	for _, line := range []string{`{"text": "x"}`, `{"messages": [{"role": "user", "content": "x"}]}`} {
		f, err := OpenDocuments("-", nil, nil, DocumentOptions{Stdin: strings.NewReader(line)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Next(); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("%s without a tokenizer: found %v", line, err)
		}
	}
}

// TestCaptureOfStandardInputIsTheFiles: the data's name is all that differs.
func TestCaptureOfStandardInputIsTheFiles(t *testing.T) {
	var data strings.Builder
	for i := range 90 {
		fmt.Fprintf(&data, "one two three%s\n\n", strings.Repeat(" two", i%30))
	}
	dirs := []string{filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b")}
	var sums []string
	for i, name := range []string{"data.txt", "-"} {
		f, err := documents(t, name, data.String(), DocumentOptions{})
		if err != nil {
			t.Fatal(err)
		}
		o := fakeOptions(dirs[i])
		o.Prefix, o.Tokens = []int32{0}, 700
		mustCapture(t, o, newFake(), f)
		s := mustOpen(t, dirs[i])
		sum, _ := json.Marshal(s.Manifest().Checksums)
		sums = append(sums, string(sum))
		if d := s.Manifest().Data; len(d.SHA256) != 64 || (d.Path == "-") != (name == "-") {
			t.Errorf("%s: data %+v", name, d)
		}
		v, err := Verify(t.Context(), dirs[i])
		if err != nil || !v.OK() {
			t.Errorf("%s: %v, %+v", name, err, v)
		}
	}
	if sums[0] != sums[1] {
		t.Error("standard input gives other shards than the file")
	}
}

func FuzzJSONLDocuments(f *testing.F) {
	for _, s := range []string{
		`{"text": "one two"}`, `{"tokens": [2, 3], "roles": [0, 5]}`, `{"messages": [{"role": "user", "content": "one"}]}`,
		"{\"text\": \"a\"}\n\n{\"text\": \"<s> b\"}", `{"tokens": [99]}`, "\ufeff{}", `{"text": null, "messages": null}`, "one\n\ntwo",
	} {
		f.Add(s, true)
		f.Add(s, false)
	}
	tok, tpl := words(f), turns(f)
	f.Fuzz(func(t *testing.T, data string, jsonl bool) {
		d := &File{tok: tok, tpl: tpl, r: newLineReader("fuzz", strings.NewReader(data))}
		d.next = d.paragraph
		if jsonl {
			d.next = d.record
		}
		last := int32(-1)
		for {
			doc, err := d.Next()
			if err != nil {
				if !errors.Is(err, io.EOF) && !strings.Contains(err.Error(), "fuzz: line ") {
					t.Fatalf("an error without its line: %v", err)
				}
				return
			}
			if doc.Index <= last || len(doc.IDs) == 0 || doc.Roles != nil && len(doc.Roles) != len(doc.IDs) || !slices.Equal(doc.IDs[:doc.Prefix], tok.Prefix()[:doc.Prefix]) {
				t.Fatalf("document %+v after %d", doc, last)
			}
			for _, id := range doc.IDs {
				if id < 0 || int(id) >= tok.Size() {
					t.Fatalf("document %+v has the id %d", doc, id)
				}
			}
			last = doc.Index
		}
	})
}
