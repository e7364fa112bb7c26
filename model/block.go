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

// run computes the block, here with PreNorm:
//
//	mid  = x + attention(norm₁(x))
//	post = mid + mlp(norm₂(mid))
func (b *blockRun) run() {
	b.hook(residPre, b.x, 0, b.n)
	if b.last <= residPre {
		return
	}
	q, k, v := b.qkv()
	if b.last <= rotK {
		return
	}
	b.attend(q, k, v)
	if b.last <= attnPattern {
		return
	}
	b.hook(hookZ, q, 0, b.n)
	if b.last <= hookZ {
		return
	}
	zw := b.m.Spec.Heads * b.m.Spec.DHead
	for i := 0; i < b.n; i += b.r.groupRows() {
		n := min(b.r.groupRows(), b.n-i)
		b.rest(q[i*zw:(i+n)*zw], i, n)
	}
	if b.last >= residPost {
		b.hook(residPost, b.x, 0, b.n)
	}
}

// hook fires a point of this block on rows i … i+n of the group.
func (b *blockRun) hook(p point, x []float32, i, n int) { b.fire(hookAt(b.l, p), x, b.row0+i, n) }

// norm normalises n rows of x to dst, which may be x.
func (b *blockRun) norm(dst, x []float32, w *norm, p point, i, n int) {
	b.normalise(dst, x, w, hookAt(b.l, p), b.row0+i, n)
}

// qkv computes queries, keys and values of all rows, normalised and rotated.
func (b *blockRun) qkv() (q, k, v []float32) {
	s := &b.m.Spec
	d, qw, kw := s.DModel, s.Heads*s.DHead, b.m.kvWidth()
	q, k, v = buf(&b.ws.q, b.n*qw), buf(&b.ws.k, b.n*kw), buf(&b.ws.v, b.n*kw)
	for i := 0; i < b.n; i += b.r.groupRows() {
		n := min(b.r.groupRows(), b.n-i)
		h := b.x[i*d : (i+n)*d]
		if s.Placement.before() {
			h = buf(&b.ws.norm, n*d)
			b.norm(h, b.x[i*d:(i+n)*d], &b.w.ln1, ln1Normalized, i, n)
		}
		b.project(projQ, q[i*qw:(i+n)*qw], h, i, n)
		b.project(projK, k[i*kw:(i+n)*kw], h, i, n)
		b.project(projV, v[i*kw:(i+n)*kw], h, i, n)
	}
	b.hook(hookQ, q, 0, b.n)
	b.hook(hookK, k, 0, b.n)
	b.hook(hookV, v, 0, b.n)
	eachRows(b.n, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			b.turn(q[i*qw:(i+1)*qw], b.w.qNorm, i)
			b.turn(k[i*kw:(i+1)*kw], b.w.kNorm, i)
		}
	})
	if s.Blocks[b.l].Rope >= 0 {
		b.hook(rotQ, q, 0, b.n)
		b.hook(rotK, k, 0, b.n)
	}
	return q, k, v
}

// turn normalises the heads of row i, x [heads·DHead], by w and rotates them by
// the angles of its position.
func (b *blockRun) turn(x, w []float32, i int) {
	s := &b.m.Spec
	for h := x; len(w) > 0 && len(h) > 0; h = h[len(w):] {
		tensor.RMSNorm(h[:len(w)], h[:len(w)], w, float32(s.NormEps))
	}
	if t := b.rope(b.l, int(b.rows.Seq[b.row0+i])); t != nil {
		t.rotate(x, int(b.rows.Pos[b.row0+i]), s.DHead)
	}
}

// rest computes what follows attention for rows i … i+n of the group: z [n,
// Heads·DHead] projected and added to the residual stream, then the MLP.
func (b *blockRun) rest(z []float32, i, n int) {
	s := &b.m.Spec
	d := s.DModel
	x, att := b.x[i*d:(i+n)*d], buf(&b.ws.att, n*d)
	b.project(projO, att, z, i, n)
	if s.Placement.after() {
		b.norm(att, att, &b.w.ln1Post, ln1PostNormalized, i, n)
	}
	b.hook(attnOut, att, i, n)
	if b.last <= attnOut {
		return
	}
	if !s.Parallel {
		addRows(x, att, n)
		b.hook(residMid, x, i, n)
	}
	if b.last <= residMid {
		return
	}
	out := b.mlp(x, i, n)
	if b.last <= ln2PostNormalized {
		return
	}
	b.hook(mlpOut, out, i, n)
	if b.last <= mlpOut {
		return
	}
	if s.Parallel {
		addRows(out, att, n)
	}
	addRows(x, out, n)
}

// mlp is what the MLP makes of x, rows i … i+n of the group, its norms included.
func (b *blockRun) mlp(x []float32, i, n int) []float32 {
	s := &b.m.Spec
	h, out := x, buf(&b.ws.out, n*s.DModel)
	if s.Placement.before() {
		h = buf(&b.ws.norm, n*s.DModel)
		b.norm(h, x, &b.w.ln2, ln2Normalized, i, n)
	}
	if s.Blocks[b.l].MoE {
		b.experts(out, h, i, n)
	} else {
		b.dense(out, h, i, n)
	}
	if s.Placement.after() && b.last > downDelta {
		b.norm(out, out, &b.w.ln2Post, ln2PostNormalized, i, n)
	}
	return out
}

// dense is out = W_down·hidden, hidden = act(W_gate·h)·(W_up·h), or act(W_up·h)
// without a gate.
func (b *blockRun) dense(out, h []float32, i, n int) {
	s := &b.m.Spec
	hidden, up := buf(&b.ws.gate, n*s.DMLP), []float32(nil)
	if s.Gated {
		up = buf(&b.ws.up, n*s.DMLP)
		b.project(projGate, hidden, h, i, n)
		b.project(projUp, up, h, i, n)
	} else {
		b.project(projUp, hidden, h, i, n)
	}
	b.hook(mlpPre, hidden, i, n)
	if s.Gated {
		b.hook(mlpPreLinear, up, i, n)
	}
	if b.last <= mlpPreLinear {
		return
	}
	s.activate(hidden, up, n, s.DMLP)
	b.hook(mlpPost, hidden, i, n)
	if b.last > mlpPost {
		b.project(projDown, out, hidden, i, n)
	}
}

// activate is gate = act(gate)·up over n rows of width w; up nil is all ones.
func (s *Spec) activate(gate, up []float32, n, w int) {
	eachRows(n, func(lo, hi int) {
		g := gate[lo*w : hi*w]
		if up == nil {
			switch s.Activation {
			case SiLU:
				tensor.SiLU(g)
			case GELU:
				tensor.GELU(g)
			case GELUTanh:
				tensor.GELUTanh(g)
			case ReLU:
				tensor.ReLU(g)
			}
			return
		}
		u := up[lo*w : hi*w]
		switch s.Activation {
		case SiLU:
			tensor.SiLUMul(g, g, u)
		case GELU:
			tensor.GELUMul(g, u)
		case GELUTanh:
			tensor.GELUTanhMul(g, u)
		case ReLU:
			tensor.ReLU(g)
			tensor.Mul(g, u)
		}
	})
}

// addRows is y += x over n rows.
func addRows(y, x []float32, n int) {
	d := len(y) / n
	eachRows(n, func(lo, hi int) { tensor.Add(y[lo*d:hi*d], x[lo*d:hi*d]) })
}
