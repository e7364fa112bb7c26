package model

import (
	"math"

	"agar/model/tensor"
)

const (
	// keyBlock is how many keys are summed over at once when values are mixed.
	// It is fixed, and below the run length of every kernel path, so that the
	// order of a row's sum depends on the row's position only: a longer sequence,
	// other chunks of queries or a cache leave the same bits.
	keyBlock = 128
	// queryChunk is the most queries of a sequence in one unit of work, and
	// scoreLimit the most scores. Neither changes a number.
	queryChunk = 64
	scoreLimit = 1 << 20
)

// attnTask is queries [t0, t1) of a sequence for all of its heads. They see keys
// from base on, a multiple of keyBlock.
type attnTask struct {
	row    int       // row of query t0 in the group
	base   int       // first key at hand
	t0, t1 int       // positions
	k, v   []float32 // keys and values from position 0 on, [≥ t1, KVHeads·DHead]
}

// keys is how many keys are at hand.
func (t *attnTask) keys() int { return t.t1 - t.base }

// attnScratch is what one goroutine works in.
type attnScratch struct{ q, scores, z []float32 }

// attend replaces the queries q [n, Heads·DHead] by what they read:
//
//	z_t = Σ_u softmax_u(cap(scale·q_t·k_u))·v_u
//
// over the keys u that query t sees, within each sequence, each group of
// Heads/KVHeads query heads on its key head.
func (b *blockRun) attend(q, k, v []float32) {
	b.ws.tasks = b.ws.tasks[:0]
	for s := b.lo; s < b.hi; s++ {
		b.tasks(s, k, v)
	}
	scores, pattern := b.taps[hookAt(b.l, attnScores)], b.taps[hookAt(b.l, attnPattern)]
	if scores != nil || pattern != nil {
		b.attendTapped(q)
		return
	}
	tasks, heads := b.ws.tasks, b.m.Spec.KVHeads
	tensor.Parallel(len(tasks)*heads, func(i int) {
		c := b.ws.worker()
		t, h := &tasks[len(tasks)-1-i/heads], i%heads
		scores := b.scores(c, t, q, h)
		for j := range len(scores) / t.keys() {
			b.soften(scores[j*t.keys():(j+1)*t.keys()], t, j)
		}
		b.mix(c, t, scores, q, h)
		b.ws.perWorker.Put(c)
	})
}

// worker is scratch for one goroutine, to be put back.
func (w *workspace) worker() *attnScratch {
	if c, _ := w.perWorker.Get().(*attnScratch); c != nil {
		return c
	}
	return new(attnScratch)
}

// tasks cuts the queries of sequence s into units of work, and appends its keys
// and values to the cache when there is one.
func (b *blockRun) tasks(s int, k, v []float32) {
	w := b.m.kvWidth()
	row, n := b.first[s]-b.row0, b.first[s+1]-b.first[s]
	k, v = k[row*w:(row+n)*w], v[row*w:(row+n)*w]
	past := b.past(s)
	if c := b.r.Cache; c != nil {
		slot := &c.slots[slotOf(b.r.Slots, s)]
		ck, cv := slot.k[b.l-b.from], slot.v[b.l-b.from]
		copy(ck[past*w:], k)
		copy(cv[past*w:], v)
		k, v = ck, cv
	}
	group := b.m.Spec.Heads / b.m.Spec.KVHeads
	step := max(min(queryChunk, scoreLimit/(group*(past+n))), 1)
	for t := 0; t < n; t += step {
		end := min(t+step, n)
		base := b.firstKey(past+t) &^ (keyBlock - 1)
		b.ws.tasks = append(b.ws.tasks, attnTask{row + t, base, past + t, past + end, k, v})
	}
}

// firstKey is the first position that a query at position t sees.
func (b *blockRun) firstKey(t int) int {
	if w := b.m.Spec.Blocks[b.l].Window; w > 0 {
		return max(t-w+1, 0)
	}
	return 0
}

// group is how many query heads share a key head.
func (b *blockRun) group() int { return b.m.Spec.Heads / b.m.Spec.KVHeads }

// scores are [queries·group, keys] of the queries that share key head h, the rows
// of one product, scaled and capped. Those of keys that a query does not see are
// there too.
func (b *blockRun) scores(c *attnScratch, t *attnTask, q []float32, h int) []float32 {
	s := &b.m.Spec
	dh, nq, keys, width := s.DHead, (t.t1-t.t0)*b.group(), t.keys(), b.m.kvWidth()
	rows := buf(&c.q, nq*dh)
	b.gather(rows, q, t, h, float32(s.scale(b.l)))
	scores := buf(&c.scores, nq*keys)
	tensor.MatMulSerial(
		tensor.Mat{Data: scores, Rows: nq, Cols: keys},
		tensor.Mat{Data: rows, Rows: nq, Cols: dh},
		tensor.Mat{Data: t.k[t.base*width+h*dh:], Rows: dh, Cols: keys, Stride: width, Trans: true}, false)
	if s.AttnSoftcap > 0 {
		for i := range nq {
			lo, hi := b.seen(t, i/b.group())
			tensor.Softcap(scores[i*keys+lo:i*keys+hi], float32(s.AttnSoftcap))
		}
	}
	return scores
}

// seen is the range of the keys at hand that query i of a task sees.
func (b *blockRun) seen(t *attnTask, i int) (lo, hi int) {
	return b.firstKey(t.t0+i) - t.base, t.t0 + i + 1 - t.base
}

// soften turns row j of scores [queries·group, keys] into probabilities.
func (b *blockRun) soften(row []float32, t *attnTask, j int) {
	lo, hi := b.seen(t, j/b.group())
	tensor.Softmax(row[lo:hi])
	clear(row[:lo])
	clear(row[hi:])
}

// mix reads the values by the probabilities p [queries·group, keys] and puts the
// result in the place of the queries. The sums run over blocks of keys from
// position 0 on; those that no query sees add exactly nothing and are left out.
func (b *blockRun) mix(c *attnScratch, t *attnTask, p, q []float32, h int) {
	dh, width, keys := b.m.Spec.DHead, b.m.kvWidth(), t.keys()
	nq := len(p) / keys
	z := buf(&c.z, nq*dh)
	for u := 0; u < keys; u += keyBlock {
		n := min(keyBlock, keys-u)
		tensor.MatMulSerial(
			tensor.Mat{Data: z, Rows: nq, Cols: dh},
			tensor.Mat{Data: p[u:], Rows: nq, Cols: n, Stride: keys},
			tensor.Mat{Data: t.v[(t.base+u)*width+h*dh:], Rows: n, Cols: dh, Stride: width}, u > 0)
	}
	b.scatter(q, z, t, h)
}

// attendTapped is attend when hook_attn_scores or hook_pattern is read or edited:
// one unit of work after the other, its scores laid out as [queries, heads, keys]
// with a place for every position up to the longest sequence of the call. A key
// that a query cannot see has the score −Inf and the probability 0, whatever an
// edit puts there; a query that an edit leaves no key reads nothing.
func (b *blockRun) attendTapped(q []float32) {
	s := &b.m.Spec
	wide := b.longest()
	for i := range b.ws.tasks {
		t := &b.ws.tasks[i]
		n := t.t1 - t.t0
		all := buf(&b.ws.pattern, n*s.Heads*wide)
		tensor.Parallel(s.KVHeads, func(h int) {
			c := b.ws.worker()
			b.spread(all, b.scores(c, t, q, h), t, h, wide)
			b.ws.perWorker.Put(c)
		})
		b.hook(attnScores, all, t.row, n)
		tensor.Parallel(n*s.Heads, func(j int) { b.softenTapped(all[j*wide:(j+1)*wide], t, j/s.Heads) })
		b.hook(attnPattern, all, t.row, n)
		if b.last <= attnPattern {
			continue
		}
		tensor.Parallel(s.KVHeads, func(h int) {
			c := b.ws.worker()
			b.mix(c, t, b.collect(c, all, t, h, wide), q, h)
			b.ws.perWorker.Put(c)
		})
	}
}

// spread copies the scores of key head h to their places in all.
func (b *blockRun) spread(all, scores []float32, t *attnTask, h, wide int) {
	group, keys := b.group(), t.keys()
	for j := range len(scores) / keys {
		i := j / group
		lo, hi := b.seen(t, i)
		row := all[(i*b.m.Spec.Heads+h*group+j%group)*wide:][:wide]
		for u := range row {
			row[u] = float32(math.Inf(-1))
		}
		copy(row[t.base+lo:t.base+hi], scores[j*keys+lo:j*keys+hi])
	}
}

// softenTapped turns the scores of query i of a task into probabilities.
func (b *blockRun) softenTapped(row []float32, t *attnTask, i int) {
	lo, hi := b.seen(t, i)
	lo, hi = lo+t.base, hi+t.base
	clear(row[:lo])
	clear(row[hi:])
	for _, v := range row[lo:hi] {
		if !math.IsInf(float64(v), -1) {
			tensor.Softmax(row[lo:hi])
			return
		}
	}
	clear(row)
}

// collect is the reverse of spread, for probabilities.
func (b *blockRun) collect(c *attnScratch, all []float32, t *attnTask, h, wide int) []float32 {
	group, keys := b.group(), t.keys()
	p := buf(&c.scores, (t.t1-t.t0)*group*keys)
	clear(p)
	for j := range len(p) / keys {
		i := j / group
		lo, hi := b.seen(t, i)
		row := all[(i*b.m.Spec.Heads+h*group+j%group)*wide:][:wide]
		copy(p[j*keys+lo:j*keys+hi], row[t.base+lo:t.base+hi])
	}
	return p
}

// gather copies the queries of key head h to dst [queries·group, DHead], scaled.
func (b *blockRun) gather(dst, q []float32, t *attnTask, h int, scale float32) {
	dh := b.m.Spec.DHead
	w, part := b.m.Spec.Heads*dh, b.group()*dh
	for i := range t.t1 - t.t0 {
		src := q[(t.row+i)*w+h*part:][:part]
		row := dst[i*part : (i+1)*part]
		for j, v := range src {
			row[j] = v * scale
		}
	}
}

// scatter puts z back where gather took the queries.
func (b *blockRun) scatter(q, z []float32, t *attnTask, h int) {
	dh := b.m.Spec.DHead
	w, part := b.m.Spec.Heads*dh, b.group()*dh
	for i := range t.t1 - t.t0 {
		copy(q[(t.row+i)*w+h*part:][:part], z[i*part:(i+1)*part])
	}
}
