package tokenizer

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// benchmarkTokenizer is SmolLM2's when AGAR_DUMPS has it, else a small one.
func benchmarkTokenizer(b *testing.B) *Tokenizer {
	if root := os.Getenv("AGAR_DUMPS"); root != "" {
		if tok, err := Open(filepath.Join(root, "tokenizer", "smollm2.tokenizer.json")); err == nil {
			return tok
		}
	}
	b.Log("a small tokenizer; AGAR_DUMPS with smollm2.tokenizer.json gives SmolLM2's")
	return open(b, "smollm")
}

// english is n bytes of sentences made from a list of common words.
func english(n int) string {
	words := strings.Fields("the of and to in a is that for it as was with be by on not he his but at are this have from or had an they which one you were all her she there would their we him been has when who will no more if out so what up said about other into than them can only time new some could these two may first then do any like my now over such our man even most made after also well before must through years where much your way")
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		w := words[(i*i+i*7)%len(words)]
		if i%11 == 0 {
			b.WriteString(", ")
		} else if i%17 == 0 {
			b.WriteString(". The " + strings.ToUpper(w[:1]))
		} else {
			b.WriteByte(' ')
		}
		b.WriteString(w)
		if i%5 == 0 {
			b.WriteString("ing")
		}
	}
	return b.String()[:n]
}

func BenchmarkEncodeEnglish(b *testing.B) {
	tok, text := benchmarkTokenizer(b), benchmarkText(b)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		encoded(b, tok, text, true)
	}
}

// BenchmarkEncodeCold begins with an empty cache of words each time.
func BenchmarkEncodeCold(b *testing.B) {
	tok, text := benchmarkTokenizer(b), benchmarkText(b)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		tok.model.(*bpe).cache = newCache()
		encoded(b, tok, text, true)
	}
}

// benchmarkText is the ordinary texts at the end of a dump, else made-up
// English.
func benchmarkText(b *testing.B) string {
	f, err := os.Open(filepath.Join(os.Getenv("AGAR_DUMPS"), "tokenizer", "smollm2.jsonl"))
	if err != nil {
		return english(1 << 20)
	}
	defer f.Close()
	var out strings.Builder
	in := bufio.NewScanner(f)
	in.Buffer(nil, 1<<24)
	for n := 0; in.Scan(); n++ {
		var r record
		if err := json.Unmarshal(in.Bytes(), &r); err != nil {
			b.Fatal(err)
		}
		if n >= 2500 {
			out.WriteString(r.Text)
		}
	}
	return out.String()
}

func BenchmarkDecode(b *testing.B) {
	tok := benchmarkTokenizer(b)
	ids := encoded(b, tok, benchmarkText(b), false).IDs
	b.SetBytes(int64(len(ids)))
	for b.Loop() {
		tok.Decode(ids, false)
	}
}
