package model

import (
	"strings"

	"agar/model/tensor"
)

// Footprint is what forwards keep in memory, in bytes.
type Footprint struct {
	Weights   int64 `json:"weights"`   // of mapped files, as far as they are read
	Panels    int64 `json:"panels"`    // weights packed for the kernels, at most the budget
	Workspace int64 `json:"workspace"` // buffers of one forward
}

// Footprint bounds the memory of forwards of so many rows that read the given
// hooks and nothing else; no hooks mean the logits. The activations that are handed
// out are not in it. Hooks are named as Forward wants them, with anything from an @
// on left aside.
func (m *Model) Footprint(hooks []string, a *Adapter, rows int) (Footprint, error) {
	last := m.Spec.Layers
	if len(hooks) > 0 {
		last = -1
	}
	for _, h := range hooks {
		name, _, _ := strings.Cut(h, "@")
		info, err := m.Hook(name, a)
		if err != nil {
			return Footprint{}, err
		}
		last = max(last, info.Layer)
	}
	f := Footprint{Workspace: workspaceBytes(&m.Spec, max(rows, groupRows)) + tensor.ScratchBytes()}
	if a != nil { // what adapted modules add, and the residual shared with the base
		f.Workspace += 4 * int64(max(rows, groupRows)) * int64(3*m.Spec.widest()+m.Spec.DModel)
	}
	for i := range m.w.stored {
		if t := &m.w.stored[i]; t.group <= last || m.Spec.TieEmbeddings && t.group < 0 {
			f.Weights += int64(len(t.data))
		}
	}
	m.w.kept(func(layer int, w *tensor.Weight) {
		if layer <= last {
			f.Panels += w.PackedBytes()
		}
	})
	f.Panels = min(f.Panels, max(m.plan.panels, 0))
	return f, nil
}

// widest is the width of the widest projection.
func (s *Spec) widest() int { return max(s.DMLP, s.DModel, s.Heads*s.DHead) }

// kept calls f for every weight whose panels may be kept, with its layer; the
// unembedding's is the number of blocks.
func (w *weights) kept(f func(layer int, x *tensor.Weight)) {
	for l := range w.blocks {
		b := &w.blocks[l]
		all := append([]*tensor.Weight{b.router}, b.projs[:]...)
		for _, e := range b.experts {
			all = append(all, e.gate, e.up, e.down)
		}
		for _, x := range all {
			if x != nil {
				f(l, x)
			}
		}
	}
	f(len(w.blocks), w.unembed)
}
