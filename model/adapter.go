package model

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"agar/model/lora"
)

// Adapter is what a fine-tune changes, attached to a model: nothing is merged, a
// call that names it computes with it in the modules it has. It is safe for
// concurrent use and may outlive the files it came from.
//
// The dial λ moves everything that was trained from the base (λ = 0, bit for bit)
// to the fine-tune (λ = 1) and beyond:
//
//	LoRA             W·x + λ·s·(B·A·x + b)
//	DoRA             m(λ)/‖W + λ·s·BA‖ ⊙ (W + λ·s·BA)·x,   m(λ) = ‖W‖ + λ·(m − ‖W‖)
//	saved in full    W + λ·(W' − W), biases and norms alike
//	steering vector  W·x + λ·α·v
//
// PEFT's set_scale moves s alone; for LoRA with nothing saved in full it is the
// same dial.
type Adapter struct {
	m                         *Model
	parts                     []Part
	blocks                    []blockChanges // by layer
	embed, positions, unembed *changes       // nil where nothing changes
	final                     []vectorChange // of the norm behind the last block
	warnings                  []string
	first                     int // first block that is changed, −1 when its input is, Layers when only what follows the blocks is
}

// Part is one adapter of an Adapter that sums several, with the dial that
// multiplies a call's.
type Part struct {
	LoRA *lora.Adapter
	Dial float64
}

// blockChanges is what changes in one block.
type blockChanges struct {
	projs   [nProjs]*changes
	vectors []vectorChange
}

// Dialled is an adapter with a dial of its own.
type Dialled struct {
	Adapter *Adapter
	Dial    float64
}

// Combine sums adapters of one model: each adds what it changes of the base alone,
// at its own dial, which the dial of a call multiplies. hook_a of a module that
// several adapt has the values of each side by side, in order. The error wraps
// ErrAdapter when there are none, or of two models.
func Combine(parts ...Dialled) (*Adapter, error) {
	if len(parts) == 0 {
		return nil, fmt.Errorf("model: %w: found no adapters to combine", ErrAdapter)
	}
	m := parts[0].Adapter.m
	out := &Adapter{m: m, blocks: make([]blockChanges, m.Spec.Layers), first: m.Spec.Layers}
	for _, p := range parts {
		if p.Adapter.m != m {
			return nil, fmt.Errorf("model: %w: %s and %s were attached to two models", ErrAdapter, parts[0].Adapter.Name(), p.Adapter.Name())
		}
		out.add(p.Adapter, p.Dial)
	}
	return out, nil
}

// add adds what b changes at a dial.
func (a *Adapter) add(b *Adapter, dial float64) {
	for _, p := range b.parts {
		a.parts = append(a.parts, Part{p.LoRA, p.Dial * dial})
	}
	for l := range b.blocks {
		for p, c := range b.blocks[l].projs {
			a.blocks[l].projs[p] = a.blocks[l].projs[p].plus(c, dial)
		}
		a.blocks[l].vectors = plusVectors(a.blocks[l].vectors, b.blocks[l].vectors, dial)
	}
	a.embed, a.positions, a.unembed = a.embed.plus(b.embed, dial), a.positions.plus(b.positions, dial), a.unembed.plus(b.unembed, dial)
	a.final = plusVectors(a.final, b.final, dial)
	a.first = min(a.first, b.first)
	a.warnings = append(a.warnings, b.warnings...)
}

// plus is what c and b at a dial change together; either may be nil.
func (c *changes) plus(b *changes, dial float64) *changes {
	if b == nil {
		return c
	}
	if c == nil {
		c = &changes{out: b.out}
	}
	for _, t := range b.low {
		c.low = append(c.low, t.dialled(dial))
		c.r += t.columns()
	}
	for _, f := range b.full {
		c.full = append(c.full, fullWeight{f.dial * dial, f.w})
	}
	return c
}

// plusVectors appends vs at a dial.
func plusVectors(to, vs []vectorChange, dial float64) []vectorChange {
	for _, v := range vs {
		to = append(to, vectorChange{v.id, v.dial * dial, v.v})
	}
	return to
}

// at is what changes of a projection, nil when nothing does (a may be nil).
func (a *Adapter) at(layer int, p proj) *changes {
	if a == nil {
		return nil
	}
	return a.blocks[layer].projs[p]
}

// LoRA is the adapter as loaded, the first of several.
func (a *Adapter) LoRA() *lora.Adapter { return a.parts[0].LoRA }

// Parts are the adapters that a sums, one or more. The slice belongs to the caller.
func (a *Adapter) Parts() []Part { return slices.Clone(a.parts) }

// Name is the name of the adapter's directory, of several joined by +.
func (a *Adapter) Name() string {
	var names []string
	for _, p := range a.parts {
		names = append(names, filepath.Base(filepath.Clean(p.LoRA.Dir)))
	}
	return strings.Join(names, "+")
}

// Warnings says what is suspicious about the adapter on this model, a sentence
// each. The slice must not be changed.
func (a *Adapter) Warnings() []string { return a.warnings }

// FirstLayer is the first block that differs from the base, the number of blocks
// when only what follows them does. Blocks before it compute the same.
func (a *Adapter) FirstLayer() int { return max(a.first, 0) }

// plain gives the adapter and the projection of each of its modules when it is one
// adapter of LoRA on linear layers that are not fused, or steering vectors, and
// nothing else was trained. Otherwise the error wraps ErrNoBackward and says what there is.
func (a *Adapter) plain() (*lora.Adapter, []proj, error) {
	l, known := a.LoRA(), a.m.targets()
	if len(a.parts) != 1 || a.parts[0].Dial != 1 {
		return nil, nil, fmt.Errorf("%w: of %d adapters combined", ErrNoBackward, len(a.parts))
	}
	if len(l.Saved) > 0 {
		return nil, nil, fmt.Errorf("%w: of %s, saved in full", ErrNoBackward, l.Saved[0].Name())
	}
	ps := make([]proj, len(l.Modules))
	for i := range l.Modules {
		x := &l.Modules[i]
		t, _ := a.m.place(known, x)
		if x.Kind == lora.Embedding || x.Magnitude != nil || x.Bias != nil || t.mod == nil || len(t.mod.parts) > 1 {
			return nil, nil, fmt.Errorf("%w: of module %s, which is neither plain LoRA on a layer of its own nor a steering vector", ErrNoBackward, x.Name)
		}
		ps[i] = t.mod.parts[0].proj
	}
	return l, ps, nil
}
