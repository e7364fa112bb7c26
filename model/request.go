package model

import (
	"context"
	"fmt"

	"agar/model/tensor"
)

// LogitsMode says which rows of logits a forward returns.
type LogitsMode uint8

// The modes: none, the last row of each sequence, or every row.
const (
	NoLogits LogitsMode = iota
	LastLogits
	AllLogits
)

// Request is one forward. The zero value of everything but Seqs means: from the
// embedding through all blocks, base model, no logits.
type Request struct {
	// Seqs holds token ids, a slice a sequence. Sequences never see each other;
	// their lengths may differ. With Resid given only the lengths count.
	Seqs [][]int32
	// Resid is [rows, DModel], what enters block From instead of embeddings; it
	// is required when From > 0 and is not changed.
	Resid []float32
	// From and To bound the blocks [From, To) that may run; To 0 means all.
	From, To int
	// Reads are the hooks to return. A hook that is also edited returns what the
	// edit left.
	Reads []string
	// Edits change activations in the order given.
	Edits []Edit
	// Adapter is used at the dial Lambda; nil is the base. Lambda 0 gives the
	// base's numbers, bit for bit: set it to 1 for the adapter as trained.
	Adapter *Adapter
	Lambda  float32
	// Training computes products with weights as training does (tensor.Training):
	// faster where the processor has AMX, to the same accuracy, but not to the bits of
	// calls without it. Backward always does.
	Training bool
	// Logits says which logits to return; they need all blocks.
	Logits LogitsMode
	// OnLogits, when set, is called with the logits [n, Vocab] of some rows at a
	// time, in order of rows, instead of returning AllLogits in one piece. The
	// slices are reused.
	OnLogits func(logits []float32, rows Rows) error
	// Cache continues sequences: Seqs are the new tokens, sequence i in slot i, or
	// in Slots[i] when Slots is set. nil is none.
	Cache *Cache
	Slots []int

	logits *[]float32 // LastLogits are put here, when set
}

// Edit changes what a hook reads. Fn gets x [n, Dim] to modify in place; the
// computation goes on with the result. It is called on the goroutine of Forward,
// one or more times a call, each time with some of the rows in order, together
// each row once. Of hooks with HookInfo.PerKey a row is [Heads, keys], keys being
// the length of the longest sequence of the call, cached tokens counted; what an
// edit puts where a query cannot see is dropped, and a query whose scores are all
// −Inf reads nothing. Model.Edits makes edits of plain data.
type Edit struct {
	Hook string
	Fn   func(x []float32, rows Rows)
}

// Rows says what rows are: the index in Request.Seqs and the position in the
// sequence (cached tokens counted) of each. The slices must not be changed or
// kept.
type Rows struct{ Seq, Pos []int32 }

// Result is what a forward returns, owned by the caller.
type Result struct {
	Rows   int                  // tokens of all sequences
	Hooks  map[string][]float32 // [rows, Dim] of every hook in Reads, [rows, Heads, keys] of those PerKey
	Logits []float32            // [rows, Vocab], or [sequences, Vocab] of LastLogits
	Resid  []float32            // [rows, DModel] leaving block To−1: when To is set, or when nothing else was asked for
}

// forward is a Request under way.
type forward struct {
	ctx      context.Context
	m        *Model
	r        *Request
	res      *Result
	ws       *workspace
	taps     map[hookID]*tap
	from, to int            // blocks to run
	last     point          // the last point needed of block to−1
	first    []int          // first row of every sequence, and the number of rows
	rows     Rows           // of every row
	ropes    [][]*ropeTable // by Spec.Ropes and sequence; one for all where length does not matter
	resid    bool           // return what leaves the last block
	products tensor.Products
}

// tap is what happens at a hook.
type tap struct {
	dim   int
	dst   []float32 // [rows, dim] or nil
	edits []func([]float32, Rows)
}

// newForward checks a request and decides what must run.
func (m *Model) newForward(ctx context.Context, r *Request) (*forward, error) {
	f := &forward{ctx: ctx, m: m, r: r, res: &Result{}, taps: map[hookID]*tap{}, from: r.From, last: residPost}
	if r.Training {
		f.products = tensor.Training()
	}
	for _, step := range []func() error{f.layout, f.bounds, f.hookUp, f.places} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	f.turns()
	return f, nil
}

// layout numbers the rows.
func (f *forward) layout() error {
	if len(f.r.Seqs) == 0 {
		return fmt.Errorf("model: found no sequences, expected at least one")
	}
	f.first = make([]int, 1, len(f.r.Seqs)+1)
	n := 0
	for i, ids := range f.r.Seqs {
		if len(ids) == 0 {
			return fmt.Errorf("model: sequence %d is empty", i)
		}
		n += len(ids)
		f.first = append(f.first, n)
	}
	f.res.Rows = n
	if f.r.Adapter != nil && f.r.Adapter.m != f.m {
		return fmt.Errorf("model: %w: the adapter was attached to another model", ErrAdapter)
	}
	if f.r.Slots != nil && (f.r.Cache == nil || len(f.r.Slots) != len(f.r.Seqs)) {
		return fmt.Errorf("model: found %d slots for %d sequences, expected as many and a cache", len(f.r.Slots), len(f.r.Seqs))
	}
	return f.entry()
}

// entry checks what goes in: token ids, or a residual.
func (f *forward) entry() error {
	if f.r.Resid != nil {
		if want := f.res.Rows * f.m.Spec.DModel; len(f.r.Resid) != want {
			return fmt.Errorf("model: residual: found %d values, expected %d rows of %d", len(f.r.Resid), f.res.Rows, f.m.Spec.DModel)
		}
		return nil
	}
	if f.r.From > 0 {
		return fmt.Errorf("model: found no residual, expected one to enter block %d", f.r.From)
	}
	for i, ids := range f.r.Seqs {
		for t, id := range ids {
			if id < 0 || int(id) >= f.m.Spec.Vocab {
				return fmt.Errorf("model: sequence %d, token %d: found id %d, expected 0 to %d", i, t, id, f.m.Spec.Vocab-1)
			}
		}
	}
	return nil
}

// bounds checks From and To and how they go with logits.
func (f *forward) bounds() error {
	layers := f.m.Spec.Layers
	f.to = f.r.To
	if f.to == 0 {
		f.to = layers
	}
	if f.from < 0 || f.from > f.to || f.to > layers {
		return fmt.Errorf("model: found blocks [%d, %d), expected a range within [0, %d)", f.r.From, f.r.To, layers)
	}
	if f.wantsLogits() && f.to < layers {
		return fmt.Errorf("model: logits need all %d blocks, found To %d", layers, f.r.To)
	}
	return nil
}

func (f *forward) wantsLogits() bool { return f.r.Logits != NoLogits || f.r.OnLogits != nil }

// hookUp prepares the taps, and stops the run after the last one when nothing
// else needs more.
func (f *forward) hookUp() error {
	need := embedHook
	for _, e := range f.r.Edits {
		h, t, err := f.tap(e.Hook)
		if err != nil {
			return err
		}
		t.edits = append(t.edits, e.Fn)
		need = max(need, h)
	}
	if len(f.r.Reads) > 0 {
		f.res.Hooks = make(map[string][]float32, len(f.r.Reads))
	}
	for _, name := range f.r.Reads {
		h, t, err := f.tap(name)
		if err != nil {
			return err
		}
		if t.dst == nil {
			t.dst = make([]float32, f.res.Rows*t.dim)
		}
		f.res.Hooks[name] = t.dst
		need = max(need, h)
	}
	asked := len(f.taps) > 0 || f.wantsLogits()
	f.resid = f.r.To > 0 || !asked
	if f.resid || f.wantsLogits() || f.r.Cache != nil || need >= f.m.Spec.finalHook() {
		return nil
	}
	f.to, f.last = max(need.layer()+1, f.from), need.point()
	return nil
}

// tap finds or makes the tap of a hook that fires in this call.
func (f *forward) tap(name string) (hookID, *tap, error) {
	h, err := f.m.hook(name, f.r.Adapter)
	if err != nil {
		return 0, nil, err
	}
	switch l := h.layer(); {
	case h < 0 && (f.from > 0 || f.r.Resid != nil):
		return 0, nil, fmt.Errorf("model: %w: %q would not fire: the call enters block %d with a residual", ErrUnreached, name, f.from)
	case h >= f.m.Spec.finalHook() && f.to == f.m.Spec.Layers:
	case h >= 0 && (l < f.from || l >= f.to):
		return 0, nil, fmt.Errorf("model: %w: %q would not fire: the call runs blocks [%d, %d)", ErrUnreached, name, f.from, f.to)
	}
	t := f.taps[h]
	if t == nil {
		t = &tap{dim: f.width(h)}
		f.taps[h] = t
	}
	return h, t, nil
}

// places numbers the positions and makes room in the cache.
func (f *forward) places() error {
	f.rows = Rows{make([]int32, 0, f.res.Rows), make([]int32, 0, f.res.Rows)}
	for i, ids := range f.r.Seqs {
		past := f.past(i)
		if n := past + len(ids); n > f.m.Spec.MaxPos {
			return fmt.Errorf("model: sequence %d: found %d tokens, the model takes at most %d", i, n, f.m.Spec.MaxPos)
		}
		for t := range ids {
			f.rows.Seq = append(f.rows.Seq, int32(i))
			f.rows.Pos = append(f.rows.Pos, int32(past+t))
		}
	}
	if f.r.Cache == nil {
		return nil
	}
	if err := f.r.Cache.admit(f.m, f.from, f.to, f.r.Seqs, f.r.Slots); err != nil {
		return fmt.Errorf("model: %w", err)
	}
	return nil
}

// past is how many tokens of sequence i are cached already; 0 for a slot that
// is not there, which admit refuses.
func (f *forward) past(i int) int {
	if f.r.Cache == nil {
		return 0
	}
	if s := slotOf(f.r.Slots, i); s >= 0 && s < len(f.r.Cache.slots) {
		return f.r.Cache.slots[s].n
	}
	return 0
}

// length is the number of tokens of sequence i, cached ones counted.
func (f *forward) length(i int) int { return f.past(i) + len(f.r.Seqs[i]) }

// longest is the length of the longest sequence.
func (f *forward) longest() int {
	n := 0
	for i := range f.r.Seqs {
		n = max(n, f.length(i))
	}
	return n
}

// tappedBehind tells whether a hook behind the blocks is tapped.
func (f *forward) tappedBehind() bool {
	for h := range f.taps {
		if h >= f.m.Spec.finalHook() {
			return true
		}
	}
	return false
}

// width is the length of a row of hook h in this call.
func (f *forward) width(h hookID) int {
	i := f.m.info(h, f.r.Adapter)
	if i.PerKey {
		return i.Dim * f.longest()
	}
	return i.Dim
}

// turns finds the rotary tables of this call.
func (f *forward) turns() {
	f.ropes = make([][]*ropeTable, len(f.m.Spec.Ropes))
	longest := f.longest()
	for i := range f.ropes {
		r := &f.m.Spec.Ropes[i]
		if !r.Scaling.byLength() {
			f.ropes[i] = []*ropeTable{f.m.ropes[i].get(r, longest, f.m.Spec.MaxPos)}
			continue
		}
		for s := range f.r.Seqs {
			f.ropes[i] = append(f.ropes[i], f.m.ropes[i].get(r, f.length(s), f.m.Spec.MaxPos))
		}
	}
}

// rope is the table that block l uses for sequence s, nil for none.
func (f *forward) rope(l, s int) *ropeTable {
	i := f.m.Spec.Blocks[l].Rope
	if i < 0 {
		return nil
	}
	return f.ropes[i][min(s, len(f.ropes[i])-1)]
}
