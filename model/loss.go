package model

import (
	"context"
	"fmt"
	"math"

	"agar/model/tensor"
)

// CrossEntropy gives −log softmax(logits)[target] in nats for every row of
// logits [n, vocab]. A target of −1 is skipped: its entry is NaN.
func CrossEntropy(logits []float32, vocab int, targets []int32) []float32 {
	if len(logits) != len(targets)*vocab {
		panic(fmt.Errorf("%w: CrossEntropy: %d logits, %d targets of %d", tensor.ErrShape, len(logits), len(targets), vocab))
	}
	out := make([]float32, len(targets))
	tensor.Parallel(len(targets), func(i int) {
		t := targets[i]
		if t < 0 {
			out[i] = float32(math.NaN())
			return
		}
		row := logits[i*vocab : (i+1)*vocab]
		out[i] = float32(logSumExp(row) - float64(row[t]))
	})
	return out
}

// logSumExp is log Σ exp(xᵢ), in float64.
func logSumExp(x []float32) float64 {
	top := x[0]
	for _, v := range x {
		top = max(top, v)
	}
	sum := 0.0
	for _, v := range x {
		sum += math.Exp(float64(v - top))
	}
	return float64(top) + math.Log(sum)
}

// Divergence holds both directions of the KL divergence between the next-token
// distributions of an adapted model and its base, in nats a token.
type Divergence struct {
	AdaptedBase []float32 // KL(adapted‖base) = Σ p_adapted (log p_adapted − log p_base)
	BaseAdapted []float32 // KL(base‖adapted)
}

// KL compares the next-token distributions of the model with adapter a at dial
// lambda and of the base, at every token of seqs, rows packed in order. Blocks
// before the adapter are computed once; logits are never all held.
func (m *Model) KL(ctx context.Context, seqs [][]int32, a *Adapter, lambda float32) (Divergence, error) {
	var d Divergence
	if a == nil {
		return d, fmt.Errorf("model: KL to the base needs an adapter")
	}
	first := a.FirstLayer()
	var entry []float32
	if first > 0 {
		r, err := m.Forward(ctx, &Request{Seqs: seqs, To: first})
		if err != nil {
			return d, err
		}
		entry = r.Resid
	}
	last := func(a *Adapter) ([]float32, error) {
		r, err := m.Forward(ctx, &Request{Seqs: seqs, Resid: entry, From: first, To: m.Spec.Layers, Adapter: a, Lambda: lambda})
		if err != nil {
			return nil, err
		}
		return r.Resid, nil
	}
	base, err := last(nil)
	if err != nil {
		return d, err
	}
	adapted, err := last(a)
	if err != nil {
		return d, err
	}
	return m.divergence(ctx, adapted, base, a, lambda)
}

// divergence compares residuals [n, DModel] that leave the last block, adapted by a
// at the dial lambda and the base's.
func (m *Model) divergence(ctx context.Context, adapted, base []float32, a *Adapter, lambda float32) (Divergence, error) {
	n := len(base) / m.Spec.DModel
	d := Divergence{make([]float32, n), make([]float32, n)}
	err := m.endPairs(ctx, adapted, base, a, lambda, func(i int, p, q []float32) {
		d.AdaptedBase[i], d.BaseAdapted[i] = klRow(p, q)
	})
	return d, err
}

// klRow gives KL(p‖q) and KL(q‖p) of two rows of logits.
func klRow(p, q []float32) (pq, qp float32) {
	lp, lq := logSumExp(p), logSumExp(q)
	a, b := 0.0, 0.0
	for i := range p {
		x, y := float64(p[i])-lp, float64(q[i])-lq
		a += math.Exp(x) * (x - y)
		b += math.Exp(y) * (y - x)
	}
	return float32(max(a, 0)), float32(max(b, 0))
}

// Loss gives the cross-entropy of every next token in nats: entry t of a
// sequence is −log p(token t+1 | tokens to t), the last entry of a sequence is
// NaN. Rows are packed in order. The request may carry adapter and edits; its
// logits are not kept.
func (m *Model) Loss(ctx context.Context, r *Request) ([]float32, error) {
	q := *r
	var out []float32
	q.Logits, q.OnLogits = NoLogits, func(logits []float32, rows Rows) error {
		targets := make([]int32, len(rows.Seq))
		for i, s := range rows.Seq {
			targets[i] = -1
			if t := int(rows.Pos[i]-r.firstPos(int(s))) + 1; t < len(r.Seqs[s]) {
				targets[i] = r.Seqs[s][t]
			}
		}
		out = append(out, CrossEntropy(logits, m.Spec.Vocab, targets)...)
		return nil
	}
	_, err := m.Forward(ctx, &q)
	return out, err
}

// firstPos is the position of the first new token of sequence i.
func (r *Request) firstPos(i int) int32 {
	if r.Cache == nil {
		return 0
	}
	return int32(r.Cache.Len(slotOf(r.Slots, i)))
}
