package phase

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"agar/model"
	"agar/model/chat"
)

// own follows features on what the model says itself. The tokens differ from
// checkpoint to checkpoint, so everything runs each time; the base is measured
// on its own words too.
func (f *follower) own(ctx context.Context) error {
	prompts, err := f.prompts()
	if err != nil {
		return err
	}
	if err := f.speak(ctx, prompts, nil, 0, &f.t.Base); err != nil {
		return err
	}
	return f.each(func(s, l int) error {
		f.emit("own", s*len(f.Lambdas)+l+1, len(f.Steps)*len(f.Lambdas), "checkpoints × λ")
		x := f.t.At(s, l)
		err := f.speak(ctx, prompts, f.states[s], f.Lambdas[l], &x)
		f.t.set(s, l, x)
		return err
	})
}

// prompts are the documents up to the first token that the assistant says, as
// many as keep their answers within Tokens.
func (f *follower) prompts() (out [][]int32, err error) {
	for len(out)*f.MaxTokens < f.Tokens {
		d, err := f.Docs.Next()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("phase: follow: %w", err)
		}
		ids := d.IDs
		if i := slices.Index(d.Roles, chat.RoleAssistant); i > 0 {
			ids = ids[:i]
		}
		out = append(out, ids[max(len(ids)-f.Context, 0):])
	}
	if len(out) == 0 {
		return nil, errors.New("phase: follow: found no prompts")
	}
	return out, nil
}

// speak generates with one adapter and measures on the answers.
func (f *follower) speak(ctx context.Context, prompts [][]int32, a *model.Adapter, lambda float64, c *Snapshot) error {
	said, err := f.Model.Generate(ctx, prompts, model.GenerateOptions{
		MaxTokens: f.MaxTokens, Temperature: f.Temperature, Seed: f.Seed, Adapter: a, Lambda: float32(lambda),
	})
	if err != nil {
		return fmt.Errorf("phase: follow: %w", err)
	}
	f.windows = f.windows[:0]
	for i, s := range said {
		w := window{ids: slices.Concat(prompts[i], s.IDs), count: make([]bool, len(prompts[i])+len(s.IDs))}
		for j, id := range s.IDs {
			w.count[len(prompts[i])+j] = f.KeepSpecial || !f.Model.Tokenizer.IsSpecial(id)
		}
		f.windows = append(f.windows, w)
	}
	b, err := f.baseOf(ctx, f.windows)
	if err != nil {
		return err
	}
	f.t.Tokens, f.t.LeftOut = f.t.Tokens+b.counted, f.t.LeftOut+b.leftOut
	h, err := f.heard(ctx, b, a, lambda)
	if err != nil {
		return err
	}
	stream := f.SAE.Stream()
	t := newTally(f.SAE)
	t.addRows(f.SAE, stream, h, b.h, residuals(f.SAE, stream, b.h, b.counted), b.counted)
	t.into(c)
	return f.ownEntropy(ctx, a, lambda, c)
}

// heard is the activations at the hook with the adapter, of the base's tokens.
func (f *follower) heard(ctx context.Context, b *baseline, a *model.Adapter, lambda float64) ([]float32, error) {
	if a == nil {
		return b.h, nil
	}
	var full []float32
	for _, part := range batches(f.windows) {
		res, err := f.Model.Forward(ctx, &model.Request{Seqs: idsOf(part), Reads: []string{f.Hook}, Adapter: a, Lambda: float32(lambda)})
		if err != nil {
			return nil, fmt.Errorf("phase: follow: %w", err)
		}
		full = append(full, res.Hooks[f.Hook]...)
	}
	return b.pick(full, f.SAE.DIn), nil
}

func (f *follower) ownEntropy(ctx context.Context, a *model.Adapter, lambda float64, c *Snapshot) error {
	if f.CEDocs < 0 {
		return nil
	}
	e := &entropy{f: f, ws: f.windows[:min(f.CEDocs, len(f.windows))], stream: f.SAE.Stream()}
	if err := e.enter(ctx); err != nil {
		return err
	}
	f.t.CETokens += e.targets()
	var err error
	c.DeltaCE, err = e.delta(ctx, a, lambda)
	return err
}
