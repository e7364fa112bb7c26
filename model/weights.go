package model

import (
	"fmt"

	"agar/model/tensor"
)

// block is the weights of one decoder block. Every projection is [out, in].
type block struct {
	attnNorm, mlpNorm []float32 // [DModel]
	projs             [nProjs]*tensor.Weight
}

// weights are all tensors of a model, in storage type over mapped files.
type weights struct {
	embed, unembed *tensor.Weight // [Vocab, DModel]; the same one when tied
	norm           []float32      // [DModel]
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
	names tensorNames
	order func(*Spec, proj) []int32
	used  map[string]bool
	out   weights
}

// bind finds, checks and wraps every tensor that the Spec needs, and refuses
// files with tensors that would go unused.
func bind(src tensorSource, s *Spec, names tensorNames, order func(*Spec, proj) []int32, ignored []string) (*weights, error) {
	b := &binder{src: src, spec: s, names: names, order: order, used: map[string]bool{}}
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
	if b.out.embed, err = b.matrix(b.names.embed, -1, s.Vocab, s.DModel); err != nil {
		return err
	}
	if b.out.norm, err = b.vector(b.names.norm, s.Layers, s.DModel); err != nil {
		return err
	}
	if s.TieEmbeddings {
		b.used[b.names.unembed] = true
		b.out.unembed = b.out.embed
		return nil
	}
	b.out.unembed, err = b.matrix(b.names.unembed, s.Layers, s.Vocab, s.DModel)
	return err
}

// block binds the tensors of block l.
func (b *binder) block(l int) (err error) {
	var k block
	if k.attnNorm, err = b.vector(fmt.Sprintf(b.names.attnNorm, l), l, b.spec.DModel); err != nil {
		return err
	}
	if k.mlpNorm, err = b.vector(fmt.Sprintf(b.names.mlpNorm, l), l, b.spec.DModel); err != nil {
		return err
	}
	for p := range nProjs {
		out, in := b.spec.shape(p)
		w, err := b.matrix(fmt.Sprintf(b.names.projs[p], l), l, out, in)
		if err != nil {
			return err
		}
		if b.order != nil {
			if rows := b.order(b.spec, p); rows != nil {
				w = w.Permuted(rows)
			}
		}
		k.projs[p] = w
	}
	b.out.blocks = append(b.out.blocks, k)
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
	t, err := b.take(name, group, rows, cols)
	if err != nil {
		return nil, err
	}
	w, err := tensor.NewWeight(t.dtype, rows, cols, t.data)
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
