package model

import (
	"fmt"

	"agar/model/lora"
	"agar/model/tensor"
)

// Adapter is a LoRA attached to a model: nothing is merged, a call that names it
// computes y = Wx + λ·s·B(Ax) in the modules it has. It is safe for concurrent
// use and may outlive the files it came from.
type Adapter struct {
	m        *Model
	lora     *lora.Adapter
	mods     [][nProjs]*attached // by layer
	warnings []string
	first    int // first block with an adapted module
}

// attached is the factors of one module, ready to multiply.
type attached struct {
	r, in, out int
	scale      float64
	a          []float32 // [r, in]
	bt         []float32 // [r, out], for ranks below blockRank
	wa, wb     *tensor.Weight
}

// blockRank is the rank from which the factors go through the blocked product.
const blockRank = 8

func attach(x *lora.Module) *attached {
	t := &attached{r: x.R, in: x.In, out: x.Out, scale: x.Scale, a: x.A}
	if x.R >= blockRank {
		t.wa, t.wb = tensor.WeightF32(x.R, x.In, x.A), tensor.WeightF32(x.Out, x.R, x.B)
		return t
	}
	t.bt = make([]float32, x.R*x.Out)
	for o := range x.Out {
		for j := range x.R {
			t.bt[j*x.Out+o] = x.B[o*x.R+j]
		}
	}
	return t
}

// inner is dst [n, r] = A·x for x [n, in].
func (t *attached) inner(dst, x []float32, n int) {
	if t.wa != nil {
		tensor.Linear(dst, x, n, t.wa)
		return
	}
	eachRows(n, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			for j := range t.r {
				dst[i*t.r+j] = tensor.Dot(x[i*t.in:(i+1)*t.in], t.a[j*t.in:(j+1)*t.in])
			}
		}
	})
}

// outer is dst [n, out] = s·(B·a) for a [n, r].
func (t *attached) outer(dst, a []float32, n int, s float32) {
	if t.wb != nil {
		tensor.Linear(dst, a, n, t.wb)
	}
	eachRows(n, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			row := dst[i*t.out : (i+1)*t.out]
			if t.wb == nil {
				clear(row)
				for j := range t.r {
					tensor.Axpy(row, a[i*t.r+j], t.bt[j*t.out:(j+1)*t.out])
				}
			}
			tensor.Scale(row, s)
		}
	})
}

// at is the module on a projection, nil when there is none (a may be nil).
func (a *Adapter) at(layer int, p proj) *attached {
	if a == nil {
		return nil
	}
	return a.mods[layer][p]
}

// LoRA is the adapter as loaded.
func (a *Adapter) LoRA() *lora.Adapter { return a.lora }

// Warnings says what is suspicious about the adapter on this model, a sentence
// each. The slice must not be changed.
func (a *Adapter) Warnings() []string { return a.warnings }

// FirstLayer is the first block with an adapted module.
func (a *Adapter) FirstLayer() int { return a.first }

// FirstHook is the first hook outside the adapter's own that it can change: of a
// down_proj adapter on block L, blocks.L.hook_mlp_out.
func (a *Adapter) FirstHook() string {
	for h := hookAt(a.first, 0); h < a.m.Spec.finalHook(); h++ {
		if _, _, own := h.adapts(); !own && a.m.Spec.exists(h) && a.changes(h) {
			return a.m.hookName(h)
		}
	}
	return finalName
}

// changes tells whether the adapter can change what hook h reads.
func (a *Adapter) changes(h hookID) bool {
	switch l := h.layer(); {
	case l < a.first:
		return false
	case l > a.first:
		return true
	}
	var adapted projs
	for p, t := range a.mods[a.first] {
		if t != nil {
			adapted |= setOf(proj(p))
		}
	}
	return adapted&a.m.Spec.by(h.point()) != 0
}

// Reaches tells whether adapter a can change what a hook reads. The error wraps
// ErrUnreached and names the first hook that it can change. An adapter's own
// lora.hook_a is reached only from modules before it, its hook_delta always.
func (m *Model) Reaches(a *Adapter, hook string) error {
	h, err := m.hook(hook, a)
	if err != nil {
		return err
	}
	if h >= 0 && a.changes(h) {
		return nil
	}
	return fmt.Errorf("model: %w: the adapter in %s cannot change %q, the first hook that it can is %q", ErrUnreached, a.lora.Dir, hook, a.FirstHook())
}
