package activations

import (
	"context"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"agar/model"
	"agar/model/lora"
	"agar/model/organism/builtin"
	"agar/model/tokenizer/tokenizertest"
)

// organism opens the embedded model with an adapter from the end of its run.
func organism(t *testing.T) (*model.Model, *model.Adapter) {
	t.Helper()
	dir, err := builtin.Open(context.Background(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.Open(filepath.Join(dir, "model"), model.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	s, err := lora.OpenSeries(filepath.Join(dir, "run"))
	if err != nil {
		t.Fatal(err)
	}
	l, err := s.Load(len(s.Checkpoints) - 1)
	if err != nil {
		t.Fatal(err)
	}
	a, err := m.Attach(l, model.AttachOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return m, a
}

func TestModelRunner(t *testing.T) {
	m, a := organism(t)
	seqs := Batch{tokenizertest.Encode(t, m.Tokenizer, "the doctor said that", true).IDs, tokenizertest.Encode(t, m.Tokenizer, "he", true).IDs}
	hook := "blocks." + string(rune('0'+m.Spec.Layers-1)) + ".hook_resid_post"
	r := NewRunner(m, a, 1)
	diff, err := r.(Differ).Difference(hook)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(diff, hook+"@checkpoint-") || !strings.HasSuffix(diff, "-base") {
		t.Errorf("the difference is called %s", diff)
	}
	lower := "hook_embed"
	got, err := r.Run(context.Background(), seqs, []string{hook, diff, hook + "@base", lower, lower + "@base"})
	if err != nil {
		t.Fatal(err)
	}
	base, err := NewRunner(m, nil, 0).Run(context.Background(), seqs, []string{hook, lower})
	if err != nil {
		t.Fatal(err)
	}
	adapted, err := r.Run(context.Background(), seqs, []string{hook})
	if err != nil {
		t.Fatal(err)
	}
	// The blocks below the adapter are shared, and that changes no bit.
	if !slices.Equal(got[hook], adapted[hook]) || !slices.Equal(got[hook+"@base"], base[hook]) || !slices.Equal(got[lower], base[lower]) || !slices.Equal(got[lower+"@base"], base[lower]) {
		t.Error("read together the hooks differ from what they are one by one")
	}
	sum := 0.0
	for i, d := range got[diff] {
		if d != adapted[hook][i]-base[hook][i] {
			t.Fatalf("value %d of the difference: found %v, expected %v", i, d, adapted[hook][i]-base[hook][i])
		}
		sum += math.Abs(float64(d))
	}
	if sum == 0 {
		t.Error("the adapter changes nothing")
	}
	one, err := r.Run(context.Background(), seqs[1:], []string{hook})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(seqs[0]) * m.Spec.DModel; !slices.Equal(one[hook], adapted[hook][n:]) {
		t.Error("a sequence gives other values alone than in a batch")
	}
}

func TestModelRunnerNames(t *testing.T) {
	m, a := organism(t)
	r := NewRunner(m, a, 1)
	names := map[string]bool{}
	for _, h := range r.Hooks() {
		if names[h.Name] || h.Dim < 1 {
			t.Errorf("hook %+v", h)
		}
		names[h.Name] = true
	}
	if !names["hook_embed"] || !names["hook_embed@base"] {
		t.Errorf("found %d hooks", len(names))
	}
	d := r.(Differ)
	if _, err := d.Difference("hook_embed"); err == nil || !strings.Contains(err.Error(), a.FirstHook()) {
		t.Errorf("the embedding's difference: found %v", err)
	}
	for name := range names {
		if strings.Contains(name, loraMark) {
			if _, err := d.Difference(name); err == nil {
				t.Errorf("%s has a difference", name)
			}
		}
	}
	if _, err := NewRunner(m, nil, 0).(Differ).Difference("hook_embed"); err == nil {
		t.Error("a base without an adapter has a difference")
	}
}
