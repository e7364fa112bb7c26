package model

import (
	"context"
	"fmt"
	"slices"
)

// Under dynamic and longrope scaling the rotary frequencies follow from the length
// of the sequence, so keys that were cached at one length are wrong at another:
// every number of the sequence changes. A call that takes a cached sequence across
// such a length computes it anew from its tokens, which the cache keeps for these
// models, and returns the rows that were asked for; edits see the earlier rows
// again.

// ropeByLength tells whether some rotary frequencies follow from the length.
func (s *Spec) ropeByLength() bool {
	return slices.ContainsFunc(s.Ropes, func(r Rope) bool { return r.Scaling.byLength() })
}

// outgrown tells whether keys made for a sequence of one length do not serve one
// of another.
func (s *Spec) outgrown(made, length int) bool {
	return slices.ContainsFunc(s.Ropes, func(r Rope) bool { return r.Scaling.stretch(made) != r.Scaling.stretch(length) })
}

// stale finds the sequences whose cached keys do not serve the length that the
// call gives them.
func (m *Model) stale(r *Request) []int {
	var at []int
	if r.Cache == nil || !m.Spec.ropeByLength() {
		return nil
	}
	for i, ids := range r.Seqs {
		s := slotOf(r.Slots, i)
		if s < 0 || s >= len(r.Cache.slots) {
			return nil // which admit refuses
		}
		if c := &r.Cache.slots[s]; c.n > 0 && m.Spec.outgrown(c.made, c.n+len(ids)) {
			at = append(at, i)
		}
	}
	return at
}

// anew runs r with the sequences in stale computed from their first token on.
func (m *Model) anew(ctx context.Context, r *Request, stale []int) (*Result, error) {
	q, past := *r, make([]int, len(r.Seqs))
	q.Seqs = slices.Clone(r.Seqs)
	for _, i := range stale {
		c := &r.Cache.slots[slotOf(r.Slots, i)]
		if r.Resid != nil || len(c.ids) < c.n {
			return nil, fmt.Errorf("model: sequence %d: the rotary embedding changes at this length, and a sequence that was entered with a residual cannot be computed anew; start from an empty slot", i)
		}
		past[i] = c.n
		q.Seqs[i] = append(slices.Clone(c.ids[:c.n]), r.Seqs[i]...)
	}
	for _, i := range stale {
		r.Cache.slots[slotOf(r.Slots, i)].n = 0
	}
	if r.OnLogits != nil {
		q.OnLogits = func(logits []float32, rows Rows) error {
			kept, rows := m.fresh(logits, rows, past)
			if len(rows.Seq) == 0 {
				return nil
			}
			return r.OnLogits(kept, rows)
		}
	}
	res, err := m.Forward(ctx, &q)
	if err != nil {
		for _, i := range stale {
			r.Cache.slots[slotOf(r.Slots, i)].n = past[i]
		}
		return nil, err
	}
	return res.without(q.Seqs, past, r.Logits), nil
}

// fresh keeps the rows of logits [n, Vocab] that are not cached ones.
func (m *Model) fresh(logits []float32, rows Rows, past []int) ([]float32, Rows) {
	var kept Rows
	v, n := m.Spec.Vocab, 0
	for i, s := range rows.Seq {
		if int(rows.Pos[i]) < past[s] {
			continue
		}
		copy(logits[n*v:(n+1)*v], logits[i*v:(i+1)*v])
		kept.Seq, kept.Pos = append(kept.Seq, s), append(kept.Pos, rows.Pos[i])
		n++
	}
	return logits[:n*v], kept
}

// without takes the first past rows of each sequence out of a result.
func (r *Result) without(seqs [][]int32, past []int, mode LogitsMode) *Result {
	out := &Result{Logits: r.Logits}
	cut := func(x []float32) []float32 {
		if x == nil {
			return nil
		}
		var y []float32
		w, row := len(x)/r.Rows, 0
		for i, ids := range seqs {
			y = append(y, x[(row+past[i])*w:(row+len(ids))*w]...)
			row += len(ids)
		}
		return y
	}
	for i, ids := range seqs {
		out.Rows += len(ids) - past[i]
	}
	out.Resid = cut(r.Resid)
	if mode == AllLogits {
		out.Logits = cut(r.Logits)
	}
	if r.Hooks != nil {
		out.Hooks = map[string][]float32{}
	}
	for name, x := range r.Hooks {
		out.Hooks[name] = cut(x)
	}
	return out
}
