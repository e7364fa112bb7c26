package activations

import (
	"context"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// fakeRunner computes activations that depend on the tokens up to a position
// only, so that any batching must give the same.
type fakeRunner struct {
	dims  map[string]int
	scale float32       // of the values, which lie in (−scale, scale)
	pause time.Duration // a forward
	calls int
	after func(call int) error
}

func newFake() *fakeRunner {
	return &fakeRunner{dims: map[string]int{"blocks.0.hook_resid_post": 6, "blocks.1.hook_mlp_out": 3}, scale: 2}
}

func (r *fakeRunner) Hooks() []HookInfo {
	var out []HookInfo
	for name, d := range r.dims {
		out = append(out, HookInfo{Name: name, Dim: d})
	}
	slices.SortFunc(out, func(a, b HookInfo) int { return strings.Compare(a.Name, b.Name) })
	return out
}

func (r *fakeRunner) Run(ctx context.Context, seqs Batch, hooks []string) (map[string][]float32, error) {
	r.calls++
	if r.after != nil {
		if err := r.after(r.calls); err != nil {
			return nil, err
		}
	}
	if r.pause > 0 {
		time.Sleep(r.pause)
	}
	out := map[string][]float32{}
	for _, h := range hooks {
		for _, s := range seqs {
			for p := range s {
				out[h] = append(out[h], r.value(h, s[:p+1])...)
			}
		}
	}
	return out, ctx.Err()
}

// value is the activation of hook h at the last token of ids.
func (r *fakeRunner) value(h string, ids []int32) []float32 {
	state := uint64(len(h))
	for _, id := range ids {
		state = state*6364136223846793005 + uint64(id) + 1
	}
	x := make([]float32, r.dims[h])
	rng := rand.New(rand.NewPCG(state, uint64(len(ids))))
	for i := range x {
		x[i] = (2*rng.Float32() - 1) * r.scale
	}
	return x
}

// sliceDocs hands out documents from memory.
type sliceDocs struct {
	docs []Document
	next int
}

func (d *sliceDocs) Next() (Document, error) {
	if d.next == len(d.docs) {
		return Document{}, io.EOF
	}
	d.next++
	return d.docs[d.next-1], nil
}

// fakeDocs makes n documents of 1 to 40 tokens, every seventh left out as if it
// were empty, with roles and the prefix 1.
func fakeDocs(n int) *sliceDocs {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	d := &sliceDocs{}
	for i := range n {
		if i%7 == 3 {
			continue
		}
		doc := Document{Index: int32(i), IDs: []int32{1}, Roles: []uint8{5}, Prefix: 1}
		for range r.IntN(40) {
			doc.IDs = append(doc.IDs, 2+r.Int32N(50))
			doc.Roles = append(doc.Roles, uint8(r.IntN(6)))
		}
		d.docs = append(d.docs, doc)
	}
	return d
}

// fakeOptions captures both hooks in small shards of small forwards.
func fakeOptions(dir string) CaptureOptions {
	return CaptureOptions{
		Dir: dir, Hooks: []string{"blocks.0.hook_resid_post", "blocks.1.hook_mlp_out"}, Context: 16, ShardRows: 100, BatchRows: 40,
		Command: []string{"agar", "capture", "a model", "--out", dir}, Version: "0", Kernel: "fake", Special: []int32{1}, Prefix: []int32{1},
	}
}

func mustCapture(t testing.TB, o CaptureOptions, r Runner, docs Documents) *CaptureReport {
	t.Helper()
	report, err := Capture(context.Background(), r, docs, o)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func mustOpen(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Open(dir)
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

// fakeStore captures n fake documents and opens the result.
func fakeStore(t testing.TB, n int) *Store {
	t.Helper()
	dir := t.TempDir()
	mustCapture(t, fakeOptions(dir), newFake(), fakeDocs(n))
	return mustOpen(t, dir)
}

// readAll drains a source, max rows at a time.
func readAll(t testing.TB, s Source, max int) *Rows {
	t.Helper()
	all := &Rows{D: s.Dim()}
	var r Rows
	for {
		err := s.Next(context.Background(), &r, max)
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		if r.N < 1 || r.N > max || r.D != s.Dim() || len(r.X) != r.N*r.D {
			t.Fatalf("Next gave %d rows of %d in %d values", r.N, r.D, len(r.X))
		}
		all.N += r.N
		all.X = append(all.X, r.X...)
		all.Index = append(all.Index, r.Index...)
		all.Token, all.Doc, all.Window = append(all.Token, r.Token...), append(all.Doc, r.Doc...), append(all.Window, r.Window...)
		all.Pos, all.Role = append(all.Pos, r.Pos...), append(all.Role, r.Role...)
	}
}

// nearHalf says whether got is want as a float16 store gives it back: within half a unit of the
// 11th bit.
func nearHalf(got, want float32) bool {
	return math.Abs(float64(got-want)) <= math.Max(math.Abs(float64(want))/2048, 0x1p-25)
}
