package saetest

import (
	"context"
	"io"
	"math/rand/v2"
	"testing"

	"agar/activations"
)

// Hook is the hook that Capture fills.
const Hook = "blocks.1.hook_resid_post"

// Special is the token id that begins every document of Capture and counts as
// special.
const Special = 0

// runner makes the activation of a token from the ids up to it: a row of the
// world, the same for the same prefix.
type runner struct{ p *Planted }

func (r runner) Hooks() []activations.HookInfo {
	return []activations.HookInfo{{Name: Hook, Dim: r.p.D, Layer: 1}}
}

func (r runner) Run(ctx context.Context, seqs activations.Batch, _ []string) (map[string][]float32, error) {
	var out []float32
	x := make([]float32, r.p.D)
	for _, ids := range seqs {
		state := int64(1)
		for _, id := range ids {
			state = state*6364136223846793005 + int64(id) + 1442695040888963407
			r.p.Row(x, state)
			out = append(out, x...)
		}
	}
	return map[string][]float32{Hook: out}, ctx.Err()
}

// documents makes random documents of 1 to 60 tokens behind Special.
type documents struct {
	n, of int
	r     *rand.Rand
}

func (d *documents) Next() (activations.Document, error) {
	if d.n == d.of {
		return activations.Document{}, io.EOF
	}
	doc := activations.Document{Index: int32(d.n), IDs: []int32{Special}, Prefix: 1}
	for range 1 + d.r.IntN(60) {
		doc.IDs = append(doc.IDs, 1+d.r.Int32N(100))
	}
	d.n++
	return doc, nil
}

// Capture stores rows of p, of n documents cut into windows of 32 tokens, and
// opens the store.
func (p *Planted) Capture(t testing.TB, n int) *activations.Store {
	t.Helper()
	dir := t.TempDir()
	o := activations.CaptureOptions{
		Dir: dir, Hooks: []string{Hook}, Context: 32, DType: activations.F32, Version: "test", Kernel: "test",
		Special: []int32{Special}, Prefix: []int32{Special},
	}
	if _, err := activations.Capture(context.Background(), runner{p}, &documents{of: n, r: rand.New(rand.NewPCG(p.seed, 9))}, o); err != nil {
		t.Fatal(err)
	}
	s, err := activations.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}
