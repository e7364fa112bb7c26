package model

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"agar/model/parity"
)

// A GGUF file of every architecture, written under the names of the gguf package,
// gives every hook and logit of the directory that it was made of.
func TestGGUFFamilies(t *testing.T) {
	root := os.Getenv("AGAR_DUMPS")
	if root == "" {
		t.Skip("AGAR_DUMPS is not set")
	}
	entries, err := os.ReadDir(filepath.Join(root, "gguf"))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		dir := filepath.Join(root, "gguf", e.Name())
		t.Run(e.Name(), func(t *testing.T) {
			m := open(t, filepath.Join(dir, "model.gguf"))
			seen[m.fam.ggufName] = true
			sameNumbers(t, m, open(t, dir))
		})
	}
	for _, f := range families() {
		if f.ggufName != "" && !seen[f.ggufName] {
			t.Errorf("no GGUF file of %s was opened", f.ggufName)
		}
	}
}

// sameNumbers compares all hooks and logits of two models. What files round (a
// divisor of frequencies, an epsilon) shows below 1e-5, what is read wrongly far
// above.
func sameNumbers(t *testing.T, got, want *Model) {
	seqs := batch(want, 1, 60)
	names := everyHook(want, nil)
	a := forwardOK(t, got, &Request{Seqs: seqs, Reads: names, Logits: AllLogits})
	b := forwardOK(t, want, &Request{Seqs: seqs, Reads: names, Logits: AllLogits})
	for _, h := range names {
		if strings.HasSuffix(h, "attn_scores") { // −Inf where a query does not look
			continue
		}
		if e, _ := parity.Relative(a.Hooks[h], b.Hooks[h], len(b.Hooks[h])/b.Rows, false); !(e <= tolerance) {
			t.Errorf("%s: %.1e apart", h, e)
		}
	}
	if e, _ := parity.Relative(a.Logits, b.Logits, want.Spec.Vocab, false); !(e <= tolerance) {
		t.Errorf("logits: %.1e apart", e)
	}
}
