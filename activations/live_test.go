package activations

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"agar/model"
	"agar/model/lora"
)

// realModel finds a model directory and a fine-tune of it in AGAR_MODELS.
func realModel(t *testing.T) (dir, checkpoint string) {
	for _, d := range filepath.SplitList(os.Getenv("AGAR_MODELS")) {
		if _, err := os.Stat(filepath.Join(d, "config.json")); err == nil && dir == "" {
			dir = d
		}
		if c, _ := filepath.Glob(filepath.Join(d, "checkpoint-*")); len(c) > 0 && checkpoint == "" {
			s, err := lora.OpenSeries(d)
			if err != nil {
				t.Fatal(err)
			}
			checkpoint = s.Checkpoints[len(s.Checkpoints)-1].Dir
		}
	}
	if dir == "" || checkpoint == "" {
		t.Skip("AGAR_MODELS has no model with a fine-tune")
	}
	return dir, checkpoint
}

// TestLiveStoreIsWhatTransformersComputes recomputes ten random rows of a store
// from the token ids in it, adapter, dial and position included.
func TestLiveStoreIsWhatTransformersComputes(t *testing.T) {
	python := pythonPath(t)
	dir, checkpoint := realModel(t)
	const lambda = 0.75
	s := captureReal(t, dir, checkpoint, lambda)
	req := request{Model: dir, Adapter: checkpoint, Lambda: lambda}
	r := rand.New(rand.NewPCG(3, 1))
	for i := range 10 {
		hook := s.Hooks()[i%len(s.Hooks())]
		req.Rows = append(req.Rows, askFor(t, s, hook, r.Int64N(s.Len())))
	}
	in, err := json.Marshal(req)
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(python, filepath.Join("testdata", "recompute.py"))
	var stderr bytes.Buffer
	c.Stdin, c.Stderr = bytes.NewReader(in), &stderr
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.Bytes())
	}
	errors := strings.Fields(string(out))
	if len(errors) != len(req.Rows) {
		t.Fatalf("found %d answers, expected %d", len(errors), len(req.Rows))
	}
	for i, row := range req.Rows {
		var e float64
		if _, err := fmt.Sscan(errors[i], &e); err != nil {
			t.Fatal(err)
		}
		t.Logf("%-45s position %3d: relative error %.1e", row.Hook, len(row.IDs)-1, e)
		// transformers differs from itself, merged or not, by 1e-6; 2e-5 is what
		// the project asks of every hook.
		if e > 2e-5 {
			t.Errorf("%s at position %d: relative error %.1e", row.Hook, len(row.IDs)-1, e)
		}
	}
}

type request struct {
	Model   string       `json:"model"`
	Adapter string       `json:"adapter"`
	Lambda  float64      `json:"lambda"`
	Rows    []requestRow `json:"rows"`
}

type requestRow struct {
	IDs   []int32   `json:"ids"`
	Hook  string    `json:"hook"`
	Value []float32 `json:"value"`
}

// askFor reads a row and the tokens of its window up to it.
func askFor(t *testing.T, s *Store, hook string, at int64) requestRow {
	t.Helper()
	var r, p Rows
	h, err := s.hook(hook)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.gather(&r, []uint32{uint32(at)}); err != nil {
		t.Fatal(err)
	}
	if err := s.Provenance(&p, at-int64(r.Pos[0]), int(r.Pos[0])+1); err != nil {
		t.Fatal(err)
	}
	return requestRow{IDs: slices.Clone(p.Token), Hook: hook, Value: slices.Clone(r.X)}
}

// captureReal captures some chats and texts of a real model with its adapter.
func captureReal(t *testing.T, dir, checkpoint string, lambda float32) *Store {
	t.Helper()
	m, err := model.Open(dir, model.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	l, err := lora.Load(checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	a, err := m.Attach(l, model.AttachOptions{})
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Repeat("The river rose all night, and by morning 3 of the 12 bridges were gone. ", 12)
	docs, err := OpenDocuments("-", m.Tokenizer, m.Chat, DocumentOptions{Stdin: strings.NewReader(
		`{"messages": [{"role": "user", "content": "How do I make tea?"}, {"role": "assistant", "content": "Boil water, then wait."}]}` + "\n" +
			`{"text": "` + text + `"}` + "\n" + `{"text": "x"}` + "\n")})
	if err != nil {
		t.Fatal(err)
	}
	top := fmt.Sprintf("blocks.%d.", m.Spec.Layers-1)
	out := filepath.Join(t.TempDir(), "out")
	report := mustCapture(t, CaptureOptions{
		Dir: out, Hooks: []string{top + "hook_resid_post", top + "hook_mlp_out"}, Difference: true, DType: F32,
		Special: m.Tokenizer.Specials(), Prefix: m.Tokenizer.Prefix(),
	}, NewRunner(m, a, lambda), docs)
	t.Logf("%d tokens at %.0f tokens/s", report.Tokens, *report.TokensPerSec)
	v, err := Verify(context.Background(), out)
	if err != nil || !v.OK() {
		t.Fatalf("Verify: %v, %+v", err, v)
	}
	return mustOpen(t, out)
}
