package tokenizer

import (
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/dlclark/regexp2/v2"
)

// references are the patterns behind the scanners. Oniguruma's case folding
// takes ſ for s, which regexp2 must be told.
func references() map[string]*pattern {
	fold := strings.NewReplacer("(?i:'s|", "(?i:'[sSſ]|")
	out := map[string]*pattern{}
	for _, p := range []string{gpt2Pattern, llama3Pattern, qwen2Pattern} {
		out[p] = &pattern{re: regexp2.MustCompile(fold.Replace(p))}
	}
	return out
}

// checkScan compares a scanner with its pattern on s.
func checkScan(t *testing.T, name string, ref *pattern, s string) {
	t.Helper()
	p, err := newRegex(name)
	if err != nil || p.scan == nil {
		t.Fatalf("%s: no scanner (%v)", name, err)
	}
	if got, want := p.find(s), ref.find(s); !equal(got, want) {
		t.Fatalf("%s on %q: matches %v, want %v", name, s, got, want)
	}
}

func TestScannersEqualPatterns(t *testing.T) {
	atoms := []string{"a", "É", "ſ", "s", "S", "LL", "'", "'", "re", "1", "٣", "½", " ", " ", "\n", "\r", "\t", "\u0085", "\u00a0", "\u2028", "!", "-", "\u0301", "日", "😀", "\x00", "\u200d", "_"}
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
