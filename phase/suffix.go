package phase

import (
	"context"
	"fmt"

	"agar/model"
)

// suffixes runs the model from the first adapted block on, at every checkpoint
// and λ.
func (f *follower) suffixes(ctx context.Context, b *baseline) error {
	stream := f.SAE.Stream()
	e0 := residuals(f.SAE, stream, b.h, b.counted)
	t := newTally(f.SAE)
	t.addRows(f.SAE, stream, b.h, b.h, e0, b.counted)
	t.into(&f.t.Base)
	return f.each(func(s, l int) error {
		h, err := f.suffix(ctx, b, s, l)
		if err != nil {
			return err
		}
		t := newTally(f.SAE)
		t.addRows(f.SAE, stream, h, b.h, e0, b.counted)
		f.t.record(s, l, t.into)
		f.emit("follow", s*len(f.Lambdas)+l+1, len(f.Steps)*len(f.Lambdas), "checkpoints × λ")
		return nil
	})
}

// suffix is the activations [counted, DIn] at the hook.
func (f *follower) suffix(ctx context.Context, b *baseline, s, l int) ([]float32, error) {
	var full []float32
	for i, part := range batches(f.windows) {
		req := &model.Request{Seqs: idsOf(part), Reads: []string{f.Hook}, Adapter: f.states[s], Lambda: float32(f.Lambdas[l])}
		if f.first > 0 {
			d := f.Model.Spec.DModel
			req.From, req.Resid = f.first, b.resid[b.batch[i]*d:b.batch[i+1]*d]
		}
		res, err := f.Model.Forward(ctx, req)
		if err != nil {
			return nil, fmt.Errorf("phase: follow: step %d, λ = %g: %w", f.Steps[s], f.Lambdas[l], err)
		}
		full = append(full, res.Hooks[f.Hook]...)
	}
	return b.pick(full, f.SAE.DIn), nil
}
