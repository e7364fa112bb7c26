package model

import "agar/model/tensor"

// blockRun is one block on one group of sequences.
type blockRun struct {
	*forward
	l      int // the block
	w      *block
	x      []float32 // [n, DModel] the residual stream, changed in place
	lo, hi int       // sequences
	row0   int       // first row of the group in the call
	n      int       // rows
	last   point     // nothing after this point is needed
}

// run computes the block:
//
//	mid  = x + attention(norm₁(x))
//	post = mid + mlp(norm₂(mid))
func (b *blockRun) run() {
	b.hook(residPre, b.x, 0, b.n)
	if b.last <= residPre {
		return
	}
	q, k, v := b.qkv()
	if b.last <= vDelta {
		return
	}
	b.attend(q, k, v)
	b.attnOut(q)
	if b.last <= attnOut {
		return
	}
	b.hook(residMid, b.x, 0, b.n)
	if b.last <= residMid {
		return
	}
	for i := 0; i < b.n; i += groupRows {
		b.mlp(i, min(groupRows, b.n-i))
	}
	if b.last >= residPost {
		b.hook(residPost, b.x, 0, b.n)
	}
}

// hook fires a point of this block on rows i … i+n of the group.
func (b *blockRun) hook(p point, x []float32, i, n int) { b.fire(hookAt(b.l, p), x, b.row0+i, n) }

// qkv computes queries, keys and values of all rows, rotated.
func (b *blockRun) qkv() (q, k, v []float32) {
	s := &b.m.Spec
	d, qw, kw := s.DModel, s.Heads*s.DHead, b.m.kvWidth()
	q, k, v = buf(&b.ws.q, b.n*qw), buf(&b.ws.k, b.n*kw), buf(&b.ws.v, b.n*kw)
	for i := 0; i < b.n; i += groupRows {
		n := min(groupRows, b.n-i)
		h := buf(&b.ws.norm, n*d)
		rmsNorm(h, b.x[i*d:(i+n)*d], b.w.attnNorm, n, float32(s.RMSEps))
		b.project(projQ, q[i*qw:(i+n)*qw], h, i, n)
		b.project(projK, k[i*kw:(i+n)*kw], h, i, n)
		b.project(projV, v[i*kw:(i+n)*kw], h, i, n)
	}
	half := s.DHead / 2
	eachRows(b.n, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			pos := int(b.rows.Pos[b.row0+i])
			b.rope.rotate(q[i*qw:(i+1)*qw], pos, half)
			b.rope.rotate(k[i*kw:(i+1)*kw], pos, half)
		}
	})
	return q, k, v
}

// attnOut projects what attention read, z [n, Heads·DHead], and adds it to the
// residual stream.
func (b *blockRun) attnOut(z []float32) {
	d, zw := b.m.Spec.DModel, b.m.Spec.Heads*b.m.Spec.DHead
	for i := 0; i < b.n; i += groupRows {
		n := min(groupRows, b.n-i)
		out := buf(&b.ws.out, n*d)
		b.project(projO, out, z[i*zw:(i+n)*zw], i, n)
		b.hook(attnOut, out, i, n)
		addRows(b.x[i*d:(i+n)*d], out, n)
	}
}

// mlp runs the MLP on rows i … i+n of the group.
func (b *blockRun) mlp(i, n int) {
	s := &b.m.Spec
	d, x := s.DModel, b.x[i*s.DModel:(i+n)*s.DModel]
	h, gate, up := buf(&b.ws.norm, n*d), buf(&b.ws.gate, n*s.DMLP), buf(&b.ws.up, n*s.DMLP)
	rmsNorm(h, x, b.w.mlpNorm, n, float32(s.RMSEps))
	b.project(projGate, gate, h, i, n)
	b.project(projUp, up, h, i, n)
	if b.last <= upDelta {
		return
	}
	eachRows(n, func(lo, hi int) {
		lo, hi = lo*s.DMLP, hi*s.DMLP
		tensor.SiLUMul(gate[lo:hi], gate[lo:hi], up[lo:hi])
	})
	b.hook(mlpPost, gate, i, n)
	if b.last <= mlpPost {
		return
	}
	out := buf(&b.ws.out, n*d)
	b.project(projDown, out, gate, i, n)
	b.hook(mlpOut, out, i, n)
	if b.last > mlpOut {
		addRows(x, out, n)
	}
}

// addRows is y += x over n rows.
func addRows(y, x []float32, n int) {
	d := len(y) / n
	eachRows(n, func(lo, hi int) { tensor.Add(y[lo*d:hi*d], x[lo*d:hi*d]) })
}

// project is y [n, out] = Wx, and the adapter's part when it has one there, for
// rows i … i+n of the group.
func (b *blockRun) project(p proj, y, x []float32, i, n int) {
	tensor.Linear(y, x, n, b.w.projs[p])
	if t := b.r.Adapter.at(b.l, p); t != nil {
		b.adapt(t, p, y, x, i, n)
	}
}

// adapt is y += λ·s·B(Ax). At λ = 0 nothing is added, so that y keeps the bits
// of the base, unless an edit put something there.
func (b *blockRun) adapt(t *attached, p proj, y, x []float32, i, n int) {
	at := loraPoints[p]
	read, changed := b.taps[hookAt(b.l, at.a)], b.taps[hookAt(b.l, at.delta)]
	if b.r.Lambda == 0 && read == nil && changed == nil {
		return
	}
	inner := buf(&b.ws.inner, n*t.r)
	t.inner(inner, x, n)
	b.hook(at.a, inner, i, n)
	delta := buf(&b.ws.delta, n*t.out)
	t.outer(delta, inner, n, float32(float64(b.r.Lambda)*t.scale))
	b.hook(at.delta, delta, i, n)
	if b.r.Lambda != 0 || changed != nil && len(changed.edits) > 0 {
		addRows(y, delta, n)
	}
}
