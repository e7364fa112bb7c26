package model

import (
	"agar/model/tensor"
)

// routes is which rows go to which expert, and with what weight.
type routes struct {
	rows    [][]int32   // by expert
	weights [][]float32 // of these rows
	order   []int32     // scratch: experts of a row by descending weight
}

// experts is out = Σ over the TopExperts best experts of wₑ·MLPₑ(h) for rows i …
// i+n of the group, with w = softmax(W_router·h) and, under NormTopK, divided by the
// sum of those taken. Experts are added in ascending order of their number.
func (b *blockRun) experts(out, h []float32, i, n int) {
	s := &b.m.Spec
	scores := buf(&b.ws.scores, n*s.Experts)
	tensor.Linear(scores, h, n, b.w.router)
	for r := range n {
		tensor.Softmax(scores[r*s.Experts : (r+1)*s.Experts])
	}
	b.hook(expertWeights, scores, i, n)
	if b.last <= expertWeights {
		return
	}
	t := &b.ws.routes
	t.choose(s, scores, n)
	clear(out[:n*s.DModel])
	for e := range s.Experts {
		b.expert(out, h, e, t.rows[e], t.weights[e])
	}
}

// choose routes n rows by their scores [n, Experts]; of equal scores the expert
// with the lower number goes first.
func (t *routes) choose(s *Spec, scores []float32, n int) {
	if len(t.rows) < s.Experts {
		t.rows, t.weights = make([][]int32, s.Experts), make([][]float32, s.Experts)
	}
	for e := range s.Experts {
		t.rows[e], t.weights[e] = t.rows[e][:0], t.weights[e][:0]
	}
	for r := range n {
		row := scores[r*s.Experts : (r+1)*s.Experts]
		top := t.top(row, s.TopExperts)
		sum := float32(1)
		if s.NormTopK {
			sum = 0
			for _, e := range top {
				sum += row[e]
			}
		}
		for _, e := range top {
			t.rows[e], t.weights[e] = append(t.rows[e], int32(r)), append(t.weights[e], row[e]/sum)
		}
	}
}

// top gives the k experts with the largest scores, in descending order.
func (t *routes) top(row []float32, k int) []int32 {
	t.order = t.order[:0]
	for e := range row {
		at := len(t.order)
		for at > 0 && row[t.order[at-1]] < row[e] {
			at--
		}
		if at == k {
			continue
		}
		if len(t.order) < k {
			t.order = append(t.order, 0)
		}
		copy(t.order[at+1:], t.order[at:])
		t.order[at] = int32(e)
	}
	return t.order
}

// expert adds w·MLPₑ(h) to the rows of out that go through expert e.
func (b *blockRun) expert(out, h []float32, e int, rows []int32, w []float32) {
	s, d, n, x := &b.m.Spec, b.m.Spec.DModel, len(rows), &b.w.experts[e]
	if n == 0 {
		return
	}
	in, gate, up := buf(&b.ws.routed, n*d), buf(&b.ws.gate, n*s.DExpert), buf(&b.ws.up, n*s.DExpert)
	for j, r := range rows {
		copy(in[j*d:(j+1)*d], h[int(r)*d:])
	}
	tensor.Linear(gate, in, n, x.gate)
	tensor.Linear(up, in, n, x.up)
	s.activate(gate, up, n, s.DExpert)
	tensor.Linear(in, gate, n, x.down)
	for j, r := range rows {
		tensor.Axpy(out[int(r)*d:(int(r)+1)*d], w[j], in[j*d:(j+1)*d])
	}
}
