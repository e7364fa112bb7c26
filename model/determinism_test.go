package model

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"agar/model/tensor"
)

func forwardOK(t testing.TB, m *Model, r *Request) *Result {
	t.Helper()
	res, err := m.Forward(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// tinyPair is a tiny model with its rank-4 adapter.
func tinyPair(t testing.TB) (*Model, *Adapter) {
	t.Helper()
	m := open(t, filepath.Join("testdata", "tied"))
	return m, attachDir(t, m, filepath.Join("testdata", "tied", "r4"))
}

// everyHook names all hooks of a model with adapter.
func everyHook(m *Model, a *Adapter) []string {
	var names []string
	for _, h := range m.Hooks(a) {
		names = append(names, h.Name)
	}
	return names
}

// sequences are ragged, one of them longer than keyBlock.
func sequences(m *Model) [][]int32 {
	var seqs [][]int32
	for i, n := range []int{1, 17, 150, 3, 64, 33} {
		seqs = append(seqs, batch(m, i+1, n)[i])
	}
	return seqs
}

// samePart checks that rows [lo, hi) of got are the rows of want, bit for bit.
func samePart(t *testing.T, what string, got []float32, lo, hi int, want []float32, total int) {
	t.Helper()
	d := len(got) / total
	if !slices.Equal(got[lo*d:hi*d], want) {
		t.Errorf("%s: rows %d to %d differ", what, lo, hi)
	}
}

// narrowed keeps the first keys columns of x, a matrix of so many rows.
func narrowed(x []float32, rows, keys int) []float32 {
	var y []float32
	wide := len(x) / rows
	for i := range rows {
		y = append(y, x[i*wide:i*wide+keys]...)
	}
	return y
}

// Every row of every hook and logit is the same alone, in a ragged batch and on
// one thread.
func TestRowsDoNotDependOnBatchOrThreads(t *testing.T) {
	for _, kernel := range tensor.Kernels() {
		t.Run(kernel, func(t *testing.T) {
			restore, err := tensor.WithKernel(kernel)
			if err != nil {
				t.Fatal(err)
			}
			defer restore()
			m, a := tinyPair(t)
			seqs := sequences(m)
			req := Request{Seqs: seqs, Reads: everyHook(m, a), Adapter: a, Lambda: 1.5, Logits: AllLogits}
			all := forwardOK(t, m, &req)
			for _, procs := range []int{1, 3} {
				old := runtime.GOMAXPROCS(procs)
				row := 0
				for _, s := range seqs {
					one := req
					one.Seqs = [][]int32{s}
					r := forwardOK(t, m, &one)
					for _, h := range m.Hooks(a) {
						got := all.Hooks[h.Name]
						if h.PerKey {
							got = narrowed(got, all.Rows*h.Dim, len(s))
						}
						samePart(t, fmt.Sprintf("%s, %d threads", h.Name, procs), got, row, row+len(s), r.Hooks[h.Name], all.Rows)
					}
					samePart(t, "logits", all.Logits, row, row+len(s), r.Logits, all.Rows)
					row += len(s)
				}
				runtime.GOMAXPROCS(old)
			}
		})
	}
}

// Tokens that follow do not change a row, nor does the cut into cached pieces of
// any size.
func TestCachedPiecesEqualOneCall(t *testing.T) {
	for _, kernel := range tensor.Kernels() {
		t.Run(kernel, func(t *testing.T) {
			restore, err := tensor.WithKernel(kernel)
			if err != nil {
				t.Fatal(err)
			}
			defer restore()
			m, a := tinyPair(t)
			ids := batch(m, 1, 200)[0]
			const hook = "blocks.2.hook_resid_post"
			req := Request{Seqs: [][]int32{ids}, Reads: []string{hook}, Adapter: a, Lambda: 1, Logits: AllLogits}
			want := forwardOK(t, m, &req)
			cache := m.NewCache(3)
			for at, i := 0, 0; at < len(ids); i++ {
				n := min([]int{5, 1, 1, 130, 2, 1, 70}[i%7], len(ids)-at)
				step := req
				step.Seqs, step.Cache, step.Slots = [][]int32{ids[at : at+n], ids[:1+i]}, cache, []int{2, 0}
				cache.Truncate(0, 0)
				r := forwardOK(t, m, &step)
				d, v := m.Spec.DModel, m.Spec.Vocab
				samePart(t, hook, want.Hooks[hook], at, at+n, r.Hooks[hook][:n*d], len(ids))
				samePart(t, "logits", want.Logits, at, at+n, r.Logits[:n*v], len(ids))
				at += n
			}
		})
	}
}

// Long batches are cut into groups; the numbers stay.
func TestGroupsDoNotShow(t *testing.T) {
	m, a := tinyPair(t)
	seqs := batch(m, 9, 250) // 2,250 rows: three groups
	var edited int
	req := Request{
		Seqs: seqs, Reads: []string{"hook_embed", "blocks.1.mlp.hook_post", "blocks.2.hook_resid_post"}, Adapter: a, Lambda: 1, Logits: LastLogits,
		Edits: []Edit{{"blocks.1.hook_mlp_out", func(x []float32, r Rows) {
			edited += len(r.Seq)
			for i := range r.Seq {
				x[i*m.Spec.DModel] += float32(r.Seq[i]) + float32(r.Pos[i])
			}
		}}},
	}
	all := forwardOK(t, m, &req)
	if edited != all.Rows {
		t.Errorf("the edit saw %d rows, expected %d", edited, all.Rows)
	}
	last := forwardOK(t, m, &Request{Seqs: seqs[8:], Reads: req.Reads, Adapter: a, Lambda: 1, Logits: LastLogits, Edits: []Edit{{"blocks.1.hook_mlp_out", func(x []float32, r Rows) {
		for i := range r.Seq {
			x[i*m.Spec.DModel] += 8 + float32(r.Pos[i])
		}
	}}}})
	for name, x := range last.Hooks {
		samePart(t, name, all.Hooks[name], 2000, 2250, x, all.Rows)
	}
	samePart(t, "logits", all.Logits, 8, 9, last.Logits, 9)
}

// Entering and leaving at any block, also with the adapter, gives the numbers of
// the whole; a prefix computed by the base serves the adapted suffix.
func TestEnterAndLeaveAnywhere(t *testing.T) {
	m, a := tinyPair(t)
	seqs := sequences(m)
	whole := forwardOK(t, m, &Request{Seqs: seqs, Adapter: a, Lambda: 2, Logits: AllLogits})
	for cut := 1; cut <= m.Spec.Layers; cut++ {
		low := forwardOK(t, m, &Request{Seqs: seqs, To: cut, Adapter: a, Lambda: 2})
		up := forwardOK(t, m, &Request{Seqs: seqs, From: cut, Resid: low.Resid, Adapter: a, Lambda: 2, Logits: AllLogits})
		if !slices.Equal(up.Logits, whole.Logits) {
			t.Errorf("logits differ when the forward is cut before block %d", cut)
		}
		if got := m.Unembed(forwardOK(t, m, &Request{Seqs: seqs, From: cut, Resid: low.Resid, To: m.Spec.Layers, Adapter: a, Lambda: 2}).Resid, whole.Rows); !slices.Equal(got, whole.Logits) {
			t.Errorf("Unembed of the last residual differs from the logits, cut before block %d", cut)
		}
	}
	one := attachDir(t, m, filepath.Join("testdata", "tied", "r1")) // block 1
	low := forwardOK(t, m, &Request{Seqs: seqs, To: 1})
	up := forwardOK(t, m, &Request{Seqs: seqs, From: 1, Resid: low.Resid, Adapter: one, Lambda: 1, Logits: AllLogits})
	if want := forwardOK(t, m, &Request{Seqs: seqs, Adapter: one, Lambda: 1, Logits: AllLogits}); !slices.Equal(up.Logits, want.Logits) {
		t.Error("a prefix of the base below the adapter gives other logits")
	}
}

// λ = 0 has the bits of the base, whether hooks of the adapter are read or not.
func TestLambdaZeroIsTheBase(t *testing.T) {
	m, a := tinyPair(t)
	seqs := sequences(m)
	base := forwardOK(t, m, &Request{Seqs: seqs, Logits: AllLogits})
	for _, reads := range [][]string{nil, everyHook(m, a)} {
		if got := forwardOK(t, m, &Request{Seqs: seqs, Adapter: a, Reads: reads, Logits: AllLogits}); !slices.Equal(got.Logits, base.Logits) {
			t.Errorf("λ = 0 with %d hooks read differs from the base", len(reads))
		}
	}
	read := forwardOK(t, m, &Request{Seqs: seqs, Adapter: a, Lambda: 1, Reads: everyHook(m, a), Logits: AllLogits})
	if plain := forwardOK(t, m, &Request{Seqs: seqs, Adapter: a, Lambda: 1, Logits: AllLogits}); !slices.Equal(read.Logits, plain.Logits) {
		t.Error("reading hooks changes the logits")
	}
}

// A forward takes a fixed number of allocations, however many tokens it has.
func TestNoAllocationPerToken(t *testing.T) {
	if raceEnabled {
		t.Skip("pools forget under the race detector")
	}
	m, a := tinyPair(t)
	count := func(n int) float64 {
		r := Request{Seqs: batch(m, 1, n), Adapter: a, Lambda: 1, Reads: []string{"blocks.2.hook_resid_post"}, Logits: LastLogits}
		return testing.AllocsPerRun(5, func() { forwardOK(t, m, &r) })
	}
	count(250)
	// Goroutines and pools may allocate now and then, tokens may not.
	if few, many := count(40), count(250); many > few+20 {
		t.Errorf("%g allocations for 40 tokens, %g for 250", few, many)
	}
}

// Panels kept, kept in part and packed anew give the same bits.
func TestPanelBudgetDoesNotShow(t *testing.T) {
	dir := filepath.Join("testdata", "sharded")
	var want []float32
	for _, budget := range []int64{0, 20_000, -1} {
		m, err := Open(dir, Options{PanelBudget: budget})
		if err != nil {
			t.Fatal(err)
		}
		got := forwardOK(t, m, &Request{Seqs: sequences(m), Logits: AllLogits}).Logits
		if want == nil {
			want = got
		}
		if !slices.Equal(got, want) {
			t.Errorf("budget %d changes the logits", budget)
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
}
