package model

import (
	"context"
	"fmt"
	"math"

	"agar/model/tensor"
)

// Compared holds, for rows of two residual streams, both KL divergences between the
// next-token distributions and the cross-entropy of a target under each, in nats.
type Compared struct {
	Divergence
	Adapted, Base []float32 // −log p(target); NaN for a target of −1
}

// Compare unembeds residuals [n, DModel] that left the last block, adapted by a at
// the dial lambda and the base's, and compares what they predict. targets has n
// token ids or −1. Logits are never all held.
func (m *Model) Compare(ctx context.Context, adapted, base []float32, targets []int32, a *Adapter, lambda float32) (Compared, error) {
	n := len(targets)
	if len(adapted) != n*m.Spec.DModel || len(base) != len(adapted) {
		panic(fmt.Errorf("%w: Compare: %d and %d values, %d targets of width %d", tensor.ErrShape, len(adapted), len(base), n, m.Spec.DModel))
	}
	c := Compared{Divergence{make([]float32, n), make([]float32, n)}, make([]float32, n), make([]float32, n)}
	err := m.endPairs(ctx, adapted, base, a, lambda, func(i int, p, q []float32) {
		c.AdaptedBase[i], c.BaseAdapted[i] = klRow(p, q)
		c.Adapted[i], c.Base[i] = surprise(p, targets[i]), surprise(q, targets[i])
	})
	return c, err
}

// EndLoss is −log p(target) in nats for residuals [n, DModel] that left the last
// block, with adapter a (nil: the base) at the dial lambda; NaN for a target of −1.
func (m *Model) EndLoss(ctx context.Context, resid []float32, targets []int32, a *Adapter, lambda float32) ([]float32, error) {
	if len(resid) != len(targets)*m.Spec.DModel {
		panic(fmt.Errorf("%w: EndLoss: %d values, %d targets of width %d", tensor.ErrShape, len(resid), len(targets), m.Spec.DModel))
	}
	out := make([]float32, len(targets))
	err := m.ends(ctx, resid, a, lambda, func(i int, p []float32) { out[i] = surprise(p, targets[i]) })
	return out, err
}

// surprise is −log softmax(logits)[target], NaN for a target of −1.
func surprise(logits []float32, target int32) float32 {
	if target < 0 {
		return float32(math.NaN())
	}
	return float32(logSumExp(logits) - float64(logits[target]))
}

// ends visits the logits of every row of resid; visit may run for several rows at a
// time.
func (m *Model) ends(ctx context.Context, resid []float32, a *Adapter, lambda float32, visit func(i int, p []float32)) error {
	dim, vocab := m.Spec.DModel, m.Spec.Vocab
	n := len(resid) / dim
	if err := m.finiteEnd(); err != nil {
		return err
	}
	ws := m.spaces.Get().(*workspace)
	defer m.spaces.Put(ws)
	f := forward{m: m, r: &Request{Adapter: a, Lambda: lambda}, ws: ws}
	p := make([]float32, min(n, logitRows)*vocab)
	for i := 0; i < n; i += logitRows {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("model: stopped at row %d: %w", i, err)
		}
		k := min(logitRows, n-i)
		f.unembed(p, resid[i*dim:(i+k)*dim], 0, k, f.ending())
		tensor.Parallel(k, func(j int) { visit(i+j, p[j*vocab:(j+1)*vocab]) })
	}
	return nil
}

// endPairs visits the logits of every row of adapted and of base.
func (m *Model) endPairs(ctx context.Context, adapted, base []float32, a *Adapter, lambda float32, visit func(i int, p, q []float32)) error {
	dim, vocab := m.Spec.DModel, m.Spec.Vocab
	n := len(base) / dim
	if err := m.finiteEnd(); err != nil {
		return err
	}
	ws := m.spaces.Get().(*workspace)
	defer m.spaces.Put(ws)
	with, without := forward{m: m, r: &Request{Adapter: a, Lambda: lambda}, ws: ws}, forward{m: m, r: &Request{}, ws: ws}
	p, q := make([]float32, min(n, logitRows)*vocab), make([]float32, min(n, logitRows)*vocab)
	for i := 0; i < n; i += logitRows {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("model: KL stopped at row %d: %w", i, err)
		}
		k := min(logitRows, n-i)
		with.unembed(p, adapted[i*dim:(i+k)*dim], 0, k, with.ending())
		without.unembed(q, base[i*dim:(i+k)*dim], 0, k, without.ending())
		tensor.Parallel(k, func(j int) { visit(i+j, p[j*vocab:(j+1)*vocab], q[j*vocab:(j+1)*vocab]) })
	}
	return nil
}
