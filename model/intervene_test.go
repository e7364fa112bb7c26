package model

import (
	"math"
	"slices"
	"strings"
	"testing"
)

func edits(t *testing.T, m *Model, x ...Intervention) []Edit {
	t.Helper()
	e, err := m.Edits(nil, x...)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// Interventions change the rows, heads and values that they name and no others.
func TestInterventionsChangeWhatTheyName(t *testing.T) {
	m, _ := tinyPair(t)
	seqs := [][]int32{{3, 4, 5, 6, 7}, {8, 9, 10}}
	const hook = "blocks.1.attn.hook_z"
	base := forwardOK(t, m, &Request{Seqs: seqs, Reads: []string{hook}}).Hooks[hook]
	w, dh := m.Spec.Heads*m.Spec.DHead, m.Spec.DHead
	vec := make([]float32, dh)
	for i := range vec {
		vec[i] = float32(i + 1)
	}
	for _, x := range []struct {
		name string
		do   Intervention
		want func(seq, pos, head, i int, v float32) float32
	}{
		{"ablate one head at two positions", Intervention{Hook: hook, Op: SetTo, Positions: []int{1, 2}, Heads: []int{2}},
			func(_, pos, head, _ int, v float32) float32 {
				if head == 2 && (pos == 1 || pos == 2) {
					return 0
				}
				return v
			}},
		{"add in the second sequence", Intervention{Hook: hook, Op: AddTo, Seqs: []int{1}, Heads: []int{0}, Vector: vec},
			func(seq, _, head, i int, v float32) float32 {
				if seq == 1 && head == 0 {
					return v + vec[i]
				}
				return v
			}},
		{"scale everything", Intervention{Hook: hook, Op: ScaleBy, Factor: 3}, func(_, _, _, _ int, v float32) float32 { return 3 * v }},
	} {
		got := forwardOK(t, m, &Request{Seqs: seqs, Reads: []string{hook}, Edits: edits(t, m, x.do)}).Hooks[hook]
		for r := range 8 {
			seq, pos := 0, r
			if r >= 5 {
				seq, pos = 1, r-5
			}
			for j := range w {
				if want := x.want(seq, pos, j/dh, j%dh, base[r*w+j]); got[r*w+j] != want {
					t.Fatalf("%s: row %d, value %d is %g, expected %g", x.name, r, j, got[r*w+j], want)
				}
			}
		}
	}
}

// Patching in every row of another prompt's residual stream gives its logits.
func TestPatchFromAnotherPrompt(t *testing.T) {
	m, _ := tinyPair(t)
	const hook = "blocks.1.hook_resid_pre"
	other := forwardOK(t, m, &Request{Seqs: [][]int32{{9, 8, 7, 6}}, Reads: []string{hook}, Logits: AllLogits})
	patch := Intervention{Hook: hook, Op: SetTo, Positions: []int{3, 0, 1, 2}, Vector: Pick(other.Hooks[hook], m.Spec.DModel, 3, 0, 1, 2)}
	got := forwardOK(t, m, &Request{Seqs: [][]int32{{1, 2, 3, 4}}, Edits: edits(t, m, patch), Logits: AllLogits})
	if !slices.Equal(got.Logits, other.Logits) {
		t.Error("the logits are not those of the prompt that was patched in")
	}
}

// A query whose every edge but the one to itself is cut reads its own value; cutting
// all edges of one leaves it nothing; other heads and queries keep their bits.
func TestKnockout(t *testing.T) {
	m, _ := tinyPair(t)
	ids := [][]int32{{3, 4, 5, 6, 7, 8}}
	reads := []string{"blocks.0.attn.hook_pattern", "blocks.0.attn.hook_z", "blocks.0.attn.hook_v"}
	base := forwardOK(t, m, &Request{Seqs: ids, Reads: reads})
	var edges []Edge
	for k := range 4 {
		edges = append(edges, Edge{4, k})
	}
	for k := range 3 {
		edges = append(edges, Edge{2, k})
	}
	got := forwardOK(t, m, &Request{Seqs: ids, Reads: reads, Edits: edits(t, m, Knockout(0, []int{1}, edges...))})
	dh, heads, keys := m.Spec.DHead, m.Spec.Heads, 6
	z := func(r *Result, pos, head int) []float32 { return r.Hooks[reads[1]][(pos*heads+head)*dh:][:dh] }
	group := heads / m.Spec.KVHeads
	if own := got.Hooks[reads[2]][(4*m.Spec.KVHeads+1/group)*dh:][:dh]; !slices.Equal(z(got, 4, 1), own) {
		t.Errorf("query 4 reads %v, expected its own value %v", z(got, 4, 1), own)
	}
	if slices.ContainsFunc(z(got, 2, 1), func(v float32) bool { return v != 0 }) {
		t.Errorf("query 2 reads %v with every edge cut", z(got, 2, 1))
	}
	for pos := range 6 {
		for h := range heads {
			if h == 1 && (pos == 2 || pos == 4) {
				continue
			}
			if !slices.Equal(z(got, pos, h), z(base, pos, h)) {
				t.Errorf("position %d, head %d changed", pos, h)
			}
			p := got.Hooks[reads[0]][(pos*heads+h)*keys:][:keys]
			sum := 0.0
			for _, v := range p {
				sum += float64(v)
			}
			if math.Abs(sum-1) > 1e-6 {
				t.Errorf("position %d, head %d: the pattern sums to %g", pos, h, sum)
			}
		}
	}
	plain := forwardOK(t, m, &Request{Seqs: ids, Reads: reads[1:2]})
	if !slices.Equal(plain.Hooks[reads[1]], base.Hooks[reads[1]]) {
		t.Error("reading the pattern changes what heads read")
	}
}

func TestInterventionErrors(t *testing.T) {
	m, _ := tinyPair(t)
	const z, scores = "blocks.0.attn.hook_z", "blocks.0.attn.hook_attn_scores"
	for _, x := range []struct {
		do   Intervention
		says string
	}{
		{Intervention{Hook: "blocks.0.attn.hook_y", Op: SetTo}, "nearest"},
		{Intervention{Hook: z, Op: "mul"}, `"mul"`},
		{Intervention{Hook: z, Op: SetTo, Heads: []int{4}}, "head 4"},
		{Intervention{Hook: "hook_embed", Op: SetTo, Heads: []int{0}}, "head 0"},
		{Intervention{Hook: z, Op: AddTo}, "found 0 values"},
		{Intervention{Hook: z, Op: SetTo, Vector: make([]float32, 5)}, "found 5 values, expected 32"},
		{Intervention{Hook: z, Op: Cut, Edges: []Edge{{1, 0}}}, "attention scores"},
		{Intervention{Hook: scores, Op: SetTo}, "attention scores"},
		{Intervention{Hook: scores, Op: Cut}, "found 0 edges"},
		{Knockout(0, nil, Edge{1, 2}), "edge from 1 to 2"},
		{Knockout(9, nil, Edge{1, 0}), "blocks.9"},
	} {
		if _, err := m.Edits(nil, x.do); err == nil || !strings.Contains(err.Error(), x.says) {
			t.Errorf("%+v: %v, expected %q", x.do, err, x.says)
		}
	}
}
