package model

import (
	"slices"

	"agar/model/lora"
	"agar/model/tensor"
)

// changes is what adapters do to one linear layer or embedding.
type changes struct {
	low  []*factors   // in the order of the adapters
	full []fullWeight // weights trained in full
	r    int          // ranks of low together, steering vectors aside
	out  int          // width of the layer's output
}

// fullWeight is a weight W' that replaces W: at the dial λ the layer's weight is
// W + λ·(W' − W).
type fullWeight struct {
	dial float64
	w    *tensor.Weight
}

// vectorChange is a norm's weight or a bias v' that replaces v: at the dial λ it
// is v + λ·(v' − v).
type vectorChange struct {
	id   vectorID
	dial float64
	v    []float32
}

// vectorID names a vector of a block.
type vectorID uint8

// The vectors: weight and bias of each norm, the weights that normalise queries
// and keys, and the biases of the projections.
const (
	vecLn1 vectorID = iota
	vecLn1Bias
	vecLn1Post
	vecLn1PostBias
	vecLn2
	vecLn2Bias
	vecLn2Post
	vecLn2PostBias
	vecQNorm
	vecKNorm
	vecBias  // and the projection
	nVectors = vecBias + vectorID(nProjs)
)

// vector finds a vector of a block.
func (k *block) vector(id vectorID) *[]float32 {
	if id >= vecBias {
		return &k.biases[id-vecBias]
	}
	return [...]*[]float32{
		&k.ln1.w, &k.ln1.b, &k.ln1Post.w, &k.ln1Post.b, &k.ln2.w, &k.ln2.b, &k.ln2Post.w, &k.ln2Post.b, &k.qNorm, &k.kNorm,
	}[id]
}

// with is a block with its vectors changed at the dial lambda. It is k itself when
// nothing changes.
func (k *block) with(cs []vectorChange, lambda float64) *block {
	if len(cs) == 0 || lambda == 0 {
		return k
	}
	out := *k
	for id := range nVectors {
		at := out.vector(id)
		*at = blended(*at, cs, id, lambda)
	}
	return &out
}

// blended is v + Σ λ·dial·(v' − v) over the changes of vector id, and v' itself
// for a single change at 1, with the bits of a model that has it.
func blended(v []float32, cs []vectorChange, id vectorID, lambda float64) []float32 {
	var out []float32
	mine := 0
	for _, c := range cs {
		if c.id == id && c.dial != 0 {
			mine++
		}
	}
	for _, c := range cs {
		s := lambda * c.dial
		switch {
		case c.id != id || s == 0:
			continue
		case mine == 1 && s == 1:
			return c.v
		case out == nil:
			out = slices.Clone(v)
		}
		for i := range out {
			out[i] += float32(s * (float64(c.v[i]) - float64(v[i])))
		}
	}
	if out == nil {
		return v
	}
	return out
}

// factors is one adapter's factors on a layer, ready to multiply.
type factors struct {
	kind       lora.Kind
	dial       float64 // the adapter's own; the call's multiplies it
	r, in, out int
	scale      float64
	a          []float32 // [r, in]
	bt         []float32 // [r, out], for ranks below blockRank
	bias       []float32 // [out], or nil
	wa, wb     *tensor.Weight
	dora       *magnitude // nil without
}

// blockRank is the rank from which the factors go through the blocked product.
const blockRank = 8

// newFactors prepares a module, or the rows of its output that are a projection
// of their own.
func newFactors(x *lora.Module) *factors {
	t := &factors{kind: x.Kind, dial: 1, r: x.R, in: x.In, out: x.Out, scale: x.Scale, a: x.A, bias: x.Bias}
	if x.R >= blockRank && x.Kind == lora.Linear {
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

// dialled is t at another dial.
func (t *factors) dialled(by float64) *factors {
	u := *t
	u.dial *= by
	return &u
}

// columns is how many values hook_a has of t: a steering vector reads nothing.
func (t *factors) columns() int {
	if t.kind == lora.Steering {
		return 0
	}
	return t.r
}

// inner is dst [n, r] = A·x for x [n, in].
func (t *factors) inner(dst, x []float32, n int) {
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

// outer is what t adds to the layer's output at the dial lambda, dst [n, out], for
// a [n, r]:
//
//	LoRA      λ·s·(B·a + b)
//	DoRA      (c − 1) ⊙ z + c ⊙ λ·s·B·a,   c = c(λ) of magnitude, z [n, out] = W·x
//	steering  λ·s·v
func (t *factors) outer(dst, a, z []float32, n int, lambda float64) {
	lambda *= t.dial
	if t.wb != nil {
		tensor.Linear(dst, a, n, t.wb)
	}
	var c []float32
	if t.dora != nil {
		c = t.dora.factor(lambda)
	}
	s := float32(lambda * t.scale)
	eachRows(n, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			row := dst[i*t.out : (i+1)*t.out]
			if t.wb == nil {
				t.sum(row, a, i)
			}
			if t.bias != nil {
				tensor.Add(row, t.bias)
			}
			tensor.Scale(row, s)
			for o, k := range c {
				row[o] = (k-1)*z[i*t.out+o] + k*row[o]
			}
		}
	})
}

// sum is row = B·a of row i of a.
func (t *factors) sum(row, a []float32, i int) {
	if t.kind == lora.Steering {
		copy(row, t.bt)
		return
	}
	clear(row)
	for j := range t.r {
		tensor.Axpy(row, a[i*t.r+j], t.bt[j*t.out:(j+1)*t.out])
	}
}
