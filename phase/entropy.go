package phase

import (
	"context"
	"fmt"
	"math"

	"agar/model"
	"agar/sae"
)

// crossEntropy measures ΔCE on the first CEDocs windows: the mean cross entropy
// of the next token, in nats, with the dictionary spliced in at the tokens that
// count, less that without it.
func (f *follower) crossEntropy(ctx context.Context) error {
	if f.CEDocs < 0 {
		return nil
	}
	ws := f.windows[:min(f.CEDocs, len(f.windows))]
	e := &entropy{f: f, ws: ws, stream: f.SAE.Stream()}
	if err := e.enter(ctx); err != nil {
		return err
	}
	f.t.CETokens = e.targets()
	var err error
	if f.t.Base.DeltaCE, err = e.delta(ctx, nil, 0); err != nil {
		return err
	}
	return f.each(func(s, l int) error {
		f.t.DeltaCE[f.t.index(s, l)], err = e.delta(ctx, f.states[s], f.Lambdas[l])
		f.emit("splice", s*len(f.Lambdas)+l+1, len(f.Steps)*len(f.Lambdas), "checkpoints × λ")
		return err
	})
}

// entropy is the windows of ΔCE and where the model is entered.
type entropy struct {
	f      *follower
	ws     []window
	resid  []float32 // entering the first adapted block
	stream *sae.Stream
}

func (e *entropy) enter(ctx context.Context) error {
	if e.f.first == 0 {
		return nil
	}
	res, err := e.f.Model.Forward(ctx, &model.Request{Seqs: idsOf(e.ws), To: e.f.first})
	if err != nil {
		return fmt.Errorf("phase: follow: %w", err)
	}
	e.resid = res.Resid
	return nil
}

// targets is the number of tokens that count and have a next one.
func (e *entropy) targets() (n int) {
	for _, w := range e.ws {
		for i, c := range w.count {
			if c && i+1 < len(w.ids) {
				n++
			}
		}
	}
	return n
}

// delta is ΔCE with this adapter; NaN when no counted token has a next one.
func (e *entropy) delta(ctx context.Context, a *model.Adapter, lambda float64) (float64, error) {
	req := &model.Request{Seqs: idsOf(e.ws), From: e.f.first, Resid: e.resid, Adapter: a, Lambda: float32(lambda)}
	clean, err := e.mean(ctx, req)
	if err != nil {
		return 0, err
	}
	req.Edits = []model.Edit{{Hook: e.f.Hook, Fn: e.splice}}
	spliced, err := e.mean(ctx, req)
	return spliced - clean, err
}

func (e *entropy) mean(ctx context.Context, req *model.Request) (float64, error) {
	loss, err := e.f.Model.Loss(ctx, req)
	if err != nil {
		return 0, fmt.Errorf("phase: follow: %w", err)
	}
	sum, n, row := 0.0, 0, 0
	for _, w := range e.ws {
		for i, c := range w.count {
			if c && i+1 < len(w.ids) {
				sum, n = sum+float64(loss[row+i]), n+1
			}
		}
		row += len(w.ids)
	}
	if n == 0 {
		return math.NaN(), nil
	}
	return sum / float64(n), nil
}

// splice replaces the counted rows of x [n, DIn] by their reconstruction.
func (e *entropy) splice(x []float32, rows model.Rows) {
	d := e.f.SAE.DIn
	var at []int
	var in []float32
	for i, s := range rows.Seq {
		if e.ws[s].count[rows.Pos[i]] {
			at, in = append(at, i), append(in, x[i*d:(i+1)*d]...)
		}
	}
	if len(at) == 0 {
		return
	}
	var c sae.Codes
	e.stream.Encode(&c, in, len(at))
	e.f.SAE.Decode(in, &c)
	for k, i := range at {
		copy(x[i*d:(i+1)*d], in[k*d:(k+1)*d])
	}
}
