package model

import (
	"agar/model/lora"
	"agar/model/tensor"
)

// blockBack is one block on its way back.
type blockBack struct {
	*backward
	l     int
	w     *block
	depth depth
	run   blockRun  // computes projections again; it fires nothing
	x     []float32 // [n, DModel] what entered the block
	in    *inside
}

// inside is what a block computed on its way, as its hooks show it, each [n, …],
// in buffers of its own.
type inside struct {
	q, k      []float32 // before their norms
	rq, rk, v []float32 // as attention sees them
	z         []float32
	mid       []float32
	pre, lin  []float32 // of gate and up; without a gate pre is up's
	post      []float32

	bufs [10][]float32
}

// block takes the gradient d [n, DModel] of what leaves block l to that of what
// enters it, in place.
func (b *backward) block(l int, d []float32) error {
	k := b.at(l)
	if !b.kept(l) {
		if _, err := k.forth(false); err != nil {
			return err
		}
	}
	k.run = blockRun{forward: b.f, l: l, w: k.w, lo: 0, hi: len(b.r.Seqs), n: b.n}
	b.f.ws = b.ws.forward
	k.keep(l, residPost, d)
	att := d
	if b.m.Spec.Parallel {
		att = buf(&b.ws.att, len(d))
		copy(att, d)
	}
	if k.mlp(d) {
		return nil
	}
	if k.attention(d, att) {
		return nil
	}
	k.keep(l, residPre, d)
	return nil
}

// at is block l, whose inside has buffers of its own when it is kept.
func (b *backward) at(l int) blockBack {
	k := blockBack{backward: b, l: l, w: &b.m.w.blocks[l], depth: b.depth[l], x: b.inputs[l-b.lowest], in: &b.ws.again}
	if b.kept(l) {
		k.in = b.ws.inside(l - b.lowest)
	}
	return k
}

// forth runs the block on b.x, keeps its inside and returns what leaves it when
// out is set.
func (b *blockBack) forth(out bool) ([]float32, error) {
	q := Request{Seqs: b.r.Seqs, Resid: b.x, From: b.l, To: b.l + 1, Adapter: b.r.Adapter, Lambda: b.r.Lambda, Training: true, Edits: b.edits(out && b.l > b.lowest)}
	f, err := b.m.newForward(b.ctx, &q)
	if err != nil {
		return nil, err
	}
	if !out {
		f.resid, f.last = false, mlpPost
	}
	b.tapAll(f)
	f.allocate()
	if t := f.taps[hookAt(b.l, residPre)]; t != nil {
		t.dst = make([]float32, len(b.x))
		b.inputs[b.l-b.lowest] = t.dst
	}
	return f.res.Resid, f.run()
}

// tapAll lets f fill the inside.
func (b *blockBack) tapAll(f *forward) {
	s, in := &b.m.Spec, b.in
	i := 0
	hook := func(p point, dim int) []float32 {
		x := buf(&in.bufs[i], b.n*dim)
		i++
		h := hookAt(b.l, p)
		if f.taps[h] == nil {
			f.taps[h] = &tap{dim: dim}
		}
		f.taps[h].dst = x
		return x
	}
	qw, kw := s.Heads*s.DHead, b.m.kvWidth()
	in.post = hook(mlpPost, s.DMLP)
	if in.mid = b.x; !s.Parallel {
		in.mid = hook(residMid, s.DModel)
	}
	if b.depth >= atHidden {
		in.pre = hook(mlpPre, s.DMLP)
	}
	if b.depth >= atHidden && s.Gated {
		in.lin = hook(mlpPreLinear, s.DMLP)
	}
	if b.depth >= atMid {
		in.z = hook(hookZ, qw)
	}
	if b.depth < atHeads {
		return
	}
	in.q, in.k, in.v = hook(hookQ, qw), hook(hookK, kw), hook(hookV, kw)
	in.rq, in.rk = in.q, in.k
	if s.Blocks[b.l].Rope >= 0 {
		in.rq, in.rk = hook(rotQ, qw), hook(rotK, kw)
	}
}

// edits are those of the block; input says whether those of hook_resid_pre are
// among them, which happen once: what is kept of the input has them.
func (b *blockBack) edits(input bool) []Edit {
	var out []Edit
	for _, e := range b.r.Edits {
		h, err := b.m.hook(e.Hook, b.r.Adapter)
		if err == nil && h.layer() == b.l && (input || h.point() != residPre) {
			out = append(out, e)
		}
	}
	return out
}

// mlp takes d back through the MLP: on return it is the gradient of what the MLP
// read, its own path added. It says whether that is far enough.
func (b *blockBack) mlp(d []float32) (done bool) {
	s, n := &b.m.Spec, b.n
	b.keep(b.l, mlpOut, d)
	dm := d
	if s.Placement.after() {
		raw := buf(&b.ws.raw, n*s.DModel)
		b.run.project(projDown, raw, b.in.post, 0, n)
		dm = cleared(&b.ws.dm, n*s.DModel)
		b.normBack(dm, d, raw, &b.w.ln2Post, n)
	}
	dpost := buf(&b.ws.dpost, n*s.DMLP)
	if b.depth < atHidden {
		dpost = nil
	}
	b.project(projDown, dpost, dm, b.in.post, false)
	if b.depth < atHidden {
		return true
	}
	b.keep(b.l, mlpPost, dpost)
	dpre, dlin := dpost, buf(&b.ws.dlin, n*s.DMLP)
	s.activateBack(dpre, dlin, b.in.pre, b.in.lin)
	h := b.in.mid
	if s.Placement.before() {
		h = buf(&b.ws.h, n*s.DModel)
		s.norm(h, b.in.mid, &b.w.ln2, n)
	}
	dh := buf(&b.ws.dh, n*s.DModel)
	if b.depth < atMid {
		dh = nil
	}
	if s.Gated {
		b.project(projGate, dh, dpre, h, false)
		b.project(projUp, dh, dlin, h, true)
	} else {
		b.project(projUp, dh, dpre, h, false)
	}
	if b.depth < atMid {
		return true
	}
	b.through(d, dh, b.in.mid, &b.w.ln2)
	return false
}

// through adds to d what goes back through the norm before a branch whose input
// has the gradient dh.
func (b *blockBack) through(d, dh, x []float32, w *norm) {
	if b.m.Spec.Placement.before() {
		b.normBack(d, dh, x, w, b.n)
		return
	}
	addRows(d, dh, b.n)
}

// attention takes the gradient att of the stream that attention adds to back to
// what attention read, and adds that to d. It says whether that is far enough.
func (b *blockBack) attention(d, att []float32) (done bool) {
	s, n := &b.m.Spec, b.n
	if !s.Parallel {
		b.keep(b.l, residMid, d)
	}
	b.keep(b.l, attnOut, att)
	da, zw := att, s.Heads*s.DHead
	if s.Placement.after() {
		raw := buf(&b.ws.raw, n*s.DModel)
		b.run.project(projO, raw, b.in.z, 0, n)
		da = cleared(&b.ws.dm, n*s.DModel)
		b.normBack(da, att, raw, &b.w.ln1Post, n)
	}
	dz := buf(&b.ws.dz, n*zw)
	if b.depth < atHeads {
		dz = nil
	}
	b.project(projO, dz, da, b.in.z, false)
	if b.depth < atHeads {
		return true
	}
	b.keep(b.l, hookZ, dz)
	dq, dk, dv := b.attend(dz)
	h := b.x
	if s.Placement.before() {
		h = buf(&b.ws.h, n*s.DModel)
		s.norm(h, b.x, &b.w.ln1, n)
	}
	dh := buf(&b.ws.dh, n*s.DModel)
	if b.depth < atInput {
		dh = nil
	}
	b.project(projQ, dh, dq, h, false)
	b.project(projK, dh, dk, h, true)
	b.project(projV, dh, dv, h, true)
	if b.depth < atInput {
		return true
	}
	b.through(d, dh, b.x, &b.w.ln1)
	return false
}

// project takes the gradient dy [n, out] of a projection's output back to its
// input x: dx = dy·W, or dx += dy·W, of the adapter's part too (dx may be nil), and
// adds what is wanted of the parameters' gradients.
func (b *blockBack) project(p proj, dx, dy, x []float32, add bool) {
	w := b.w.projs[p]
	if dx != nil {
		if add {
			b.f.products.LinearAdd(dx, dy, b.n, b.m.transposed(w))
		} else {
			b.f.products.Linear(dx, dy, b.n, b.m.transposed(w))
		}
	}
	if b.r.Weights != nil {
		b.r.Weights.addProduct(w, dy, x, b.n)
		b.r.Weights.addRows(b.w.biases[p], dy, b.n)
	}
	if i := b.mods[b.l][p]; i > 0 {
		b.adapter(i-1, dx, dy, x)
	}
}

// adapter is project for the adapter's part: with c = λ·s,
//
//	dB += c·dyᵀ·(x·Aᵀ),   dA += c·(dy·B)ᵀ·x,   dx += c·dy·B·A
func (b *blockBack) adapter(i int, dx, dy, x []float32) {
	t := &b.r.Adapter.LoRA().Modules[i]
	mat := func(x []float32, rows, cols int) tensor.Mat { return tensor.Mat{Data: x, Rows: rows, Cols: cols} }
	c := float32(float64(b.r.Lambda) * t.Scale)
	if t.Kind == lora.Steering {
		b.steering(i, dy, c)
		return
	}
	dyM, xM, a, bm := mat(dy, b.n, t.Out), mat(x, b.n, t.In), mat(t.A, t.R, t.In), mat(t.B, t.Out, t.R)
	inner := mat(buf(&b.ws.inner, b.n*t.R), b.n, t.R)
	if b.r.LoRA {
		tensor.MatMul(inner, xM, a.T(), false)
		scaleAll(inner.Data, c)
		tensor.MatMul(mat(b.g.LoRA[i].B, t.Out, t.R), dyM.T(), inner, true)
	}
	tensor.MatMul(inner, dyM, bm, false)
	scaleAll(inner.Data, c)
	if b.r.LoRA {
		tensor.MatMul(mat(b.g.LoRA[i].A, t.R, t.In), inner.T(), xM, true)
	}
	if dx != nil {
		tensor.MatMul(mat(dx, b.n, t.In), inner, a, true)
	}
}

// steering is adapter for a steering vector: dv += c·Σ dy over the rows.
func (b *blockBack) steering(i int, dy []float32, c float32) {
	if !b.r.LoRA {
		return
	}
	g := b.g.LoRA[i].B
	for r := range b.n {
		tensor.Axpy(g, c, dy[r*len(g):(r+1)*len(g)])
	}
}

func scaleAll(x []float32, c float32) {
	eachPiece(x, func(x []float32) { tensor.Scale(x, c) })
}

// cleared is buf with zeros in it.
func cleared(p *[]float32, n int) []float32 {
	x := buf(p, n)
	clear(x)
	return x
}
