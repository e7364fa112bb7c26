package tokenizer

import (
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"
)

// references are the patterns behind the scanners, run by the regex engine.
func references() map[string]*pattern {
	out := map[string]*pattern{}
	for _, p := range []string{gpt2Pattern, llama3Pattern, qwen2Pattern, o200kPattern, threeDigits, deepSeekCJK, deepSeekPattern} {
		re, err := compile(p)
		if err != nil {
			panic(err)
		}
		out[p] = &pattern{re: re}
	}
	return out
}

// pieces are the ends of the parts that an isolating split makes.
func pieces(s string, matches [][2]int) (ends []int) {
	for _, p := range cover(s, matches, false) {
		ends = append(ends, p.end)
	}
	return ends
}

// tiled are the same by a scanner.
func tiled(s string, next scanner) (ends []int) {
	for i := 0; i < len(s); {
		i = next(s, i)
		ends = append(ends, i)
	}
	return ends
}

// checkScan compares a scanner with its pattern on s.
func checkScan(t *testing.T, name string, ref *pattern, s string) {
	t.Helper()
	next := scannerFor(name)
	if next == nil {
		next = tilesFor(name)
	}
	if got, want := tiled(s, next), pieces(s, ref.find(s)); !equal(got, want) {
		t.Fatalf("%s on %q: pieces end at %v, want %v", name, s, got, want)
	}
}

func TestScannersEqualPatterns(t *testing.T) {
	atoms := []string{"a", "É", "ǅ", "ʰ", "/", "(", "，", "€", "あ", "一", "ー", "\U0001E4D0", "\u1C89", "\u0897", "ſ", "s", "S", "LL", "'", "'", "re", "1", "٣", "½", " ", " ", "\n", "\r", "\t", "\u0085", "\u00a0", "\u2028", "!", "-", "\u0301", "日", "😀", "\x00", "\u200d", "_"}
	rng, refs := rand.New(rand.NewPCG(1, 2)), references()
	for range 4000 {
		var b strings.Builder
		for range 1 + rng.IntN(14) {
			b.WriteString(atoms[rng.IntN(len(atoms))])
		}
		for name, ref := range refs {
			checkScan(t, name, ref, b.String())
		}
	}
}

func FuzzScan(f *testing.F) {
	for _, s := range []string{"it's  1234\r\n x", " \n\n a", "'ſt 'LL", "\u0085 \u2028!", "e\u0301 日本"} {
		f.Add(s)
	}
	refs := references()
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) {
			return
		}
		for name, ref := range refs {
			checkScan(t, name, ref, s)
		}
	})
}

// The files of real models take the fast paths: a scanner instead of a regular
// expression, bytes instead of the byte-level alphabet.
func TestFastPathsAreTaken(t *testing.T) {
	for _, name := range []string{"smollm", "llama3", "qwen2"} {
		tok := open(t, name)
		last := tok.pre[len(tok.pre)-1].(*byteLevel)
		if m := tok.model.(*bpe); !m.raw || !last.knows("Ab 1é😀") {
			t.Errorf("%s: the model works on mapped characters", name)
		}
		_, tiled := tok.pre[0].(tiler)
		if want := name != "smollm"; tiled != want {
			t.Errorf("%s: split by a scanner: %v, want %v", name, tiled, want)
		}
	}
}
