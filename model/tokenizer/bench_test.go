package tokenizer

import (
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

// english is ordinary text: the Go licence and readme that every toolchain has
// would do, but differ; so sentences are made from a fixed list.
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
	tok, text := benchmarkTokenizer(b), benchmarkText()
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		tok.Encode(text, true)
	}
}

// BenchmarkEncodeCold begins with an empty cache of words each time.
func BenchmarkEncodeCold(b *testing.B) {
	tok, text := benchmarkTokenizer(b), benchmarkText()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		tok.model.(*bpe).cache = newCache()
		tok.Encode(text, true)
	}
}

// benchmarkText is the file AGAR_BENCH_TEXT names, else made-up English.
func benchmarkText() string {
	if b, err := os.ReadFile(os.Getenv("AGAR_BENCH_TEXT")); err == nil {
		return string(b)
	}
	return english(1 << 20)
}

func BenchmarkDecode(b *testing.B) {
	tok := benchmarkTokenizer(b)
	ids := tok.Encode(benchmarkText(), false).IDs
	b.SetBytes(int64(len(ids)))
	for b.Loop() {
		tok.Decode(ids, false)
	}
}
