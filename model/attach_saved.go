package model

import (
	"fmt"
	"slices"

	"agar/model/lora"
	"agar/model/tensor"
)

// savedTypes are the storage types of parameters that an adapter saved.
var savedTypes = map[string]tensor.DType{"F32": tensor.F32, "F16": tensor.F16, "BF16": tensor.BF16, "F64": tensor.F64}

// putSaved puts a parameter that was trained in full where it belongs. One that is
// the base's own, bit for bit, changes nothing.
func (a *Adapter) putSaved(p parameter, x *lora.Saved) error {
	switch {
	case p.vector != nil:
		a.putVector(p.vector, x)
		return nil
	case p.posEmb:
		return a.putFull(&a.positions, a.m.w.positions, x, -1)
	case p.matrix.mod != nil:
		return a.putLinear(p.matrix, x)
	}
	// what was written over the base's own weight is also what is tied to it
	both := x.Shared && a.m.Spec.TieEmbeddings
	if p.matrix.layer == -1 || both {
		if err := a.putFull(&a.embed, a.m.w.embed, x, -1); err != nil {
			return err
		}
	}
	if p.matrix.layer == -1 && !both {
		return nil
	}
	return a.putFull(&a.unembed, a.m.w.unembed, x, a.m.Spec.Layers)
}

// putFull replaces an embedding, unembedding or table of positions.
func (a *Adapter) putFull(at **changes, w *tensor.Weight, x *lora.Saved, layer int) error {
	v, err := tensor.NewWeight(savedTypes[x.DType], w.Rows(), w.Cols(), x.Data)
	if err != nil {
		return err
	}
	if *at != nil && len((*at).full) > 0 {
		if !sameWeight(v, (*at).full[0].w) {
			return fmt.Errorf("found other values than of what it is tied to, expected the same")
		}
		return nil
	}
	if sameWeight(v, w) {
		return nil
	}
	*at = (*at).replaced(v)
	if at != &a.unembed {
		(*at).out = w.Cols()
	}
	a.reach(layer)
	return nil
}

// putLinear replaces the weight of a module, a fused one in all its projections.
func (a *Adapter) putLinear(t *target, x *lora.Saved) error {
	out, in := t.mod.shape(&a.m.Spec)
	wrap := tensor.NewWeight
	if t.mod.inOut {
		wrap = tensor.NewTransposed
	}
	w, err := wrap(savedTypes[x.DType], out, in, x.Data)
	if err != nil {
		return err
	}
	for i, p := range t.mod.parts {
		order, lo, n := t.mod.moduleRows(&a.m.Spec, i)
		v := w
		switch {
		case order != nil:
			v = w.Permuted(order)
		case n != out:
			v = w.Slice(lo, lo+n)
		}
		if sameWeight(v, a.m.w.blocks[t.layer].projs[p.proj]) {
			continue
		}
		c := &a.blocks[t.layer].projs[p.proj]
		*c = (*c).replaced(v)
		a.reach(t.layer)
	}
	return nil
}

// replaced adds a weight trained in full.
func (c *changes) replaced(w *tensor.Weight) *changes {
	if c == nil {
		c = &changes{out: w.Rows()}
	}
	c.full = append(c.full, fullWeight{1, w})
	return c
}

// sameWeight tells whether two matrices of one shape hold the same numbers.
func sameWeight(a, b *tensor.Weight) bool {
	x, y := make([]float32, a.Cols()), make([]float32, a.Cols())
	for i := range a.Rows() {
		a.Row(x, i)
		b.Row(y, i)
		if !slices.Equal(x, y) {
			return false
		}
	}
	return true
}

// putVector replaces a norm's weight or bias, or a bias of projections.
func (a *Adapter) putVector(at *vecSpot, x *lora.Saved) {
	v := x.Float32()
	if at.norm && a.m.Spec.NormPlusOne {
		for i := range v {
			v[i]++
		}
	}
	if at.layer == a.m.Spec.Layers {
		old := a.m.w.norm.w
		if at.id == vecLn1Bias {
			old = a.m.w.norm.b
		}
		if !slices.Equal(v, old) {
			a.final = append(a.final, vectorChange{at.id, 1, v})
			a.reach(at.layer)
		}
		return
	}
	if at.mod == nil {
		a.changeVector(at.layer, at.id, v)
		return
	}
	for i, p := range at.mod.parts {
		order, lo, n := at.mod.moduleRows(&a.m.Spec, i)
		a.changeVector(at.layer, vecBias+vectorID(p.proj), picked(v, order, lo, n))
	}
}

// changeVector changes a vector of a block unless v is the base's.
func (a *Adapter) changeVector(layer int, id vectorID, v []float32) {
	if slices.Equal(v, *a.m.w.blocks[layer].vector(id)) {
		return
	}
	a.blocks[layer].vectors = append(a.blocks[layer].vectors, vectorChange{id, 1, v})
	a.reach(layer)
}
