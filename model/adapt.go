package model

import "agar/model/tensor"

// ownHooks are the hooks of a layer's factors.
type ownHooks struct{ a, delta hookID }

// project is y [n, out] = Wx + bias with what adapters change of it, for rows i …
// i+n of the group.
func (b *blockRun) project(p proj, y, x []float32, i, n int) {
	w, at := b.w.projs[p], ownHooks{hookAt(b.l, loraPoints[p].a), hookAt(b.l, loraPoints[p].delta)}
	delta := b.linear(y, x, w, b.r.Adapter.at(b.l, p), at, b.row0+i, n)
	if bias := b.w.biases[p]; bias != nil {
		d := len(bias)
		eachRows(n, func(lo, hi int) {
			for r := lo; r < hi; r++ {
				tensor.Add(y[r*d:(r+1)*d], bias)
			}
		})
	}
	if delta != nil {
		addRows(y, delta, n)
	}
}

// linear is y [n, out] = Wx, or W'x of a weight trained in full, for rows row0 …
// of the call. What factors add to it is the result, which is to be added behind
// the bias; nil for nothing.
func (f *forward) linear(y, x []float32, w *tensor.Weight, c *changes, at ownHooks, row0, n int) []float32 {
	if c == nil {
		f.products.Linear(y, x, n, w)
		return nil
	}
	if v := c.instead(f.lambda()); v != nil {
		f.products.Linear(y, x, n, v)
		return nil
	}
	f.products.Linear(y, x, n, w)
	delta := f.delta(c, y, at, row0, n, 1, func(dst []float32, t *factors) { t.inner(dst, x, n) })
	f.blend(y, c, n, func(dst []float32, v *tensor.Weight) { f.products.Linear(dst, x, n, v) })
	return delta
}

// lambda is the dial of the call.
func (f *forward) lambda() float64 { return float64(f.r.Lambda) }

// instead is the weight that stands for the base's when nothing else is changed
// and the dial is 1: the numbers have the bits of a model with that weight.
func (c *changes) instead(lambda float64) *tensor.Weight {
	var only *tensor.Weight
	for _, f := range c.full {
		switch s := lambda * f.dial; {
		case s == 0:
		case s != 1 || only != nil:
			return nil
		default:
			only = f.w
		}
	}
	if len(c.low) > 0 {
		return nil
	}
	return only
}

// blend adds Σ λ·dial·(W'x − Wx) to y [n, out] = Wx; apply computes W'x.
func (f *forward) blend(y []float32, c *changes, n int, apply func(dst []float32, w *tensor.Weight)) {
	if len(c.full) == 0 || f.lambda() == 0 {
		return
	}
	size := n * c.out
	other, sum := buf(&f.ws.other, size), buf(&f.ws.sum, size)
	clear(sum)
	for _, v := range c.full {
		s := float32(f.lambda() * v.dial)
		if s == 0 {
			continue
		}
		apply(other, v.w)
		eachRows(n, func(lo, hi int) {
			for i := lo * c.out; i < hi*c.out; i++ {
				sum[i] += s * (other[i] - y[i])
			}
		})
	}
	addRows(y[:size], sum, n)
}

// delta is what the factors of c add, [n, out], for rows row0 … of the call, times
// post; z is Wx, and inner computes A·x of one. At λ = 0 it is nil, so that the
// output keeps the bits of the base, unless an edit put something there.
func (f *forward) delta(c *changes, z []float32, at ownHooks, row0, n int, post float32, inner func(dst []float32, t *factors)) []float32 {
	read, changed := f.taps[at.a], f.taps[at.delta]
	if len(c.low) == 0 || f.lambda() == 0 && read == nil && changed == nil {
		return nil
	}
	a := buf(&f.ws.inner, n*c.r)
	for k, col := 0, 0; k < len(c.low); k++ {
		t := c.low[k]
		f.columns(a, c.r, col, t.columns(), n, true, func(x []float32) { inner(x, t) })
		col += t.columns()
	}
	if c.r > 0 {
		f.fire(at.a, a, row0, n)
	}
	delta := buf(&f.ws.delta, n*c.out)
	for k, col := 0, 0; k < len(c.low); k++ {
		t, dst := c.low[k], delta
		if k > 0 {
			dst = buf(&f.ws.sum, n*c.out)
		}
		f.columns(a, c.r, col, t.columns(), n, false, func(x []float32) { t.outer(dst, x, z, n, f.lambda()) })
		col += t.columns()
		if k > 0 {
			addRows(delta, dst, n)
		}
	}
	if post != 1 {
		eachPiece(delta, func(x []float32) { tensor.Scale(x, post) })
	}
	f.fire(at.delta, delta, row0, n)
	if f.lambda() == 0 && (changed == nil || len(changed.edits) == 0) {
		return nil
	}
	return delta
}

// columns runs do on columns at … at+r of a [n, width] as a matrix of their own,
// filled with them before, or copied back there after.
func (f *forward) columns(a []float32, width, at, r, n int, back bool, do func(x []float32)) {
	if r == 0 && back {
		return
	}
	if r == width || r == 0 {
		do(a)
		return
	}
	x := buf(&f.ws.columns, n*r)
	if !back {
		for i := range n {
			copy(x[i*r:(i+1)*r], a[i*width+at:])
		}
	}
	do(x)
	if back {
		for i := range n {
			copy(a[i*width+at:i*width+at+r], x[i*r:(i+1)*r])
		}
	}
}

// block is block l as this call has it.
func (f *forward) block(l int) *block {
	if f.r.Adapter == nil {
		return &f.m.w.blocks[l]
	}
	return f.m.w.blocks[l].with(f.r.Adapter.blocks[l].vectors, f.lambda())
}

// embedded changes x [n, DModel], the embeddings of rows row0 … before they are
// scaled, and scales them.
func (f *forward) embedded(x []float32, c *changes, row0, n int) {
	d, scale := f.m.Spec.DModel, float32(f.m.Spec.EmbedScale)
	var delta []float32
	if c != nil {
		delta = f.delta(c, x, ownHooks{embedA, embedDelta}, row0, n, scale, func(dst []float32, t *factors) { t.lookup(dst, f.tokens(row0, n)) })
		f.blend(x, c, n, func(dst []float32, w *tensor.Weight) { lookup(dst, w, f.tokens(row0, n)) })
	}
	if scale != 1 {
		eachRows(n, func(lo, hi int) { tensor.Scale(x[lo*d:hi*d], scale) })
	}
	if delta != nil {
		addRows(x, delta, n)
	}
}

// tokens are the ids of rows row0 … row0+n.
func (f *forward) tokens(row0, n int) []int32 {
	ids := buf(&f.ws.ids, n)
	for i := range ids {
		s := f.rows.Seq[row0+i]
		ids[i] = f.r.Seqs[s][row0+i-f.first[s]]
	}
	return ids
}

// lookup copies the rows ids of w to dst.
func lookup(dst []float32, w *tensor.Weight, ids []int32) {
	d := w.Cols()
	eachRows(len(ids), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			w.Row(dst[i*d:(i+1)*d], int(ids[i]))
		}
	})
}

// lookup is dst [n, r] = A[:, id] of an embedding's factors.
func (t *factors) lookup(dst []float32, ids []int32) {
	for i, id := range ids {
		for j := range t.r {
			dst[i*t.r+j] = t.a[j*t.in+int(id)]
		}
	}
}

// ending is what follows the blocks, as one call has it.
type ending struct {
	norm    norm
	unembed *changes
	normed  bool // what is unembedded went through the norm already
}

// ending is what follows the blocks in this call.
func (f *forward) ending() ending {
	e, a := ending{norm: f.m.w.norm}, f.r.Adapter
	if a == nil {
		return e
	}
	e.norm.w = blended(e.norm.w, a.final, vecLn1, f.lambda())
	e.norm.b = blended(e.norm.b, a.final, vecLn1Bias, f.lambda())
	e.unembed = a.unembed
	return e
}
