package model

import (
	"context"
	"errors"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"agar/model/parity"
)

func TestHooksListWhatFires(t *testing.T) {
	m, a := tinyPair(t)
	for _, adapter := range []*Adapter{nil, a} {
		names := everyHook(m, adapter)
		want := 2 + m.Spec.Layers*18
		if adapter != nil {
			want += m.Spec.Layers * 7 * 2
		}
		if len(names) != want {
			t.Errorf("%d hooks, expected %d", len(names), want)
		}
		r := forwardOK(t, m, &Request{Seqs: [][]int32{{1, 2, 3}}, Reads: names, Adapter: adapter, Lambda: 1})
		for _, h := range m.Hooks(adapter) {
			if got, err := m.Hook(h.Name, adapter); err != nil || got != h {
				t.Errorf("Hook(%q) = %v, %v, listed as %v", h.Name, got, err, h)
			}
			width := h.Dim
			if h.PerKey {
				width *= 3
			}
			if len(r.Hooks[h.Name]) != 3*width {
				t.Errorf("%s: %d values, expected 3 rows of %d", h.Name, len(r.Hooks[h.Name]), width)
			}
			if !slices.ContainsFunc(r.Hooks[h.Name], func(v float32) bool { return v != 0 }) {
				t.Errorf("%s: nothing was written", h.Name)
			}
		}
	}
}

func TestHookErrors(t *testing.T) {
	m, a := tinyPair(t)
	one := attachDir(t, m, filepath.Join("testdata", "tied", "r1"))
	for _, x := range []struct {
		hook string
		a    *Adapter
		is   error
		says string
	}{
		{"blocks.1.hook_resid_pots", nil, ErrUnknownHook, `"blocks.1.hook_resid_post"`},
		{"blocks.3.hook_resid_post", nil, ErrUnknownHook, `"blocks.0.hook_resid_post"`},
		{"blocks.01.hook_resid_post", nil, ErrUnknownHook, "hook_resid_post"},
		{"blocks.-1.hook_resid_post", nil, ErrUnknownHook, "hook_resid_post"},
		{"hook_embd", nil, ErrUnknownHook, `"hook_embed"`},
		{"", nil, ErrUnknownHook, `"hook_embed"`},
		{"blocks.1.mlp.down_proj.lora.hook_a", nil, ErrUnreached, "adapter"},
		{"blocks.0.mlp.down_proj.lora.hook_a", one, ErrUnreached, `"blocks.1.mlp.down_proj.lora.hook_a"`},
		{"blocks.1.mlp.down_proj.lora.hook_b", one, ErrUnknownHook, `"blocks.1.mlp.down_proj.lora.hook_a"`},
		{"blocks.0.self_attn.q_proj.lora.hook_delta", a, nil, ""},
	} {
		_, err := m.Hook(x.hook, x.a)
		if !errors.Is(err, x.is) || x.is != nil && !strings.Contains(err.Error(), x.says) {
			t.Errorf("Hook(%q): %v, expected %v with %s", x.hook, err, x.is, x.says)
		}
	}
}

func TestHooksThatWouldNeverFire(t *testing.T) {
	m, _ := tinyPair(t)
	seqs := [][]int32{{1, 2}}
	resid := make([]float32, 2*m.Spec.DModel)
	for name, r := range map[string]Request{
		"above To":         {To: 1, Reads: []string{"blocks.1.hook_resid_pre"}},
		"below From":       {From: 1, Resid: resid, Reads: []string{"blocks.0.hook_resid_post"}},
		"embed, From":      {From: 1, Resid: resid, Reads: []string{"hook_embed"}},
		"embed, residual":  {Resid: resid, Edits: []Edit{{"hook_embed", func([]float32, Rows) {}}}},
		"an edit above To": {To: 2, Edits: []Edit{{"blocks.2.hook_mlp_out", func([]float32, Rows) {}}}},
	} {
		r.Seqs = seqs
		if _, err := m.Forward(context.Background(), &r); !errors.Is(err, ErrUnreached) {
			t.Errorf("%s: %v, expected %v", name, err, ErrUnreached)
		}
	}
}

// An edit is what the rest of the forward computes with: overwriting a hook with
// the values of another run gives that run's numbers from there on.
func TestEditsTakeEffect(t *testing.T) {
	m, a := tinyPair(t)
	ids, other := [][]int32{{5, 6, 7, 8}}, [][]int32{{9, 10, 11, 12}}
	for _, h := range []string{"hook_embed", "blocks.1.hook_resid_pre", "blocks.1.hook_resid_mid", "blocks.1.hook_resid_post"} {
		want := forwardOK(t, m, &Request{Seqs: other, Reads: []string{h}, Adapter: a, Lambda: 1, Logits: AllLogits})
		patch := Edit{h, func(x []float32, _ Rows) { copy(x, want.Hooks[h]) }}
		got := forwardOK(t, m, &Request{Seqs: ids, Reads: []string{h}, Edits: []Edit{patch}, Adapter: a, Lambda: 1, Logits: AllLogits})
		if !slices.Equal(got.Logits, want.Logits) || !slices.Equal(got.Hooks[h], want.Hooks[h]) {
			t.Errorf("%s: patching does not give the other run", h)
		}
	}
	base := forwardOK(t, m, &Request{Seqs: ids, Adapter: a, Lambda: 1, Logits: AllLogits})
	for _, h := range everyHook(m, a) {
		zero := Edit{h, func(x []float32, _ Rows) { clear(x) }}
		got := forwardOK(t, m, &Request{Seqs: ids, Edits: []Edit{zero}, Adapter: a, Lambda: 1, Logits: AllLogits})
		if slices.Equal(got.Logits, base.Logits) {
			t.Errorf("%s: zeroing it changes nothing", h)
		}
	}
}

// Zeroing every A·x or every delta of an adapter is the base.
func TestZeroedAdapterHooksAreTheBase(t *testing.T) {
	m, a := tinyPair(t)
	ids := [][]int32{{5, 6, 7, 8}}
	base := forwardOK(t, m, &Request{Seqs: ids, Logits: AllLogits})
	for _, kind := range []string{".lora.hook_a", ".lora.hook_delta"} {
		var edits []Edit
		for _, h := range everyHook(m, a) {
			if strings.HasSuffix(h, kind) {
				edits = append(edits, Edit{h, func(x []float32, _ Rows) { clear(x) }})
			}
		}
		got := forwardOK(t, m, &Request{Seqs: ids, Edits: edits, Adapter: a, Lambda: 1, Logits: AllLogits})
		if e, _ := parity.Relative(got.Logits, base.Logits, m.Spec.Vocab, false); e != 0 {
			t.Errorf("%s zeroed: %.1e from the base", kind, e)
		}
	}
	add := Edit{"blocks.0.mlp.up_proj.lora.hook_delta", func(x []float32, _ Rows) {
		for i := range x {
			x[i] = 1
		}
	}}
	if got := forwardOK(t, m, &Request{Seqs: ids, Edits: []Edit{add}, Adapter: a, Lambda: 0, Logits: AllLogits}); slices.Equal(got.Logits, base.Logits) {
		t.Error("what an edit puts into hook_delta at λ = 0 is lost")
	}
}

// Reaches agrees with the numbers: a hook is reached exactly when doubling the
// dial changes it.
func TestReachesIsTrue(t *testing.T) {
	m, _ := tinyPair(t)
	for _, dir := range []string{"r1", "r4"} {
		full := attachDir(t, m, filepath.Join("testdata", "tied", dir))
		checkReaches(t, m, full)
		for i := range full.LoRA().Modules { // and each module alone
			alone := *full.LoRA()
			alone.Modules, alone.Config.TargetModules = alone.Modules[i:i+1], nil
			a, err := m.Attach(&alone, AttachOptions{})
			if err != nil {
				t.Fatal(err)
			}
			checkReaches(t, m, a)
		}
	}
}

func checkReaches(t *testing.T, m *Model, a *Adapter) {
	t.Helper()
	names := everyHook(m, a)
	at := func(lambda float32) *Result {
		return forwardOK(t, m, &Request{Seqs: [][]int32{{1, 2, 3, 4}}, Reads: names, Adapter: a, Lambda: lambda})
	}
	one, two := at(1), at(2)
	first := ""
	for _, h := range names {
		changed := !slices.Equal(one.Hooks[h], two.Hooks[h])
		err := m.Reaches(a, h)
		if changed != (err == nil) {
			t.Errorf("first module %s: %s changed is %v, Reaches says %v", a.LoRA().Modules[0].Name, h, changed, err)
		}
		if err != nil && !strings.Contains(err.Error(), a.FirstHook()) {
			t.Errorf("%v: does not name %s", err, a.FirstHook())
		}
		if changed && first == "" && !strings.Contains(h, ".lora.") {
			first = h
		}
	}
	if first != a.FirstHook() {
		t.Errorf("FirstHook %s, the first that changes is %s", a.FirstHook(), first)
	}
}

// The forward stops after the last hook asked for: weights beyond are not read.
func TestStopsAfterLastHook(t *testing.T) {
	m, a := tinyPair(t)
	poison := func(l int, from proj) {
		for p := from; p < nProjs; p++ {
			w := zeroed(m.w.blocks[l].projs[p])
			m.w.blocks[l].projs[p] = w
		}
	}
	for _, x := range []struct {
		hook string
		from proj // projections of block 1 from here on must not matter
	}{
		{"blocks.1.hook_resid_pre", projQ},
		{"blocks.1.self_attn.v_proj.lora.hook_delta", projO},
		{"blocks.1.hook_attn_out", projGate},
		{"blocks.1.hook_resid_mid", projGate},
		{"blocks.1.mlp.hook_post", projDown},
		{"blocks.1.hook_resid_post", nProjs},
	} {
		ids := [][]int32{{5, 6, 7, 8}}
		req := &Request{Seqs: ids, Reads: []string{x.hook}, Adapter: a, Lambda: 1}
		want := forwardOK(t, m, req)
		saved := slices.Clone(m.w.blocks)
		poison(1, x.from)
		m.w.blocks = append(m.w.blocks[:2:2], block{}) // block 2 would crash
		if got := forwardOK(t, m, req); !slices.Equal(got.Hooks[x.hook], want.Hooks[x.hook]) {
			t.Errorf("%s depends on what comes after it", x.hook)
		}
		m.w.blocks = saved
	}
}

func TestLogitLensAndCrossEntropy(t *testing.T) {
	m, _ := tinyPair(t)
	dir := make([]float32, m.Spec.DModel)
	dir[3] = 2
	row := make([]float32, m.Spec.DModel)
	for id, got := range m.LogitLens(dir) {
		m.w.unembed.Row(row, id)
		if got != 2*row[3] {
			t.Fatalf("token %d: %g, expected %g", id, got, 2*row[3])
		}
	}
	ce := CrossEntropy([]float32{0, 0, 0, 0, 1000, 0}, 2, []int32{1, -1, 0})
	if math.Abs(float64(ce[0])-math.Ln2) > 1e-7 || ce[1] == ce[1] || ce[2] != 0 {
		t.Errorf("cross-entropies %v, expected ln 2, NaN, 0", ce)
	}
}
