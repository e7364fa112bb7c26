package phase

import (
	"context"
	"fmt"
	"math"

	"agar/model"
	"agar/model/stats"
	"agar/model/tensor"
)

// baseline is what the base model computes once on fixed tokens.
type baseline struct {
	rows, counted int
	leftOut       int       // tokens that would count but whose activation is too long
	h             []float32 // [counted, DIn] at the hook, of the tokens that count
	resid         []float32 // [rows, DModel] entering the first adapted block, when suffixes run
	x             []float32 // [counted, T·r] A_t·x of all checkpoints, in the closed form
	count         []bool    // [rows]
	batch         []int     // first row of each batch, and the end
}

// baseOf runs the base over windows and settles which tokens count.
func (f *follower) baseOf(ctx context.Context, ws []window) (*baseline, error) {
	b := &baseline{rows: rowsOf(ws), batch: []int{0}}
	var full, inner []float32
	var a *tensor.Weight
	if closed := f.exact() && !f.NoClosedForm && f.On != OnOwn; closed {
		a = f.stackedA()
	}
	for i, part := range batches(ws) {
		h, resid, x, err := f.basePart(ctx, part, a)
		if err != nil {
			return nil, err
		}
		full, inner = append(full, h...), append(inner, x...)
		b.resid = append(b.resid, resid...)
		b.batch = append(b.batch, b.batch[i]+rowsOf(part))
		f.emit("base", i+1, 0, "forwards")
	}
	for _, w := range ws {
		b.count = append(b.count, w.count...)
	}
	f.dropOutliers(b, full)
	d := f.SAE.DIn
	b.h = b.pick(full, d)
	if a != nil {
		b.x = b.pick(inner, a.Rows())
	}
	if b.counted = len(b.h) / d; b.counted == 0 {
		return nil, fmt.Errorf("phase: follow: found no token whose activation counts")
	}
	f.markWindows(ws, b)
	return b, nil
}

// basePart runs one batch: activations at the hook, and either the residual
// entering the first adapted block or A·x of every checkpoint.
func (f *follower) basePart(ctx context.Context, ws []window, a *tensor.Weight) (h, resid, inner []float32, err error) {
	if a != nil {
		post := fmt.Sprintf("blocks.%d.mlp.hook_post", f.layer)
		res, err := f.Model.Forward(ctx, &model.Request{Seqs: idsOf(ws), Reads: []string{f.Hook, post}})
		if err != nil {
			return nil, nil, nil, fmt.Errorf("phase: follow: %w", err)
		}
		inner = make([]float32, res.Rows*a.Rows())
		tensor.Linear(inner, res.Hooks[post], res.Rows, a)
		return res.Hooks[f.Hook], nil, inner, nil
	}
	req := &model.Request{Seqs: idsOf(ws)}
	if f.first > 0 {
		req.To = f.first
		res, err := f.Model.Forward(ctx, req)
		if err != nil {
			return nil, nil, nil, fmt.Errorf("phase: follow: %w", err)
		}
		resid = res.Resid
		req = &model.Request{Seqs: idsOf(ws), From: f.first, Resid: resid}
	}
	req.Reads = []string{f.Hook}
	res, err := f.Model.Forward(ctx, req)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("phase: follow: %w", err)
	}
	return res.Hooks[f.Hook], resid, nil, nil
}

// stackedA is the A of every checkpoint, one below the other.
func (f *follower) stackedA() *tensor.Weight {
	var all []float32
	rows := 0
	for _, s := range f.states {
		m := &s.LoRA().Modules[0]
		all, rows = append(all, m.A...), rows+m.R
	}
	return tensor.WeightF32(rows, len(all)/rows, all)
}

// dropOutliers stops counting tokens whose activation is longer than MaxNorm
// medians: attention sinks.
func (f *follower) dropOutliers(b *baseline, h []float32) {
	if f.MaxNorm < 0 {
		return
	}
	d := f.SAE.DIn
	var norms []float64
	for i, c := range b.count {
		if c {
			norms = append(norms, math.Sqrt(tensor.SumSq(h[i*d:(i+1)*d])))
		}
	}
	limit := f.MaxNorm * stats.Median(norms)
	n := 0
	for i, c := range b.count {
		if c {
			if norms[n] > limit {
				b.count[i] = false
				b.leftOut++
			}
			n++
		}
	}
}

// pick keeps the rows of x [rows, d] that count.
func (b *baseline) pick(x []float32, d int) []float32 {
	var out []float32
	for i, c := range b.count {
		if c {
			out = append(out, x[i*d:(i+1)*d]...)
		}
	}
	return out
}

// markWindows writes back which tokens count.
func (f *follower) markWindows(ws []window, b *baseline) {
	row := 0
	for i := range ws {
		ws[i].count = b.count[row : row+len(ws[i].ids)]
		row += len(ws[i].ids)
	}
}
