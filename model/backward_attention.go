package model

import "agar/model/tensor"

// backChunk is how many queries go back through attention at a time.
const backChunk = 128

// headBack is the gradients of one sequence and key head.
type headBack struct {
	row, t int       // first row, tokens
	h      int       // key head
	c      *backHead // scratch
}

// backHead is what one goroutine works in when it goes back through attention.
type backHead struct{ q, dz, capped, p, dp, dq, dk, dv, k, v []float32 }

// attend takes the gradient dz [n, Heads·DHead] of what attention read back to
// those of q, k and v as the projections gave them. With S = cap(scale·q·kᵀ) and
// P = softmax(S) over the keys that a query sees,
//
//	dV = Pᵀ·dZ,  dP = dZ·Vᵀ,  dS = P ⊙ (dP − rowsum(P ⊙ dP)),  dQ = scale·dS·K,  dK = scale·dSᵀ·Q
func (b *blockBack) attend(dz []float32) (dq, dk, dv []float32) {
	s := &b.m.Spec
	qw, kw := s.Heads*s.DHead, b.m.kvWidth()
	dq, dk, dv = buf(&b.ws.dq, b.n*qw), buf(&b.ws.dk, b.n*kw), buf(&b.ws.dv, b.n*kw)
	tensor.Parallel(len(b.r.Seqs)*s.KVHeads, func(i int) {
		c, _ := b.ws.heads.Get().(*backHead)
		if c == nil {
			c = new(backHead)
		}
		seq := i / s.KVHeads
		k := headBack{row: b.f.first[seq], t: len(b.r.Seqs[seq]), h: i % s.KVHeads, c: c}
		b.head(&k, dz, dq, dk, dv)
		b.ws.heads.Put(c)
	})
	eachRows(b.n, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			b.turnBack(dq[i*qw:(i+1)*qw], b.in.q[i*qw:(i+1)*qw], b.w.qNorm, i)
			b.turnBack(dk[i*kw:(i+1)*kw], b.in.k[i*kw:(i+1)*kw], b.w.kNorm, i)
		}
	})
	if b.r.Weights != nil {
		b.r.Weights.addHeadNorms(b, dq, dk)
	}
	return dq, dk, dv
}

// head goes back through one key head of one sequence, some queries at a time.
func (b *blockBack) head(k *headBack, dz, dq, dk, dv []float32) {
	s, c := &b.m.Spec, k.c
	dh := s.DHead
	keys, vals := b.columns(&c.k, b.in.rk, k), b.columns(&c.v, b.in.v, k)
	dkeys, dvals := cleared(&c.dk, k.t*dh), cleared(&c.dv, k.t*dh)
	for t0 := 0; t0 < k.t; t0 += backChunk {
		b.chunk(k, t0, min(t0+backChunk, k.t), keys, vals, dkeys, dvals, dz, dq)
	}
	w := b.m.kvWidth()
	for t := range k.t {
		at := (k.row+t)*w + k.h*dh
		copy(dk[at:at+dh], dkeys[t*dh:])
		copy(dv[at:at+dh], dvals[t*dh:])
	}
}

// columns copies the columns of a key head of x [n, KVHeads·DHead] to [tokens, DHead].
func (b *blockBack) columns(dst *[]float32, x []float32, k *headBack) []float32 {
	dh, w := b.m.Spec.DHead, b.m.kvWidth()
	out := buf(dst, k.t*dh)
	for t := range k.t {
		copy(out[t*dh:(t+1)*dh], x[(k.row+t)*w+k.h*dh:])
	}
	return out
}

// chunk goes back through queries [t0, t1), which see keys from base on.
func (b *blockBack) chunk(k *headBack, t0, t1 int, keys, vals, dkeys, dvals, dz, dq []float32) {
	s, c := &b.m.Spec, k.c
	dh, group := s.DHead, b.run.group()
	base := b.run.firstKey(t0)
	rows, nk := (t1-t0)*group, t1-base
	task := attnTask{row: k.row + t0, base: base, t0: t0, t1: t1}
	q, dzs := buf(&c.q, rows*dh), buf(&c.dz, rows*dh)
	b.run.gather(q, b.in.rq, &task, k.h, float32(s.AttnScale))
	b.run.gather(dzs, dz, &task, k.h, 1)
	mat := func(x []float32, r, c int) tensor.Mat { return tensor.Mat{Data: x, Rows: r, Cols: c} }
	kM, vM := mat(keys[base*dh:t1*dh], nk, dh), mat(vals[base*dh:t1*dh], nk, dh)
	p := mat(buf(&c.p, rows*nk), rows, nk)
	tensor.MatMulSerial(p, mat(q, rows, dh), kM.T(), false)
	capped := b.soften(&task, p.Data, nk, &c.capped)
	dp := mat(buf(&c.dp, rows*nk), rows, nk)
	tensor.MatMulSerial(dp, mat(dzs, rows, dh), vM.T(), false)
	tensor.MatMulSerial(mat(dvals[base*dh:t1*dh], nk, dh), p.T(), mat(dzs, rows, dh), true)
	b.softmaxBack(&task, dp.Data, p.Data, capped, nk)
	tensor.MatMulSerial(mat(dkeys[base*dh:t1*dh], nk, dh), dp.T(), mat(q, rows, dh), true)
	dqs := buf(&c.dq, rows*dh)
	tensor.MatMulSerial(mat(dqs, rows, dh), dp, kM, false)
	tensor.Scale(dqs, float32(s.AttnScale))
	b.run.scatter(dq, dqs, &task, k.h)
}

// soften turns scores [rows, nk] into probabilities and returns the capped scores,
// nil when there is no cap.
func (b *blockBack) soften(t *attnTask, p []float32, nk int, keep *[]float32) []float32 {
	var capped []float32
	if c := float32(b.m.Spec.AttnSoftcap); c > 0 {
		tensor.Softcap(p, c)
		capped = append((*keep)[:0], p...)
		*keep = capped
	}
	for j := range len(p) / nk {
		b.run.soften(p[j*nk:(j+1)*nk], t, j)
	}
	return capped
}

// softmaxBack turns dP into the gradient of the scores before the cap.
func (b *blockBack) softmaxBack(t *attnTask, dp, p, capped []float32, nk int) {
	for j := range len(p) / nk {
		lo, hi := b.run.seen(t, j/b.run.group())
		d, pr := dp[j*nk:(j+1)*nk], p[j*nk:(j+1)*nk]
		clear(d[:lo])
		clear(d[hi:])
		sum := tensor.Dot(d[lo:hi], pr[lo:hi])
		for u := lo; u < hi; u++ {
			d[u] = pr[u] * (d[u] - sum)
		}
	}
	if capped == nil {
		return
	}
	c := float32(b.m.Spec.AttnSoftcap)
	for i, v := range capped {
		dp[i] *= 1 - v*v/(c*c)
	}
}

// turnBack takes the gradient of row i of turned heads back to the heads x as the
// projection gave them, in place.
func (b *blockBack) turnBack(d, x, w []float32, i int) {
	s := &b.m.Spec
	if t := b.f.rope(b.l, int(b.f.rows.Seq[i])); t != nil {
		t.unrotate(d, int(b.f.rows.Pos[i]), s.DHead)
	}
	if b.r.Weights != nil {
		return // addHeadNorms still needs what leaves the norm
	}
	headNormBack(d, x, w, s.NormEps)
}

// headNormBack goes back through the norm of each head, in place.
func headNormBack(d, x, w []float32, eps float64) {
	for n := len(w); n > 0 && len(d) > 0; d, x = d[n:], x[n:] {
		rmsBack(d[:n], d[:n], x[:n], w, eps, false)
	}
}

// unrotate is the transpose of rotate: it turns back, times the square of the
// factor on cos and sin.
func (t *ropeTable) unrotate(x []float32, pos, dHead int) {
	h := t.half
	cos, sin := t.cos[pos*h:][:h], t.sin[pos*h:][:h]
	for ; len(x) >= dHead; x = x[dHead:] {
		lo, hi := x[:h], x[h:2*h]
		for i, c := range cos {
			s, a, b := sin[i], lo[i], hi[i]
			lo[i] = a*c + b*s
			hi[i] = b*c - a*s
		}
	}
}
