package eval

import (
	"context"
	"fmt"

	"agar/model"
	"agar/model/progress"
	"agar/sae"
)

// Window is a sequence of tokens as it was captured, with what the filter says
// of each.
type Window struct {
	IDs  []int32
	Keep []bool // whether the position is replaced and counted; as long as IDs
}

// Splicing is where and with what a model is spliced.
type Splicing struct {
	Model   *model.Model
	Adapter *model.Adapter // nil: the base
	Lambda  float32        // dial of the adapter
	Hook    string         // whose activations the dictionary rebuilds
	Mean    []float32      // [DIn], what mean ablation puts in
}

// CE is the mean cross entropy of the next token in nats, over Positions tokens.
type CE struct {
	Positions     int64    `json:"positions"`
	Clean         float64  `json:"ce_clean"`
	Spliced       float64  `json:"ce_spliced"`
	Zero          float64  `json:"ce_zero_ablation"`
	Mean          float64  `json:"ce_mean_ablation"`
	Delta         float64  `json:"delta_ce"`            // Spliced − Clean
	RecoveredZero *float64 `json:"loss_recovered_zero"` // (Zero − Spliced)/(Zero − Clean); nil when zero ablation costs nothing
	RecoveredMean *float64 `json:"loss_recovered_mean"` // (Mean − Spliced)/(Mean − Clean); nil when mean ablation costs nothing
}

// batchTokens is how many tokens go through the model at a time.
const batchTokens = 2048

// Splice runs windows through the model four times: left alone, with the
// activations of the hook rebuilt by s, and with them replaced by zero and by
// sp.Mean. Blocks before the hook's run once.
func Splice(ctx context.Context, s *sae.SAE, windows []Window, sp Splicing, p progress.Func) (*CE, error) {
	info, err := sp.Model.Hook(sp.Hook, sp.Adapter)
	if err != nil {
		return nil, fmt.Errorf("eval: %w", err)
	}
	if info.Dim != s.DIn || len(sp.Mean) != s.DIn {
		return nil, fmt.Errorf("eval: hook %s has width %d and the mean %d, the dictionary has d_in %d", sp.Hook, info.Dim, len(sp.Mean), s.DIn)
	}
	r := &splicer{Splicing: sp, s: s, stream: s.Stream(), from: max(info.Layer, 0)}
	for len(windows) > 0 {
		n := batch(windows)
		if err := r.run(ctx, windows[:n]); err != nil {
			return nil, err
		}
		windows = windows[n:]
		p.Emit(progress.Event{Stage: "splice", Step: r.n, Unit: "tokens"})
	}
	return r.result()
}

// batch is how many windows make up batchTokens, at least one.
func batch(windows []Window) int {
	tokens := 0
	for i, w := range windows {
		if tokens += len(w.IDs); tokens > batchTokens {
			return max(i, 1)
		}
	}
	return len(windows)
}

// splicer sums the cross entropies of the four ways.
type splicer struct {
	Splicing
	s      *sae.SAE
	stream *sae.Stream
	from   int // block at which a call enters
	sums   [ways]float64
	n      int64
}

// The four ways to run the model.
const (
	clean = iota
	spliced
	zero
	mean
	ways
)

// run adds a batch of windows.
func (r *splicer) run(ctx context.Context, windows []Window) error {
	req, keep, err := r.entry(ctx, windows)
	if err != nil {
		return err
	}
	for way := range ways {
		q := *req
		if way != clean {
			q.Edits = []model.Edit{{Hook: r.Hook, Fn: func(x []float32, rows model.Rows) { r.edit(way, x, rows, windows) }}}
		}
		loss, err := r.Model.Loss(ctx, &q)
		if err != nil {
			return fmt.Errorf("eval: %w", err)
		}
		for i, l := range loss {
			if keep[i] {
				r.sums[way] += float64(l)
			}
		}
	}
	for _, k := range keep {
		if k {
			r.n++
		}
	}
	return nil
}

// entry runs the blocks before the hook's and returns the request that goes on
// from there, and which rows count: those kept that have a next token.
func (r *splicer) entry(ctx context.Context, windows []Window) (*model.Request, []bool, error) {
	req := &model.Request{Adapter: r.Adapter, Lambda: r.Lambda}
	var keep []bool
	for _, w := range windows {
		if len(w.IDs) == 0 || len(w.Keep) != len(w.IDs) {
			return nil, nil, fmt.Errorf("eval: found a window of %d tokens with %d marks, expected as many and some", len(w.IDs), len(w.Keep))
		}
		req.Seqs = append(req.Seqs, w.IDs)
		keep = append(keep, w.Keep...)
		keep[len(keep)-1] = false
	}
	if r.from == 0 {
		return req, keep, nil
	}
	first := *req
	first.To = r.from
	res, err := r.Model.Forward(ctx, &first)
	if err != nil {
		return nil, nil, fmt.Errorf("eval: %w", err)
	}
	req.Resid, req.From = res.Resid, r.from
	return req, keep, nil
}

// edit replaces the kept rows of x [n, DIn].
func (r *splicer) edit(way int, x []float32, rows model.Rows, windows []Window) {
	d := r.s.DIn
	var at []int
	var in []float32
	for i, seq := range rows.Seq {
		if windows[seq].Keep[rows.Pos[i]] {
			at = append(at, i)
			in = append(in, x[i*d:(i+1)*d]...)
		}
	}
	out := make([]float32, len(in))
	switch way {
	case spliced:
		var c sae.Codes
		r.stream.Encode(&c, in, len(at))
		r.s.Decode(out, &c)
	case mean:
		for k := range at {
			copy(out[k*d:], r.Mean)
		}
	}
	for k, i := range at {
		copy(x[i*d:(i+1)*d], out[k*d:(k+1)*d])
	}
}

func (r *splicer) result() (*CE, error) {
	if r.n == 0 {
		return nil, fmt.Errorf("eval: found no token that is kept and has a next one")
	}
	n := float64(r.n)
	c := &CE{Positions: r.n, Clean: r.sums[clean] / n, Spliced: r.sums[spliced] / n, Zero: r.sums[zero] / n, Mean: r.sums[mean] / n}
	c.Delta = c.Spliced - c.Clean
	c.RecoveredZero = recovered(c.Zero, c.Spliced, c.Clean)
	c.RecoveredMean = recovered(c.Mean, c.Spliced, c.Clean)
	return c, nil
}

// recovered is the share of what an ablation costs that the splice does not
// cost.
func recovered(ablated, spliced, clean float64) *float64 {
	if ablated == clean {
		return nil
	}
	v := (ablated - spliced) / (ablated - clean)
	return &v
}
