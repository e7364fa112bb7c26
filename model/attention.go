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

// attnTask is queries [t0, t1) of a sequence for all of its heads.
type attnTask struct {
	row    int       // row of query t0 in the group
	t0, t1 int       // positions
	k, v   []float32 // keys and values from position 0 on, [≥ t1, KVHeads·DHead]
}

// attnScratch is what one goroutine works in.
type attnScratch struct{ q, scores, z []float32 }

// attend replaces the queries q [n, Heads·DHead] by what they read:
//
//	z_t = Σ_{u≤t} softmax_u(q_t·k_u/√DHead)·v_u
//
// within each sequence, each group of Heads/KVHeads query heads on its key head.
func (b *blockRun) attend(q, k, v []float32) {
	b.ws.tasks = b.ws.tasks[:0]
	for s := b.lo; s < b.hi; s++ {
		b.tasks(s, k, v)
	}
	tasks, heads := b.ws.tasks, b.m.Spec.KVHeads
	tensor.Parallel(len(tasks)*heads, func(i int) {
		c, _ := b.ws.perWorker.Get().(*attnScratch)
		if c == nil {
			c = new(attnScratch)
		}
		b.attendHead(c, &tasks[len(tasks)-1-i/heads], q, i%heads)
		b.ws.perWorker.Put(c)
	})
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
		b.ws.tasks = append(b.ws.tasks, attnTask{row + t, past + t, past + end, k, v})
	}
}

// attendHead computes one unit of work for key head h. The queries that share
// the head are the rows of one product.
func (b *blockRun) attendHead(c *attnScratch, t *attnTask, q []float32, h int) {
	s := &b.m.Spec
	dh, group := s.DHead, s.Heads/s.KVHeads
	nq, keys, width := (t.t1-t.t0)*group, t.t1, b.m.kvWidth()
	rows := buf(&c.q, nq*dh)
	b.gather(rows, q, t, h, 1/float32(math.Sqrt(float64(dh))))
	scores := buf(&c.scores, nq*keys)
	tensor.MatMulSerial(
		tensor.Mat{Data: scores, Rows: nq, Cols: keys},
		tensor.Mat{Data: rows, Rows: nq, Cols: dh},
		tensor.Mat{Data: t.k[h*dh:], Rows: dh, Cols: keys, Stride: width, Trans: true}, false)
	for i := range nq {
		row, seen := scores[i*keys:(i+1)*keys], t.t0+i/group+1
		tensor.Softmax(row[:seen])
		clear(row[seen:])
	}
	z := buf(&c.z, nq*dh)
	for u := 0; u < keys; u += keyBlock {
		n := min(keyBlock, keys-u)
		tensor.MatMulSerial(
			tensor.Mat{Data: z, Rows: nq, Cols: dh},
			tensor.Mat{Data: scores[u:], Rows: nq, Cols: n, Stride: keys},
			tensor.Mat{Data: t.v[u*width+h*dh:], Rows: n, Cols: dh, Stride: width}, u > 0)
	}
	b.scatter(q, z, t, h)
}

// gather copies the queries of key head h to dst [queries·group, DHead], scaled.
func (b *blockRun) gather(dst, q []float32, t *attnTask, h int, scale float32) {
	dh := b.m.Spec.DHead
	w, part := b.m.Spec.Heads*dh, b.m.Spec.Heads/b.m.Spec.KVHeads*dh
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
	w, part := b.m.Spec.Heads*dh, b.m.Spec.Heads/b.m.Spec.KVHeads*dh
	for i := range t.t1 - t.t0 {
		copy(q[(t.row+i)*w+h*part:][:part], z[i*part:(i+1)*part])
	}
}
