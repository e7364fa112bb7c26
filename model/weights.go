package model

import (
	"fmt"

	"agar/model/tensor"
)

// block is the weights of one decoder block. Every projection is [out, in].
type block struct {
	ln1, ln1Post norm // before and behind attention; w nil where there is none
	ln2, ln2Post norm // before and behind the MLP
	qNorm, kNorm []float32
	projs        [nProjs]*tensor.Weight // nil for what the block does not have
	biases       [nProjs][]float32
	router       *tensor.Weight // [Experts, DModel]
	experts      []expert
}

// expert is one MLP of a mixture.
type expert struct{ gate, up, down *tensor.Weight }

// weights are all tensors of a model, in storage type over mapped files.
type weights struct {
	embed, unembed *tensor.Weight // [Vocab, DModel]; the same one when tied
	positions      *tensor.Weight // [MaxPos, DModel], or nil
	norm           norm           // behind the last block
	blocks         []block
	stored         []stored // one a tensor, for checks and reports
}

// stored is a tensor as it lies in a file.
type stored struct {
	name, file string
	dtype      tensor.DType
	rows, cols int
	data       []byte
	group      int // block that it belongs to; −1: embedding, Layers: what follows the blocks
}

// tensorSource finds the tensors of a file format by name.
type tensorSource interface {
	// tensor gives a tensor as stored; rows is 1 for a vector. ok is false when
	// there is none of that name.
	tensor(name string) (t stored, ok bool, err error)
	// names lists all tensors.
	names() []string
	// where names the file or directory, for errors.
	where() string
}

// binder collects the tensors of a model by the names of its family.
type binder struct {
	src   tensorSource
	spec  *Spec
	names *tensorNames
	used  map[string]bool
	out   weights
}

// bind finds, checks and wraps every tensor that the Spec needs, and refuses
// files with tensors that would go unused.
func bind(src tensorSource, s *Spec, names *tensorNames, ignored []string) (*weights, error) {
	src = withPrefix(textPart(src), names)
	b := &binder{src: src, spec: s, names: names, used: map[string]bool{}}
	if err := b.ends(); err != nil {
		return nil, fmt.Errorf("%s: %w", src.where(), err)
	}
	for l := range s.Layers {
		if err := b.block(l); err != nil {
			return nil, fmt.Errorf("%s: %w", src.where(), err)
		}
	}
	if err := b.leftover(ignored); err != nil {
		return nil, fmt.Errorf("%s: %w", src.where(), err)
	}
	return &b.out, nil
}

// ends binds what is before and after the blocks.
func (b *binder) ends() (err error) {
	s := b.spec
	if s.TieEmbeddings {
		if err := b.tie(); err != nil {
			return err
		}
	}
	if b.out.embed, err = b.matrix(b.names.embed, -1, s.Vocab, s.DModel); err != nil {
		return err
	}
	if s.LearnedPositions {
		if b.out.positions, err = b.matrix(b.names.positions, -1, s.MaxPos, s.DModel); err != nil {
			return err
		}
	}
	if b.out.norm, err = b.norm(b.names.norm, s.Layers); err != nil {
		return err
	}
	if s.TieEmbeddings {
		b.out.unembed = b.out.embed
		return nil
	}
	b.out.unembed, err = b.matrix(b.names.unembed, s.Layers, s.Vocab, s.DModel)
	return err
}

// block binds the tensors of block l.
func (b *binder) block(l int) error {
	b.out.blocks = append(b.out.blocks, block{})
	prefix := fmt.Sprintf(b.names.block, l)
	for _, step := range []func(prefix string, l int, k *block) error{b.norms, b.modules, b.mixture} {
		if err := step(prefix, l, &b.out.blocks[l]); err != nil {
			return err
		}
	}
	return nil
}

// norms binds the norms of block l.
func (b *binder) norms(prefix string, l int, k *block) (err error) {
	s, n := b.spec, b.names
	for _, x := range []struct {
		at   *norm
		name string
		has  bool
	}{
		{&k.ln1, n.ln1, s.Placement.before()}, {&k.ln1Post, n.ln1Post, s.Placement.after()},
		{&k.ln2, n.ln2, s.Placement.before()}, {&k.ln2Post, n.ln2Post, s.Placement.after()},
	} {
		if !x.has {
			continue
		}
		if *x.at, err = b.norm(prefix+x.name, l); err != nil {
			return err
		}
	}
	if s.QKNorm == NoQKNorm {
		return nil
	}
	q, kw := s.qkNormWidths()
	if k.qNorm, err = b.gain(prefix+n.qNorm, l, q); err != nil {
		return err
	}
	k.kNorm, err = b.gain(prefix+n.kNorm, l, kw)
	return err
}

// norm binds the weight of a norm and, of a LayerNorm, its bias.
func (b *binder) norm(name string, group int) (n norm, err error) {
	if n.w, err = b.gain(name, group, b.spec.DModel); err != nil || b.spec.Norm != LayerNorm {
		return n, err
	}
	n.b, err = b.vector(name+".bias", group, b.spec.DModel)
	return n, err
}

// gain binds the weight of a norm.
func (b *binder) gain(name string, group, n int) ([]float32, error) {
	w, err := b.vector(name+".weight", group, n)
	if b.spec.NormPlusOne {
		for i := range w {
			w[i]++
		}
	}
	return w, err
}

// modules binds the linear layers of block l.
func (b *binder) modules(prefix string, l int, k *block) error {
	for i := range b.names.modules {
		m := &b.names.modules[i]
		if !b.spec.has(l, m.parts[0].proj) {
			continue
		}
		if err := b.module(prefix+m.path, l, m, k); err != nil {
			return err
		}
	}
	return nil
}

// module binds one module and cuts it into its projections.
func (b *binder) module(name string, l int, m *module, k *block) error {
	out, in := m.shape(b.spec)
	w, err := b.linear(name+".weight", l, out, in, m.inOut)
	if err != nil {
		return err
	}
	var bias []float32
	if b.spec.biased(m.parts[0].proj) {
		if bias, err = b.vector(name+".bias", l, out); err != nil {
			return err
		}
	}
	for i, p := range m.parts {
		order, lo, n := m.moduleRows(b.spec, i)
		switch {
		case order != nil:
			k.projs[p.proj] = w.Permuted(order)
		case n == out:
			k.projs[p.proj] = w
		default:
			k.projs[p.proj] = w.Slice(lo, lo+n)
		}
		if bias != nil {
			k.biases[p.proj] = picked(bias, order, lo, n)
		}
	}
	return nil
}

// picked is x[order], or x[lo : lo+n] when order is nil.
func picked(x []float32, order []int32, lo, n int) []float32 {
	if order == nil {
		return x[lo : lo+n]
	}
	y := make([]float32, len(order))
	for i, o := range order {
		y[i] = x[o]
	}
	return y
}

// mixture binds the experts of block l.
func (b *binder) mixture(prefix string, l int, k *block) (err error) {
	s := b.spec
	if !s.Blocks[l].MoE {
		return nil
	}
	if k.router, err = b.matrix(prefix+b.names.router+".weight", l, s.Experts, s.DModel); err != nil {
		return err
	}
	if b.names.stacked[0] != "" {
		return b.stacked(prefix, l, k)
	}
	for e := range s.Experts {
		var x expert
		at := prefix + fmt.Sprintf(b.names.expert, e)
		if x.gate, err = b.matrix(at+"gate_proj.weight", l, s.DExpert, s.DModel); err != nil {
			return err
		}
		if x.up, err = b.matrix(at+"up_proj.weight", l, s.DExpert, s.DModel); err != nil {
			return err
		}
		if x.down, err = b.matrix(at+"down_proj.weight", l, s.DModel, s.DExpert); err != nil {
			return err
		}
		k.experts = append(k.experts, x)
	}
	return nil
}

// stacked binds the experts of block l where each kind of matrix is one tensor.
func (b *binder) stacked(prefix string, l int, k *block) error {
	s := b.spec
	all := [3]*tensor.Weight{}
	for i, out := range [3]int{s.DExpert, s.DExpert, s.DModel} {
		in := s.DModel + s.DExpert - out
		w, err := b.matrix(prefix+b.names.stacked[i]+".weight", l, s.Experts*out, in)
		if err != nil {
			return err
		}
		all[i] = w
	}
	for e := range s.Experts {
		k.experts = append(k.experts, expert{
			all[0].Slice(e*s.DExpert, (e+1)*s.DExpert), all[1].Slice(e*s.DExpert, (e+1)*s.DExpert), all[2].Slice(e*s.DModel, (e+1)*s.DModel),
		})
	}
	return nil
}

func (b *binder) take(name string, group, rows, cols int) (stored, error) {
	t, ok, err := b.src.tensor(name)
	if err != nil {
		return t, err
	}
	if !ok {
		return t, fmt.Errorf("found no tensor %q", name)
	}
	if t.rows != rows || t.cols != cols {
		return t, fmt.Errorf("tensor %q in %s: found shape [%d, %d], expected [%d, %d] from the config", name, t.file, t.rows, t.cols, rows, cols)
	}
	t.group = group
	b.used[name] = true
	b.out.stored = append(b.out.stored, t)
	return t, nil
}

func (b *binder) matrix(name string, group, rows, cols int) (*tensor.Weight, error) {
	return b.linear(name, group, rows, cols, false)
}

// linear binds an [out, in] matrix, which may be stored as [in, out].
func (b *binder) linear(name string, group, out, in int, inOut bool) (*tensor.Weight, error) {
	rows, cols, wrap := out, in, tensor.NewWeight
	if inOut {
		rows, cols, wrap = in, out, tensor.NewTransposed
	}
	t, err := b.take(name, group, rows, cols)
	if err != nil {
		return nil, err
	}
	w, err := wrap(t.dtype, out, in, t.data)
	if err != nil {
		return nil, fmt.Errorf("tensor %q in %s: %w", name, t.file, err)
	}
	return w, nil
}

func (b *binder) vector(name string, group, n int) ([]float32, error) {
	t, err := b.take(name, group, 1, n)
	if err != nil {
		return nil, err
	}
	return t.float32()
}
