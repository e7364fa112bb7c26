package model

import (
	"context"
	"fmt"

	"agar/model/tensor"
)

// Forward runs a request. It stops after the last point that To, Reads, Edits
// and Logits need, computes no logits that were not asked for, and returns an
// error that wraps ctx.Err() when it is cancelled (checked at every block).
//
// Memory: the workspace of workspaceBytes(min(rows, 1024)), or of the longest
// sequence if it is longer, is kept for the next call; the Result is new.
func (m *Model) Forward(ctx context.Context, r *Request) (*Result, error) {
	if stale := m.stale(r); stale != nil {
		return m.anew(ctx, r, stale)
	}
	f, err := m.newForward(ctx, r)
	if err != nil {
		return nil, err
	}
	f.allocate()
	if err := f.run(); err != nil {
		return nil, err
	}
	if r.Cache != nil {
		for i, ids := range r.Seqs {
			r.Cache.slots[slotOf(r.Slots, i)].took(ids, m.Spec.ropeByLength() && r.Resid == nil)
		}
	}
	return f.res, nil
}

// run takes all sequences through the blocks, in groups.
func (f *forward) run() error {
	f.ws = f.m.spaces.Get().(*workspace)
	defer f.m.spaces.Put(f.ws)
	for lo := 0; lo < len(f.r.Seqs); {
		hi := f.groupEnd(lo)
		if err := f.group(lo, hi); err != nil {
			return err
		}
		lo = hi
	}
	return nil
}

// allocate makes the parts of the result that are not hooks.
func (f *forward) allocate() {
	if f.resid {
		f.res.Resid = make([]float32, f.res.Rows*f.m.Spec.DModel)
	}
	switch {
	case f.r.Logits == LastLogits && f.r.logits != nil:
		f.res.Logits = buf(f.r.logits, len(f.r.Seqs)*f.m.Spec.Vocab)
	case f.r.Logits == LastLogits:
		f.res.Logits = make([]float32, len(f.r.Seqs)*f.m.Spec.Vocab)
	case f.r.Logits == AllLogits:
		f.res.Logits = make([]float32, f.res.Rows*f.m.Spec.Vocab)
	}
}

// groupEnd is the end of the group of sequences that starts at lo.
func (f *forward) groupEnd(lo int) int {
	hi := lo + 1
	for hi < len(f.r.Seqs) && f.first[hi+1]-f.first[lo] <= f.r.groupRows() {
		hi++
	}
	return hi
}

// group takes sequences [lo, hi) through the blocks.
func (f *forward) group(lo, hi int) error {
	row0, n := f.first[lo], f.first[hi]-f.first[lo]
	x := buf(&f.ws.resid, n*f.m.Spec.DModel)
	if err := f.enter(x, row0, n); err != nil {
		return err
	}
	for l := f.from; l < f.to; l++ {
		if err := f.ctx.Err(); err != nil {
			return fmt.Errorf("model: forward stopped at block %d: %w", l, err)
		}
		if err := f.m.finite(l); err != nil {
			return err
		}
		b := blockRun{forward: f, l: l, w: f.block(l), x: x, lo: lo, hi: hi, row0: row0, n: n}
		if l == f.to-1 {
			b.last = f.last
		} else {
			b.last = residPost
		}
		b.run()
	}
	if f.resid {
		copy(f.res.Resid[row0*f.m.Spec.DModel:], x)
	}
	if f.wantsLogits() || f.tappedBehind() {
		return f.logits(x, lo, hi)
	}
	return nil
}

// enter fills x [n, DModel] with embeddings, or with the residual given.
func (f *forward) enter(x []float32, row0, n int) error {
	d := f.m.Spec.DModel
	if f.r.Resid != nil {
		copy(x, f.r.Resid[row0*d:(row0+n)*d])
		return nil
	}
	if err := f.m.finite(-1); err != nil {
		return err
	}
	var c *changes
	if f.r.Adapter != nil {
		c = f.r.Adapter.embed
	}
	w := f.m.w.embed
	if c != nil {
		if v := c.instead(f.lambda()); v != nil {
			w, c = v, nil
		}
	}
	lookup(x, w, f.tokens(row0, n))
	f.embedded(x, c, row0, n)
	f.fire(embedHook, x, row0, n)
	if f.m.Spec.LearnedPositions {
		f.addPositions(x, row0, n)
	}
	return nil
}

// addPositions adds the vectors of their positions to x [n, DModel].
func (f *forward) addPositions(x []float32, row0, n int) {
	d := f.m.Spec.DModel
	pos, at := buf(&f.ws.out, n*d), f.rows.Pos[row0:row0+n]
	lookup(pos, f.m.w.positions, at)
	if f.r.Adapter != nil && f.r.Adapter.positions != nil {
		f.blend(pos, f.r.Adapter.positions, n, func(dst []float32, w *tensor.Weight) { lookup(dst, w, at) })
	}
	f.fire(posEmbedHook, pos, row0, n)
	addRows(x, pos, n)
}

// fire runs the edits of a hook on x [n, dim], rows row0 … of the call, and
// copies what they leave for the caller.
func (f *forward) fire(h hookID, x []float32, row0, n int) {
	t := f.taps[h]
	if t == nil {
		return
	}
	x = x[:n*t.dim]
	for _, e := range t.edits {
		e(x, f.rows.part(row0, n))
	}
	if t.dst != nil {
		copy(t.dst[row0*t.dim:], x)
	}
}

func (r Rows) part(row0, n int) Rows {
	return Rows{r.Seq[row0 : row0+n], r.Pos[row0 : row0+n]}
}

// logits computes what was asked for from x, the residual that leaves the last
// block of sequences [lo, hi).
func (f *forward) logits(x []float32, lo, hi int) error {
	if err := f.m.finiteEnd(); err != nil {
		return err
	}
	d, row0, n := f.m.Spec.DModel, f.first[lo], f.first[hi]-f.first[lo]
	vocab, e := f.m.Spec.Vocab, f.ending()
	if e.normed = f.taps[f.m.Spec.finalHook()] != nil; e.normed {
		f.normalise(x, x, &e.norm, f.m.Spec.finalHook(), row0, n)
	}
	if f.taps[unembedHooks(&f.m.Spec).a] != nil || f.taps[unembedHooks(&f.m.Spec).delta] != nil {
		return f.tappedLogits(x, lo, hi, e)
	}
	switch f.r.Logits {
	case LastLogits:
		last := buf(&f.ws.last, (hi-lo)*d)
		for s := lo; s < hi; s++ {
			at := f.first[s+1] - 1 - row0
			copy(last[(s-lo)*d:], x[at*d:(at+1)*d])
		}
		f.unembed(f.res.Logits[lo*vocab:hi*vocab], last, row0, hi-lo, e)
	case AllLogits:
		f.unembed(f.res.Logits[row0*vocab:(row0+n)*vocab], x, row0, n, e)
	}
	if f.r.OnLogits == nil {
		return nil
	}
	return f.stream(x, row0, n, e, f.r.OnLogits)
}

// tappedLogits computes all logits of sequences [lo, hi), so that the hooks of
// factors on the unembedding see every row, and keeps those that were asked for.
func (f *forward) tappedLogits(x []float32, lo, hi int, e ending) error {
	vocab, at := f.m.Spec.Vocab, f.first[lo]
	return f.stream(x, at, f.first[hi]-at, e, func(y []float32, rows Rows) error {
		for i, s := range rows.Seq {
			switch row := y[i*vocab : (i+1)*vocab]; {
			case f.r.Logits == AllLogits:
				copy(f.res.Logits[(at+i)*vocab:], row)
			case f.r.Logits == LastLogits && at+i == f.first[s+1]-1:
				copy(f.res.Logits[int(s)*vocab:], row)
			}
		}
		at += len(rows.Seq)
		if f.r.OnLogits == nil {
			return nil
		}
		return f.r.OnLogits(y, rows)
	})
}

// stream hands logits on some rows at a time.
func (f *forward) stream(x []float32, row0, n int, e ending, to func([]float32, Rows) error) error {
	d, vocab := f.m.Spec.DModel, f.m.Spec.Vocab
	for i := 0; i < n; i += logitRows {
		k := min(logitRows, n-i)
		y := buf(&f.ws.logits, k*vocab)
		f.unembed(y, x[i*d:(i+k)*d], row0+i, k, e)
		if err := to(y, f.rows.part(row0+i, k)); err != nil {
			return err
		}
	}
	return nil
}

// unembed is y [n, Vocab] = W_U·norm(x) for x [n, DModel], which stays as it is,
// capped where the model caps logits. Its rows are row0 … of the call where hooks
// are tapped.
func (f *forward) unembed(y, x []float32, row0, n int, e ending) {
	d, vocab, step := f.m.Spec.DModel, f.m.Spec.Vocab, groupRows
	if e.unembed != nil {
		step = logitRows
	}
	for i := 0; i < n; i += step {
		k := min(step, n-i)
		h := x[i*d : (i+k)*d]
		if !e.normed {
			h = buf(&f.ws.norm, k*d)
			f.m.Spec.norm(h, x[i*d:(i+k)*d], &e.norm, k)
		}
		part := y[i*vocab : (i+k)*vocab]
		if delta := f.linear(part, h, f.m.w.unembed, e.unembed, unembedHooks(&f.m.Spec), row0+i, k); delta != nil {
			addRows(part, delta, k)
		}
	}
	if c := float32(f.m.Spec.LogitSoftcap); c > 0 {
		eachPiece(y[:n*vocab], func(y []float32) { tensor.Softcap(y, c) })
	}
}

// eachPiece splits elementwise work on x among goroutines.
func eachPiece(x []float32, f func(x []float32)) {
	const piece = 1 << 13
	tensor.Parallel((len(x)+piece-1)/piece, func(i int) { f(x[i*piece : min((i+1)*piece, len(x))]) })
}

// Unembed gives the base's logits [n, Vocab] of residuals [n, DModel] that leave the
// last block: final norm, then the unembedding. It panics with the error of Check
// when one of these weights is not finite.
func (m *Model) Unembed(resid []float32, n int) []float32 {
	return m.unembed(resid, n, tensor.Products{})
}

// TrainingUnembed is Unembed as Backward computes its logits (see Request.Training).
func (m *Model) TrainingUnembed(resid []float32, n int) []float32 {
	return m.unembed(resid, n, tensor.Training())
}

func (m *Model) unembed(resid []float32, n int, p tensor.Products) []float32 {
	m.mustUnembed()
	ws := m.spaces.Get().(*workspace)
	defer m.spaces.Put(ws)
	y := make([]float32, n*m.Spec.Vocab)
	f := forward{m: m, r: &Request{}, ws: ws, products: p}
	f.unembed(y, resid, 0, n, f.ending())
	return y
}

// LogitLens gives W_U·d [Vocab] for a direction d [DModel] of the residual
// stream, without the final norm: what writing along d does to each logit, up to
// the positive factor of the norm. It panics like Unembed.
func (m *Model) LogitLens(dir []float32) []float32 {
	m.mustUnembed()
	y := make([]float32, m.Spec.Vocab)
	tensor.Linear(y, dir, 1, m.w.unembed)
	return y
}

// mustUnembed is finiteEnd where there is no error to return.
func (m *Model) mustUnembed() {
	if err := m.finiteEnd(); err != nil {
		panic(err)
	}
}
