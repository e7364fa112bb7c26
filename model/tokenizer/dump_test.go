package tokenizer

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// record is a line of a golden or a dump, see testdata/dump_tokenizer.py.
type record struct {
	Text      string   `json:"text"`
	IDs       []int32  `json:"ids"`
	NoSpecial []int32  `json:"ids_nospecial"`
	Offsets   [][2]int `json:"offsets"`
	Decode    string   `json:"decode"`
}

// compare checks every line of a JSONL file against t and reports how many
// there were.
func compare(t *testing.T, tok *Tokenizer, path string) (lines, bytes int) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	in := bufio.NewScanner(f)
	in.Buffer(nil, 1<<24)
	wrong := 0
	for ; in.Scan() && wrong < 10; lines++ {
		var r record
		if err := json.Unmarshal(in.Bytes(), &r); err != nil {
			t.Fatalf("%s:%d: %v", path, lines+1, err)
		}
		bytes += len(r.Text)
		if !r.check(t, tok) {
			wrong++
		}
	}
	if err := in.Err(); err != nil {
		t.Fatal(err)
	}
	return lines, bytes
}

// check compares ids with and without special tokens, offsets and the decoded
// text.
func (r *record) check(t *testing.T, tok *Tokenizer) bool {
	t.Helper()
	e := encoded(t, tok, r.Text, true)
	if !equal(e.IDs, r.IDs) {
		t.Errorf("%.80q: ids %v, want %v", r.Text, clip(e.IDs), clip(r.IDs))
		return false
	}
	if !equal(e.Offsets, r.Offsets) {
		t.Errorf("%.80q: offsets %v, want %v", r.Text, clip(e.Offsets), clip(r.Offsets))
		return false
	}
	if ids := encoded(t, tok, r.Text, false).IDs; !equal(ids, r.NoSpecial) {
		t.Errorf("%.80q: ids without special tokens %v, want %v", r.Text, clip(ids), clip(r.NoSpecial))
		return false
	}
	if s := tok.Decode(r.IDs, false); s != r.Decode {
		t.Errorf("%.80q: decoded %.80q, want %.80q", r.Text, s, r.Decode)
		return false
	}
	return true
}

func equal[T comparable](a, b []T) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func clip[T any](s []T) []T { return s[:min(len(s), 24)] }

// TestDumps compares with large dumps of real tokenizers.
func TestDumps(t *testing.T) {
	root := os.Getenv("AGAR_DUMPS")
	if root == "" {
		t.Skip("AGAR_DUMPS is not set")
	}
	files, err := filepath.Glob(filepath.Join(root, "tokenizer", "*.jsonl"))
	if err != nil || len(files) == 0 {
		t.Skipf("no dumps in %s/tokenizer", root)
	}
	for _, f := range files {
		t.Run(filepath.Base(f), func(t *testing.T) {
			tok, err := Open(strings.TrimSuffix(f, ".jsonl") + ".tokenizer.json")
			if err != nil {
				t.Fatal(err)
			}
			lines, bytes := compare(t, tok, f)
			if lines < 2000 {
				t.Errorf("%d texts, expected 2,000 or more", lines)
			}
			t.Logf("%d texts, %d bytes: ids, offsets and decoded texts equal", lines, bytes)
		})
	}
}
