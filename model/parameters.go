package model

import (
	"fmt"

	"agar/model/tensor"
)

// Parameter is one tensor of a model that can be trained. Changes to Value change
// the model.
type Parameter struct {
	Name       string // as in the checkpoint
	Rows, Cols int    // Rows 1 for a vector
	Value      []float32
	Grad       []float32 // what Backward added; the caller clears it
}

// Parameters are all parameters of a model, in float32 memory of their own.
type Parameters struct {
	List []*Parameter

	s       *Spec
	weights map[*tensor.Weight]*Parameter
	vectors map[*float32]*Parameter
}

// Trainable copies every weight of the model to float32 memory, from which it
// computes from then on, and returns them for training. No call may run meanwhile.
// A fused module, or a matrix whose rows were put in another order, wraps
// ErrNoBackward: its parameters are not those of the checkpoint.
func (m *Model) Trainable() (*Parameters, error) {
	if err := m.Check(); err != nil {
		return nil, err
	}
	if err := m.Spec.backwards(); err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	p := &Parameters{s: &m.Spec, weights: map[*tensor.Weight]*Parameter{}, vectors: map[*float32]*Parameter{}}
	m.trainable = true
	m.transposes.made = nil
	n := &m.fam.hf
	tied := m.w.unembed == m.w.embed
	p.matrix(n.embed, &m.w.embed)
	for l := range m.w.blocks {
		if err := p.block(fmt.Sprintf(n.block, l), n, &m.w.blocks[l]); err != nil {
			return nil, fmt.Errorf("model: block %d: %w", l, err)
		}
	}
	p.norm(n.norm, &m.w.norm)
	if tied {
		m.w.unembed = m.w.embed
	} else {
		p.matrix(n.unembed, &m.w.unembed)
	}
	if m.w.positions != nil {
		p.matrix(n.positions, &m.w.positions)
	}
	return p, nil
}

// block takes the parameters of a block.
func (p *Parameters) block(prefix string, n *tensorNames, k *block) error {
	p.norm(prefix+n.ln1, &k.ln1)
	p.norm(prefix+n.ln1Post, &k.ln1Post)
	p.norm(prefix+n.ln2, &k.ln2)
	p.norm(prefix+n.ln2Post, &k.ln2Post)
	p.vector(prefix+n.qNorm+".weight", k.qNorm)
	p.vector(prefix+n.kNorm+".weight", k.kNorm)
	for i := range n.modules {
		m := &n.modules[i]
		if len(m.parts) > 1 || m.inOut || m.parts[0].rows != nil {
			return fmt.Errorf("%w: %s%s holds several projections, or their transpose", ErrNoBackward, prefix, m.path)
		}
		j := m.parts[0].proj
		if k.projs[j] == nil {
			continue
		}
		p.matrix(prefix+m.path+".weight", &k.projs[j])
		p.vector(prefix+m.path+".bias", k.biases[j])
	}
	return nil
}

// matrix copies *w to float32 and puts the copy in its place.
func (p *Parameters) matrix(name string, w **tensor.Weight) {
	rows, cols := (*w).Rows(), (*w).Cols()
	x := &Parameter{Name: name, Rows: rows, Cols: cols, Value: (*w).Float32(nil), Grad: make([]float32, rows*cols)}
	*w = tensor.WeightF32(rows, cols, x.Value)
	p.weights[*w] = x
	p.List = append(p.List, x)
}

// vector takes a vector that is in memory of its own already; nil is none.
func (p *Parameters) vector(name string, v []float32) {
	if len(v) == 0 {
		return
	}
	x := &Parameter{Name: name, Rows: 1, Cols: len(v), Value: v, Grad: make([]float32, len(v))}
	p.vectors[&v[0]] = x
	p.List = append(p.List, x)
}

func (p *Parameters) norm(name string, n *norm) {
	p.vector(name+".weight", n.w)
	p.vector(name+".bias", n.b)
}

// Stored is what the checkpoint holds of parameter x: its values, less one for the
// norms of families that store them so.
func (p *Parameters) Stored(x *Parameter) []float32 {
	out := append([]float32(nil), x.Value...)
	if p.s.NormPlusOne && x.Rows == 1 {
		for i := range out {
			out[i]--
		}
	}
	return out
}

// Clear sets all gradients to zero.
func (p *Parameters) Clear() {
	for _, x := range p.List {
		clear(x.Grad)
	}
}

// addProduct adds dyᵀ·x to the gradient of w, for dy [n, out] and x [n, in].
func (p *Parameters) addProduct(w *tensor.Weight, dy, x []float32, n int) {
	g := p.weights[w]
	tensor.MatMul(tensor.Mat{Data: g.Grad, Rows: g.Rows, Cols: g.Cols},
		tensor.Mat{Data: dy, Rows: n, Cols: g.Rows}.T(), tensor.Mat{Data: x, Rows: n, Cols: g.Cols}, true)
}

// addRows adds the rows of dy [n, width] to the gradient of a bias; nil is none.
func (p *Parameters) addRows(bias, dy []float32, n int) {
	if len(bias) == 0 {
		return
	}
	g := p.vectors[&bias[0]].Grad
	for i := range n {
		tensor.Add(g, dy[i*len(g):(i+1)*len(g)])
	}
}

// addNorm adds the gradients of a norm's weight, Σ dy·x̂, and bias, Σ dy.
func (p *Parameters) addNorm(s *Spec, w *norm, dy, x []float32, n int) {
	d := len(w.w)
	g := p.vectors[&w.w[0]].Grad
	for i := range n {
		addNormRow(g, dy[i*d:(i+1)*d], x[i*d:(i+1)*d], s.Norm, s.NormEps)
	}
	p.addRows(w.b, dy, n)
}

func addNormRow(g, dy, x []float32, kind NormKind, eps float64) {
	mean, inv := 0.0, 0.0
	if kind == LayerNorm {
		mean, inv = moments(x, eps)
	} else {
		inv = inverseRMS(x, eps)
	}
	for i, v := range x {
		g[i] += dy[i] * float32((float64(v)-mean)*inv)
	}
}

// addHeadNorms adds the gradients of the weights of the norms on q and k, and
// takes dq and dk back through them.
func (p *Parameters) addHeadNorms(b *blockBack, dq, dk []float32) {
	eps := b.m.Spec.NormEps
	for _, x := range []struct{ w, d, in []float32 }{{b.w.qNorm, dq, b.in.q}, {b.w.kNorm, dk, b.in.k}} {
		if len(x.w) == 0 {
			continue
		}
		g, n := p.vectors[&x.w[0]].Grad, len(x.w)
		for at := 0; at+n <= len(x.d); at += n {
			addNormRow(g, x.d[at:at+n], x.in[at:at+n], RMSNorm, eps)
		}
		headNormBack(x.d, x.in, x.w, eps)
	}
}

// embedBack adds the gradient d of what entered block 0 to those of embeddings.
func (b *backward) embedBack(d []float32) {
	p, s := b.r.Weights, &b.m.Spec
	g := p.weights[b.m.w.embed].Grad
	w := s.DModel
	for i, seq := range b.f.rows.Seq {
		id := int(b.r.Seqs[seq][i-b.f.first[seq]])
		tensor.Axpy(g[id*w:(id+1)*w], float32(s.EmbedScale), d[i*w:(i+1)*w])
		if b.m.w.positions != nil {
			at := int(b.f.rows.Pos[i]) * w
			tensor.Add(p.weights[b.m.w.positions].Grad[at:at+w], d[i*w:(i+1)*w])
		}
	}
}
