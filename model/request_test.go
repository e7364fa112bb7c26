package model

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestForwardRefuses(t *testing.T) {
	m, _ := tinyPair(t)
	seq := [][]int32{{1, 2, 3}}
	used := m.NewCache(1)
	forwardOK(t, m, &Request{Seqs: seq, Cache: used, To: 2})
	for _, x := range []struct {
		name string
		r    Request
		says []string
	}{
		{"nothing", Request{}, []string{"no sequences"}},
		{"an empty sequence", Request{Seqs: [][]int32{{1}, {}}}, []string{"sequence 1 is empty"}},
		{"a negative id", Request{Seqs: [][]int32{{1, -1}}}, []string{"token 1", "-1", "63"}},
		{"an id too large", Request{Seqs: [][]int32{{64}}}, []string{"64", "63"}},
		{"too long", Request{Seqs: batch(m, 1, 257)}, []string{"257", "256"}},
		{"From without residual", Request{Seqs: seq, From: 1}, []string{"no residual", "block 1"}},
		{"a short residual", Request{Seqs: seq, Resid: make([]float32, 32)}, []string{"32 values", "3 rows of 32"}},
		{"To beyond the model", Request{Seqs: seq, To: 4}, []string{"[0, 4)", "[0, 3)"}},
		{"From after To", Request{Seqs: seq, From: 2, To: 1, Resid: make([]float32, 96)}, []string{"[2, 1)"}},
		{"logits of a part", Request{Seqs: seq, To: 2, Logits: LastLogits}, []string{"logits", "3 blocks", "To 2"}},
		{"unknown hook", Request{Seqs: seq, Reads: []string{"blocks.0.hook_resid_pst"}}, []string{"blocks.0.hook_resid_post"}},
		{"slots without cache", Request{Seqs: seq, Slots: []int{0}}, []string{"1 slots", "cache"}},
		{"too few slots", Request{Seqs: [][]int32{{1}, {2}}, Cache: m.NewCache(1)}, []string{"sequence 1", "slot 1"}},
		{"a slot twice", Request{Seqs: [][]int32{{1}, {2}}, Slots: []int{1, 1}, Cache: m.NewCache(2)}, []string{"slot 1", "twice"}},
		{"a negative slot", Request{Seqs: seq, Slots: []int{-1}, Cache: m.NewCache(2)}, []string{"slot -1"}},
		{"a cache of other blocks", Request{Seqs: seq, Cache: used}, []string{"[0, 2)", "[0, 3)"}},
		{"a full cache", Request{Seqs: batch(m, 1, 254), Cache: used, To: 2}, []string{"257", "256"}},
	} {
		if _, err := m.Forward(context.Background(), &x.r); err == nil {
			t.Errorf("%s: accepted", x.name)
		} else {
			for _, s := range append(x.says, "model: ") {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("%s: %v: does not say %q", x.name, err, s)
				}
			}
		}
	}
	if used.Len(0) != 3 {
		t.Errorf("refused calls left %d tokens in the cache, expected 3", used.Len(0))
	}
}

func TestForwardStopsWhenCancelled(t *testing.T) {
	m, a := tinyPair(t)
	ctx, cancel := context.WithCancel(context.Background())
	cache := m.NewCache(1)
	_, err := m.Forward(ctx, &Request{Seqs: [][]int32{{1, 2}}, Cache: cache, Logits: LastLogits, Edits: []Edit{{"blocks.1.hook_resid_post", func([]float32, Rows) { cancel() }}}})
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "block 2") || cache.Len(0) != 0 {
		t.Errorf("%v, %d tokens in the cache", err, cache.Len(0))
	}
	if _, err := m.Generate(ctx, [][]int32{{1}}, GenerateOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("generate: %v", err)
	}
	if _, err := m.KL(ctx, [][]int32{{1}}, a, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("KL: %v", err)
	}
}

func TestOnLogitsStreamsAllLogits(t *testing.T) {
	m, a := tinyPair(t)
	seqs := sequences(m)
	want := forwardOK(t, m, &Request{Seqs: seqs, Adapter: a, Lambda: 1, Logits: AllLogits})
	var got []float32
	var seq []int32
	r := forwardOK(t, m, &Request{Seqs: seqs, Adapter: a, Lambda: 1, OnLogits: func(logits []float32, rows Rows) error {
		got, seq = append(got, logits...), append(seq, rows.Seq...)
		return nil
	}})
	if !slices.Equal(got, want.Logits) || len(seq) != want.Rows || r.Logits != nil {
		t.Errorf("streamed %d logits of %d rows, expected the %d of AllLogits", len(got), len(seq), len(want.Logits))
	}
	stop := errors.New("enough")
	_, err := m.Forward(context.Background(), &Request{Seqs: seqs, OnLogits: func([]float32, Rows) error { return stop }})
	if !errors.Is(err, stop) {
		t.Errorf("error of OnLogits: %v", err)
	}
}

// Loss of a cached continuation is the loss of the whole text from there on.
func TestLossOfContinuation(t *testing.T) {
	m, _ := tinyPair(t)
	ids := batch(m, 1, 40)[0]
	whole, err := m.Loss(context.Background(), &Request{Seqs: [][]int32{ids}})
	if err != nil {
		t.Fatal(err)
	}
	cache := m.NewCache(1)
	forwardOK(t, m, &Request{Seqs: [][]int32{ids[:25]}, Cache: cache, To: m.Spec.Layers})
	part, err := m.Loss(context.Background(), &Request{Seqs: [][]int32{ids[25:]}, Cache: cache})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(part[:14], whole[25:39]) || part[14] == part[14] || whole[39] == whole[39] {
		t.Errorf("continued %v, whole %v", part, whole[25:])
	}
}

func TestResidIsReturnedWhenAsked(t *testing.T) {
	m, _ := tinyPair(t)
	seqs := [][]int32{{1, 2}, {3}}
	last := "blocks.2.hook_resid_post"
	all := forwardOK(t, m, &Request{Seqs: seqs})
	if read := forwardOK(t, m, &Request{Seqs: seqs, Reads: []string{last}}); read.Resid != nil || !slices.Equal(read.Hooks[last], all.Resid) {
		t.Error("the residual is not what leaves the last block, or is returned unasked")
	}
	none := forwardOK(t, m, &Request{Seqs: seqs, From: 1, To: 1, Resid: make([]float32, 96)})
	if len(none.Resid) != 96 || slices.ContainsFunc(none.Resid, func(v float32) bool { return v != 0 }) {
		t.Errorf("no blocks: residual %v, expected what went in", none.Resid)
	}
}
