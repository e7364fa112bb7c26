package model

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"agar/model/tensor"
)

// ErrNoBackward is wrapped when a gradient is asked for that this package cannot
// compute: of a family, or an adapter, that has a forward only.
var ErrNoBackward = errors.New("no backward pass")

// BackwardRequest is a forward and a backward pass. Of Request it takes Seqs,
// Resid, From, Edits, Adapter and Lambda; the other fields stay zero. An edit
// counts as a constant: gradients go through it as if it added something. It may
// be called twice for the same rows.
type BackwardRequest struct {
	Request
	// Targets are the rows whose logits the loss reads, rising, counted over all
	// sequences in order.
	Targets []int
	// Loss gets the logits [n, Vocab] of targets at … at+n, puts their gradient in
	// their place and returns their part of the loss.
	Loss func(logits []float32, at int) (float64, error)

	LoRA  bool     // return the gradient of the adapter's factors
	Input bool     // return that of what enters block From
	Hooks []string // return that of these hooks: hook_resid_pre, mid and post, hook_attn_out, attn.hook_z, hook_mlp_out, mlp.hook_post
	// Weights, when set, has the gradient of every parameter added.
	Weights *Parameters
	// Keep is how many bytes of activations may be kept from the forward; the
	// insides of the blocks beyond it are computed again. 0 is 2 GiB, negative none.
	Keep int64
}

// Gradient is what Backward returns, owned by the caller.
type Gradient struct {
	Loss  float64
	LoRA  []LoRAGradient       // one a module of Adapter.LoRA(), in its order
	Input []float32            // [rows, DModel], of what enters block From
	Hooks map[string][]float32 // [rows, Dim]
}

// LoRAGradient is the gradient of a module's factors, for B of the unscaled
// factor: with dY that of the module's output, x its input,
//
//	dB = λ·s·dYᵀ·(x·Aᵀ),   dA = λ·s·Bᵀ·dYᵀ·x
//
// Of a steering vector v, B is dv = λ·s·Σ dY over the tokens, and A is 0.
type LoRAGradient struct {
	A []float32 // [R, In]
	B []float32 // [Out, R]
}

// Backward computes the loss of a request and the exact gradients of it that were
// asked for. What enters each block is kept from the forward, and within
// BackwardRequest.Keep what is computed inside; the rest is computed again on the
// way back, by the same function. Gradients are summed in float32. It goes back no
// further than to the first thing asked for.
func (m *Model) Backward(ctx context.Context, r *BackwardRequest) (*Gradient, error) {
	b, err := m.newBackward(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("model: backward: %w", err)
	}
	if err := b.forth(); err != nil {
		return nil, err
	}
	d, err := b.top()
	if err != nil {
		return nil, err
	}
	for l := m.Spec.Layers - 1; l >= b.lowest; l-- {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("model: backward stopped at block %d: %w", l, err)
		}
		if err := b.block(l, d); err != nil {
			return nil, err
		}
	}
	b.bottom(d)
	return b.g, nil
}

// backward is a BackwardRequest under way.
type backward struct {
	ctx    context.Context
	m      *Model
	r      *BackwardRequest
	f      *forward // the rows, ropes and adapter of the call; it fires nothing
	n      int      // rows
	g      *Gradient
	ws     *backSpace
	mods   [][nProjs]int        // by block from 0 on: module of the adapter, plus one
	want   map[hookID][]float32 // hooks whose gradient is returned
	depth  []depth              // by block
	lowest int                  // the first block that must be gone through
	inputs [][]float32          // [n, DModel] entering each block from lowest on, and leaving the last
}

// depth is how far back a block must be gone through.
type depth uint8

const (
	atNothing depth = iota
	atOutput        // the gradient of down_proj's output is enough
	atHidden        // that of the MLP's hidden layer and its projections
	atMid           // that of attention's output
	atHeads         // that of q, k and v
	atInput         // that of what enters the block
)

func (m *Model) newBackward(ctx context.Context, r *BackwardRequest) (*backward, error) {
	if r.To != 0 || r.Reads != nil || r.Logits != NoLogits || r.OnLogits != nil || r.Cache != nil {
		return nil, fmt.Errorf("found To, Reads, Logits, OnLogits or Cache set, expected none of them")
	}
	if err := m.Spec.backwards(); err != nil {
		return nil, err
	}
	b := &backward{ctx: ctx, m: m, r: r, g: &Gradient{}, want: map[hookID][]float32{}, depth: make([]depth, m.Spec.Layers)}
	plain := Request{Seqs: r.Seqs, Resid: r.Resid, From: r.From, Adapter: r.Adapter, Lambda: r.Lambda, Training: true}
	var err error
	if b.f, err = m.newForward(ctx, &plain); err != nil {
		return nil, err
	}
	b.n = b.f.res.Rows
	for _, step := range []func() error{b.checkTargets, b.adapted, b.hooks, b.bounds} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// backwards refuses the families without a backward pass.
func (s *Spec) backwards() error {
	switch {
	case s.Experts > 0:
		return fmt.Errorf("%w: %s has a mixture of experts", ErrNoBackward, s.Architecture)
	case s.QKNorm == WidthQKNorm:
		return fmt.Errorf("%w: %s normalises queries and keys over all heads", ErrNoBackward, s.Architecture)
	}
	return nil
}

func (b *backward) checkTargets() error {
	if len(b.r.Targets) == 0 || b.r.Loss == nil {
		return fmt.Errorf("found %d targets, expected some and a loss", len(b.r.Targets))
	}
	for i, t := range b.r.Targets {
		if t < 0 || t >= b.n || i > 0 && t <= b.r.Targets[i-1] {
			return fmt.Errorf("target %d: found row %d, expected rising rows below %d", i, t, b.n)
		}
	}
	return nil
}

// adapted finds the modules of the adapter and makes room for their gradients.
func (b *backward) adapted() error {
	b.mods = make([][nProjs]int, b.m.Spec.Layers)
	if b.r.Adapter == nil {
		if b.r.LoRA {
			return fmt.Errorf("found no adapter to take the gradient of")
		}
		return nil
	}
	l, places, err := b.r.Adapter.plain()
	if err != nil {
		return err
	}
	mods := l.Modules
	b.g.LoRA = make([]LoRAGradient, len(mods))
	for i := range mods {
		x, p := &mods[i], places[i]
		b.mods[x.Layer][p] = i + 1
		if b.r.LoRA {
			b.g.LoRA[i] = LoRAGradient{make([]float32, len(x.A)), make([]float32, len(x.B))}
			b.reach(x.Layer, depthOf[p])
		}
	}
	return nil
}

// depthOf is how far back a block must be gone through for a projection's own
// gradient.
var depthOf = [nProjs]depth{atHeads, atHeads, atHeads, atMid, atHidden, atHidden, atOutput}

// hookDepths are the hooks that gradients are returned of.
var hookDepths = map[point]depth{
	residPost: atOutput, mlpOut: atOutput, mlpPost: atHidden, residMid: atMid, attnOut: atMid, hookZ: atHeads, residPre: atInput,
}

// hooks makes room for the gradients of hooks.
func (b *backward) hooks() error {
	for _, name := range b.r.Hooks {
		h, err := b.m.hook(name, b.r.Adapter)
		if err != nil {
			return err
		}
		d, ok := hookDepths[h.point()]
		if h < 0 || h == b.m.Spec.finalHook() || !ok {
			return fmt.Errorf("%w: to %q", ErrNoBackward, name)
		}
		if h.layer() < b.r.From {
			return fmt.Errorf("%w: %q would not fire: the call enters block %d", ErrUnreached, name, b.r.From)
		}
		b.want[h] = make([]float32, b.n*b.f.width(h))
		b.reach(h.layer(), d)
	}
	return nil
}

func (b *backward) reach(l int, d depth) { b.depth[l] = max(b.depth[l], d) }

// bounds decides how far to go back.
func (b *backward) bounds() error {
	if b.r.Input || b.r.Weights != nil {
		if b.r.Weights != nil && b.r.From > 0 {
			return fmt.Errorf("the gradient of all weights needs all blocks, found From %d", b.r.From)
		}
		if b.r.From < b.m.Spec.Layers {
			b.reach(b.r.From, atInput)
		}
	}
	b.lowest = slices.IndexFunc(b.depth, func(d depth) bool { return d > atNothing })
	if b.lowest < 0 {
		b.lowest = b.m.Spec.Layers
	}
	if b.lowest < b.r.From {
		return fmt.Errorf("block %d: %w: the call enters block %d", b.lowest, ErrUnreached, b.r.From)
	}
	for l := b.lowest + 1; l < b.m.Spec.Layers; l++ {
		b.depth[l] = atInput
	}
	return nil
}

// forth runs the forward and keeps what the way back needs.
func (b *backward) forth() error {
	x, err := b.prefix()
	if err != nil {
		return err
	}
	b.ws = b.m.backSpaces.take()
	for l := b.lowest; l < b.m.Spec.Layers; l++ {
		b.inputs = append(b.inputs, x)
		k := b.at(l)
		if x, err = k.forth(true); err != nil {
			return err
		}
	}
	b.inputs = append(b.inputs, x)
	return nil
}

// prefix is what enters the lowest block that is gone back through, edits at its
// hook_resid_pre included.
func (b *backward) prefix() ([]float32, error) {
	q := b.r.Request
	q.Training = true
	if b.lowest == b.m.Spec.Layers {
		q.To = b.lowest
		res, err := b.m.Forward(b.ctx, &q)
		if err != nil {
			return nil, err
		}
		return res.Resid, nil
	}
	name := b.m.hookName(hookAt(b.lowest, residPre))
	q.Reads, q.Edits = []string{name}, nil
	for _, e := range b.r.Edits {
		h, err := b.m.hook(e.Hook, b.r.Adapter)
		if err != nil {
			return nil, err
		}
		if h <= hookAt(b.lowest, residPre) {
			q.Edits = append(q.Edits, e)
		}
	}
	res, err := b.m.Forward(b.ctx, &q)
	if err != nil {
		return nil, err
	}
	return res.Hooks[name], nil
}

// kept says whether the inside of block l is kept from the forward: of the last
// blocks, as many as there is room for.
func (b *backward) kept(l int) bool {
	s := &b.m.Spec
	room := b.r.Keep
	if room == 0 {
		room = 2 << 30
	}
	per := 4 * int64(b.n) * int64(3*s.DMLP+s.DModel+3*s.Heads*s.DHead+3*b.m.kvWidth())
	return int64(s.Layers-l)*per <= room
}

// top computes the loss and returns the gradient [n, DModel] of what leaves the
// last block.
func (b *backward) top() ([]float32, error) {
	if err := b.m.finiteEnd(); err != nil {
		return nil, err
	}
	d := make([]float32, b.n*b.m.Spec.DModel)
	step := b.m.Spec.backLogitRows()
	for at := 0; at < len(b.r.Targets); at += step {
		if err := b.logits(d, at, min(at+step, len(b.r.Targets))); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// backLogitRows is how many rows of logits are gone through at a time. A large
// vocabulary, whose weights are packed for each time, has more of them: as fill 200 MB.
func (s *Spec) backLogitRows() int {
	const large, most = 1 << 13, 50 << 20
	if s.Vocab < large {
		return logitRows
	}
	return max(logitRows, min(most/s.Vocab/logitRows*logitRows, trainingRows))
}

// logits takes targets [at, end) through the unembedding, the loss and back.
func (b *backward) logits(d []float32, at, end int) error {
	s, n := &b.m.Spec, end-at
	out := b.inputs[len(b.inputs)-1]
	x, h, y := buf(&b.ws.x, n*s.DModel), buf(&b.ws.h, n*s.DModel), buf(&b.ws.logits, n*s.Vocab)
	for i, row := range b.r.Targets[at:end] {
		copy(x[i*s.DModel:(i+1)*s.DModel], out[row*s.DModel:])
	}
	s.norm(h, x, &b.m.w.norm, n)
	b.f.products.Linear(y, h, n, b.m.w.unembed)
	c := float32(s.LogitSoftcap)
	if c > 0 {
		eachPiece(y, func(y []float32) { tensor.Softcap(y, c) })
	}
	capped := b.keepCapped(y, c)
	loss, err := b.r.Loss(y, at)
	if err != nil {
		return err
	}
	b.g.Loss += loss
	for i, v := range capped {
		y[i] *= 1 - v*v/(c*c)
	}
	if b.r.Weights != nil {
		b.r.Weights.addProduct(b.m.w.unembed, y, h, n)
	}
	dh := buf(&b.ws.dh, n*s.DModel)
	b.f.products.Linear(dh, y, n, b.m.transposed(b.m.w.unembed))
	dx := buf(&b.ws.dx, n*s.DModel)
	clear(dx)
	b.normBack(dx, dh, x, &b.m.w.norm, n)
	for i, row := range b.r.Targets[at:end] {
		tensor.Add(d[row*s.DModel:(row+1)*s.DModel], dx[i*s.DModel:(i+1)*s.DModel])
	}
	return nil
}

// keepCapped copies logits that were capped; nil when there is no cap.
func (b *backward) keepCapped(y []float32, c float32) []float32 {
	if c == 0 {
		return nil
	}
	kept := buf(&b.ws.capped, len(y))
	copy(kept, y)
	return kept
}

// bottom returns the gradient of what entered the lowest block.
func (b *backward) bottom(d []float32) {
	for h, dst := range b.want {
		if b.g.Hooks == nil {
			b.g.Hooks = map[string][]float32{}
		}
		b.g.Hooks[b.m.hookName(h)] = dst
	}
	if b.r.Input {
		b.g.Input = d
	}
	if b.r.Weights != nil {
		b.embedBack(d)
	}
	b.m.backSpaces.give(b.ws)
}

// keep copies the gradient d of a hook for the caller, who may have asked for it.
func (b *backward) keep(l int, p point, d []float32) {
	if dst := b.want[hookAt(l, p)]; dst != nil {
		copy(dst, d)
	}
}
