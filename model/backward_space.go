package model

import (
	"sync"

	"agar/model/tensor"
)

// backSpace is the buffers of a backward pass, reused from call to call. All but
// those of the logits have a row for each row of the call.
type backSpace struct {
	forward         *workspace
	again           inside    // of the block at hand
	insides         []*inside // of the blocks whose insides are kept
	logits, capped  []float32 // [Spec.backLogitRows, Vocab]
	x, h, raw, dm   []float32 // [rows, DModel]
	dh, dx, att     []float32
	dpost, dlin, dz []float32
	dq, dk, dv      []float32
	inner           []float32 // [rows, rank]
	heads           sync.Pool // *backHead
}

// inside is the i-th kept one.
func (s *backSpace) inside(i int) *inside {
	for len(s.insides) <= i {
		s.insides = append(s.insides, new(inside))
	}
	return s.insides[i]
}

// backSpaces hands out backSpaces.
type backSpaces struct{ pool sync.Pool }

func (p *backSpaces) take() *backSpace {
	if s, _ := p.pool.Get().(*backSpace); s != nil {
		return s
	}
	return &backSpace{forward: new(workspace)}
}

func (p *backSpaces) give(s *backSpace) { p.pool.Put(s) }

// transposes keeps the transposed views of weights that gradients go through.
type transposes struct {
	mu   sync.Mutex
	made map[*tensor.Weight]*tensor.Weight
}

// transposed is wᵀ. Its panels are kept while the model's budget lasts.
func (m *Model) transposed(w *tensor.Weight) *tensor.Weight {
	t := &m.transposes
	t.mu.Lock()
	defer t.mu.Unlock()
	if x := t.made[w]; x != nil {
		return x
	}
	if t.made == nil {
		t.made = map[*tensor.Weight]*tensor.Weight{}
	}
	x := w.T()
	if !m.trainable {
		x.Keep(m.panels)
	}
	t.made[w] = x
	return x
}
