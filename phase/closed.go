package phase

import (
	"context"
	"fmt"

	"agar/model/lora"
	"agar/model/tensor"
	"agar/sae"
)

// closedRows is how many tokens' base pre-activations are held at once, and
// closedTile how many of them every checkpoint goes over while they are in the
// cache.
const (
	closedRows = 1024
	closedTile = 32
)

// closedForm follows features without the model. Up to its MLP's input block L is
// the base's, so at its output, with a = A_t·x,
//
//	h   = h_base + λ·s·B_t·a
//	pre = pre_base + λ·s·(W_enc·B_t)·a
//
// exactly: r·DSAE operations a token instead of a forward.
func (f *follower) closedForm(ctx context.Context, b *baseline) error {
	c := f.newClosed()
	stream := f.SAE.Stream()
	baseTally := newTally(f.SAE)
	pre := make([]float32, min(closedRows, b.counted)*f.SAE.DSAE)
	for from := 0; from < b.counted; from += closedRows {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("phase: follow: %w", err)
		}
		n := min(closedRows, b.counted-from)
		d := f.SAE.DIn
		h := b.h[from*d : (from+n)*d]
		e0 := residuals(f.SAE, stream, h, n)
		baseTally.addRows(f.SAE, stream, h, h, e0, n)
		f.SAE.PreActs(pre[:n*f.SAE.DSAE], h, n)
		for lo := 0; lo < n; lo += closedTile {
			hi := min(lo+closedTile, n)
			tensor.Parallel(len(c.cells), func(i int) {
				c.cells[i].tile(c, pre[lo*f.SAE.DSAE:], h[lo*d:], e0[lo*d:], b.x[(from+lo)*c.width:], hi-lo)
			})
		}
		f.emit("follow", from+n, b.counted, "tokens")
	}
	baseTally.into(&f.t.Base)
	for _, x := range c.cells {
		f.t.record(x.step, x.lambda, x.tally.into)
	}
	return nil
}

// closed is the checkpoints of one run in closed form.
type closed struct {
	s     *sae.SAE
	floor []float32 // what a pre-activation must exceed, by feature
	width int       // values of A·x a token: all checkpoints' ranks
	cells []*closedCell
}

// closedCell is one checkpoint at one λ, with buffers of its own.
type closedCell struct {
	step, lambda int
	offset, r    int       // where its A·x lies
	b            []float32 // λ·s·B_t, [r, DIn]
	enc          []float32 // W_enc·b, [r, DSAE]
	zero         bool
	tally        *tally
	pre, h, xhat []float32
	builder      sae.Builder
	codes        sae.Codes
}

func (f *follower) newClosed() *closed {
	c := &closed{s: f.SAE, floor: floors(f.SAE)}
	enc := tensor.WeightF32(f.SAE.DSAE, f.SAE.DIn, f.SAE.WEnc)
	enc.Keep(tensor.NewPanels(8 * int64(len(f.SAE.WEnc))))
	for s, state := range f.states {
		m := &state.LoRA().Modules[0]
		for l, lambda := range f.Lambdas {
			x := &closedCell{step: s, lambda: l, offset: c.width, r: m.R, b: scaledB(m, lambda), tally: newTally(f.SAE)}
			x.enc = make([]float32, m.R*f.SAE.DSAE)
			tensor.Linear(x.enc, x.b, m.R, enc)
			x.zero = f.zero[s] || lambda == 0
			x.pre, x.h, x.xhat = make([]float32, f.SAE.DSAE), make([]float32, f.SAE.DIn), make([]float32, closedTile*f.SAE.DIn)
			c.cells = append(c.cells, x)
		}
		c.width += m.R
	}
	return c
}

// scaledB is λ·s·Bᵀ, [r, out].
func scaledB(m *lora.Module, lambda float64) []float32 {
	out := make([]float32, m.R*m.Out)
	for o := range m.Out {
		for j := range m.R {
			out[j*m.Out+o] = float32(lambda * m.Scale * float64(m.B[o*m.R+j]))
		}
	}
	return out
}

// tile adds n tokens: base pre-activations [n, DSAE], activations and residuals
// [n, DIn], and A·x of all checkpoints [n, width].
func (x *closedCell) tile(c *closed, pre, h0, e0, ax []float32, n int) {
	s := c.s
	x.builder.Reset()
	x.codes.Reset()
	for i := range n {
		copy(x.pre, pre[i*s.DSAE:(i+1)*s.DSAE])
		for j, a := range x.a(c, ax, i) {
			tensor.Axpy(x.pre, a, x.enc[j*s.DSAE:(j+1)*s.DSAE])
		}
		c.fire(&x.builder, x.pre)
	}
	x.builder.AppendTo(&x.codes)
	for i := range n {
		at := span{i * s.DIn, (i + 1) * s.DIn}
		h := x.h
		copy(h, h0[at.from:at.to])
		for j, a := range x.a(c, ax, i) {
			tensor.Axpy(h, a, x.b[j*s.DIn:(j+1)*s.DIn])
		}
		index, value := x.codes.Row(i)
		xhat := x.xhat[:s.DIn]
		copy(xhat, s.BDec)
		for j, id := range index {
			tensor.Axpy(xhat, value[j], s.Decoder(int(id)))
		}
		x.tally.row(index, value, h, xhat, h0[at.from:at.to], e0[at.from:at.to])
	}
}

// a is A_t·x of token i, nothing where the adapter changes nothing.
func (x *closedCell) a(c *closed, ax []float32, i int) []float32 {
	if x.zero {
		return nil
	}
	return ax[i*c.width+x.offset : i*c.width+x.offset+x.r]
}

// floors is what a pre-activation must exceed for its feature to fire, before
// the k largest are chosen: the threshold, and 0 at least.
func floors(s *sae.SAE) []float32 {
	out := make([]float32, s.DSAE)
	if s.Arch == sae.ArchJumpReLU {
		for i, v := range s.Threshold {
			out[i] = max(v, 0)
		}
	}
	return out
}

// fire applies the dictionary's activation function to one row of
// pre-activations and ends the row.
func (c *closed) fire(b *sae.Builder, pre []float32) {
	floor := c.floor[:len(pre)]
	for i, v := range pre {
		if v > floor[i] {
			b.Add(i, v)
		}
	}
	if c.s.Arch == sae.ArchTopK {
		b.KeepLargest(c.s.K)
	}
	b.EndRow()
}
