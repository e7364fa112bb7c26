package model

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"agar/model/internal/tiny"
	"agar/model/safetensors"
)

// retrained writes the model in dir with every tensor changed, but those left out.
func retrained(t testing.TB, dir string, leftOut ...string) string {
	t.Helper()
	x, err := OpenTensors(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	var out []safetensors.Out
	for k, n := range x.Names() {
		rows, cols, err := x.Shape(n)
		if err != nil {
			t.Fatal(err)
		}
		o := safetensors.Out{Name: n, Shape: []int{rows, cols}, F32: make([]float32, rows*cols)}
		if rows == 1 {
			o.Shape = []int{cols}
		}
		if err := x.Rows(o.F32, n, 0); err != nil {
			t.Fatal(err)
		}
		for i := range o.F32 {
			o.F32[i] += .05 * float32(math.Sin(float64(i+7*k)))
		}
		if !slices.Contains(leftOut, n) {
			out = append(out, o)
		}
	}
	to := filepath.Join(t.TempDir(), "checkpoint-3")
	if err := os.MkdirAll(to, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"config.json", "tokenizer.json"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := tiny.Write(filepath.Join(to, "model.safetensors"), out); err != nil {
		t.Fatal(err)
	}
	return to
}

// TestAttachWhole attaches fine-tunes in full of every family: at the dial 1 their
// logits are those of the model opened by itself, at 0 the base's, bit for bit.
func TestAttachWhole(t *testing.T) {
	entries, err := os.ReadDir(recipes)
	if err != nil {
		t.Fatal(err)
	}
	worst, n := 0.0, 0
	for i, e := range entries {
		if testing.Short() && i%6 != 0 {
			continue
		}
		base, _ := tinyModel(t, e.Name())
		dir := retrained(t, base)
		m, own := open(t, base), open(t, dir)
		a, err := m.AttachCheckpoint(dir, AttachOptions{})
		if err != nil {
			if m.Spec.Experts > 0 {
				continue // adapters on experts are not supported, and the error says so
			}
			t.Errorf("%s: %v", e.Name(), err)
			continue
		}
		seqs := [][]int32{{1, 5, 9, 2, 7}}
		got := forwardOK(t, m, &Request{Seqs: seqs, Adapter: a, Lambda: 1, Logits: AllLogits}).Logits
		want := forwardOK(t, own, &Request{Seqs: seqs, Logits: AllLogits}).Logits
		bare, off := forwardOK(t, m, &Request{Seqs: seqs, Logits: AllLogits}).Logits, forwardOK(t, m, &Request{Seqs: seqs, Adapter: a, Lambda: 0, Logits: AllLogits}).Logits
		diff, size, moved := 0.0, 0.0, 0.0
		for j := range want {
			diff, size = max(diff, math.Abs(float64(got[j]-want[j]))), max(size, math.Abs(float64(want[j])))
			moved = max(moved, math.Abs(float64(bare[j]-want[j])))
		}
		if !slices.Equal(bare, off) {
			t.Errorf("%s: at the dial 0 the logits are not the base's", e.Name())
		}
		if moved < 100*diff {
			t.Errorf("%s: the fine-tune moves logits by %g, the error is %g", e.Name(), moved, diff)
		}
		n, worst = n+1, max(worst, diff/size)
	}
	t.Logf("%d families, worst relative error of a logit %.2g", n, worst)
	if n < len(entries)/8 || !(worst <= 1e-5) { // W + 1·(W' − W) is rounded once more than W'
		t.Errorf("%d families, worst relative error %g", n, worst)
	}
}

// TestAttachWholeRefuses names what a checkpoint lacks or has beyond the model.
func TestAttachWholeRefuses(t *testing.T) {
	base, _ := tinyModel(t, "llama")
	m := open(t, base)
	if _, err := m.AttachWhole(retrained(t, base, "model.norm.weight")); !errors.Is(err, ErrAdapter) {
		t.Errorf("without its norm: %v", err)
	}
	if _, err := m.AttachCheckpoint(t.TempDir(), AttachOptions{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an empty directory: %v", err)
	}
	gpt, _ := tinyModel(t, "gpt2")
	other := open(t, gpt)
	if _, err := other.AttachWhole(retrained(t, base)); !errors.Is(err, ErrAdapter) {
		t.Errorf("of another family: %v", err)
	}
}

// TestOpenRun lists checkpoints that hold whole models.
func TestOpenRun(t *testing.T) {
	base, _ := tinyModel(t, "llama")
	dir := retrained(t, base)
	s, err := OpenRun(filepath.Dir(dir))
	if err != nil || len(s.Checkpoints) != 1 || s.Checkpoints[0].Step != 3 || s.Checkpoints[0].Dir != dir {
		t.Errorf("found %+v, %v", s, err)
	}
	if _, err := OpenRun(t.TempDir()); err == nil {
		t.Error("an empty run was opened")
	}
}
