package tokenizer

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// realFiles is the directory with tokenizers that packages ship and their
// dumps, which .ci/tokenizer_files.py makes.
func realFiles(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("AGAR_TOKENIZERS")
	if dir == "" {
		t.Skip("AGAR_TOKENIZERS is not set")
	}
	return dir
}

// eachLine decodes every line of a JSONL file.
func eachLine[T any](t testing.TB, path string, f func(i int, v T)) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	in := bufio.NewScanner(file)
	in.Buffer(nil, 1<<24)
	for i := 0; in.Scan(); i++ {
		var v T
		if err := json.Unmarshal(in.Bytes(), &v); err != nil {
			t.Fatalf("%s:%d: %v", path, i+1, err)
		}
		f(i, v)
	}
	if err := in.Err(); err != nil {
		t.Fatal(err)
	}
}

func readTexts(t testing.TB, dir string) (texts []string) {
	t.Helper()
	eachLine(t, filepath.Join(dir, "texts.jsonl"), func(_ int, s string) { texts = append(texts, s) })
	if len(texts) < 4500 {
		t.Fatalf("%d texts, expected 4,500 or more", len(texts))
	}
	return texts
}

func hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}

func hashIDs(ids []int32) string {
	var b []byte
	for _, id := range ids {
		b = binary.LittleEndian.AppendUint32(b, uint32(id))
	}
	return hash(b)
}

func hashOffsets(offsets [][2]int) string {
	var b []byte
	for _, o := range offsets {
		b = binary.LittleEndian.AppendUint32(b, uint32(o[0]))
		b = binary.LittleEndian.AppendUint32(b, uint32(o[1]))
	}
	return hash(b)
}

// answer is a line of a dump: tokens, ids, offsets, ids without special tokens,
// decoded text; empty ones were not asked for.
type answer [5]any

// check says what differs; decode is called with the ids that were found right.
func (a answer) check(t testing.TB, tok *Tokenizer, s string) string {
	e := encoded(t, tok, s, true)
	if n, _ := a[0].(float64); int(n) != len(e.IDs) || hashIDs(e.IDs) != a[1] {
		return fmt.Sprintf("ids (%d, want %v) %v", len(e.IDs), a[0], clip(e.IDs))
	}
	if a[2] != "" && hashOffsets(e.Offsets) != a[2] {
		return fmt.Sprintf("offsets %v of %v", clip(e.Offsets), clip(e.IDs))
	}
	if a[3] != "" && hashIDs(encoded(t, tok, s, false).IDs) != a[3] {
		return "ids without special tokens"
	}
	if d := tok.Decode(e.IDs, false); a[4] != "" && hash([]byte(d)) != a[4] {
		return fmt.Sprintf("decoded %.80q", d)
	}
	return ""
}

// Every tokenizer.json that packages ship is what Hugging Face's library makes
// of it, on awkward texts and on 10 MB of ordinary ones.
func TestRealFiles(t *testing.T) {
	dir := realFiles(t)
	texts := readTexts(t, dir)
	files, _ := filepath.Glob(filepath.Join(dir, "*.json"))
	if len(files) < 24 {
		t.Errorf("%d tokenizers, expected 24 or more", len(files))
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".json"), func(t *testing.T) { checkReal(t, f, texts) })
	}
}

func checkReal(t *testing.T, path string, texts []string) {
	began := time.Now()
	tok, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	load := time.Since(began)
	wrong, none, bytes := 0, 0, 0
	eachLine(t, strings.TrimSuffix(path, ".json")+".jsonl", func(i int, a *answer) {
		bytes += len(texts[i])
		if a == nil {
			none++
			return
		}
		if what := a.check(t, tok, texts[i]); what != "" {
			if wrong++; wrong <= 5 {
				t.Errorf("text %d %.120q: %s", i, texts[i], what)
			}
		}
	})
	if m, ok := tok.model.(*unigram); none > 0 && (!ok || m.unk >= 0) {
		t.Errorf("%d texts without answer, though every character has one", none)
	}
	t.Logf("%d wrong of %d texts, %.1f MB, in %.1f s; loaded in %.2f s; %d without answer", wrong, len(texts), float64(bytes)/1e6, time.Since(began).Seconds(), load.Seconds(), none)
}

// Every tokenizer.model that packages ship makes the ids of the SentencePiece
// library, on texts without the names of special tokens, which only Hugging
// Face's tokenizers find in texts.
func TestSentencePieceFiles(t *testing.T) {
	dir := realFiles(t)
	texts := readTexts(t, dir)
	files, _ := filepath.Glob(filepath.Join(dir, "*.model"))
	if len(files) < 5 {
		t.Errorf("%d models, expected 5 or more", len(files))
	}
	for _, f := range files {
		t.Run(filepath.Base(f), func(t *testing.T) { checkPieces(t, f, texts) })
	}
}

func checkPieces(t *testing.T, path string, texts []string) {
	tok, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	wrong, named := 0, 0
	eachLine(t, strings.TrimSuffix(path, ".model")+".jsonl", func(i int, a answer) {
		if tok.names(texts[i]) {
			named++
			return
		}
		if what := a.check(t, tok, texts[i]); what != "" {
			if wrong++; wrong <= 5 {
				t.Errorf("text %d %.120q: %s", i, texts[i], what)
			}
		}
	})
	t.Logf("%d wrong of %d texts, %d with names of special tokens left out", wrong, len(texts), named)
	if named > len(texts)/10 {
		t.Errorf("%d of %d texts left out", named, len(texts))
	}
}

// names says whether s has the name of a special token in it.
func (t *Tokenizer) names(s string) (found bool) {
	t.raw.split(newText(s), func(text) {}, func(a *addedToken, _ text) { found = found || a.Special })
	return found
}
