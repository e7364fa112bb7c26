package model

import (
	"context"
	"fmt"
	"slices"
)

// Fork is a prompt with several ways to go on, of at least one token each.
type Fork struct {
	Prompt   []int32
	Branches [][]int32
}

// Forks computes the log-probabilities of the branches of many forks, for the base
// and any number of adapters and dials. A prompt is computed once for all of its
// branches, and the blocks below the first one that an adapter changes once for all
// adapters and dials: n of these cost one pass through the blocks below and n
// through the rest. The last token of a branch is predicted and never fed. The
// numbers are those of whole sequences, bit for bit.
//
// It holds the residual [tokens, DModel] that enters block First, and while LogProbs
// runs keys and values of about 1024 tokens. It is safe for concurrent use.
type Forks struct {
	m      *Model
	first  int
	forks  []Fork
	chunks []forkChunk
}

// forkChunk is forks [lo, hi), computed together.
type forkChunk struct {
	lo, hi         int
	prompts, rests [][]int32 // tokens that are fed; rests are branches of prompts[of]
	of             []int     // index in prompts
	promptResid    []float32 // what enters block first; nil when that is 0
	restResid      []float32
}

// NewForks runs the forks up to block first, the smallest FirstLayer of the
// adapters to come. With first 0 nothing is computed ahead.
func (m *Model) NewForks(ctx context.Context, forks []Fork, first int) (*Forks, error) {
	f := &Forks{m: m, first: min(first, m.Spec.Layers-1), forks: forks}
	if err := f.check(); err != nil {
		return nil, fmt.Errorf("model: forks: %w", err)
	}
	f.cut()
	if f.first == 0 {
		return f, nil
	}
	for i := range f.chunks {
		c := &f.chunks[i]
		p, r, err := f.run(ctx, c, Request{To: f.first}, nil)
		if err != nil {
			return nil, err
		}
		c.promptResid, c.restResid = p, r
	}
	return f, nil
}

// First is the block that LogProbs enters.
func (f *Forks) First() int { return f.first }

// Rows are the tokens that one pass feeds.
func (f *Forks) Rows() (n int) {
	for _, c := range f.chunks {
		n += tokensIn(c.prompts) + tokensIn(c.rests)
	}
	return n
}

func tokensIn(seqs [][]int32) (n int) {
	for _, s := range seqs {
		n += len(s)
	}
	return n
}

func (f *Forks) check() error {
	for i, x := range f.forks {
		if len(x.Prompt) == 0 || len(x.Branches) == 0 {
			return fmt.Errorf("fork %d: found %d prompt tokens and %d branches, expected at least one of each", i, len(x.Prompt), len(x.Branches))
		}
		for j, b := range x.Branches {
			if n := len(x.Prompt) + len(b); len(b) == 0 || n > f.m.Spec.MaxPos {
				return fmt.Errorf("fork %d, branch %d: found %d tokens behind a prompt of %d, expected 1 to %d", i, j, len(b), len(x.Prompt), f.m.Spec.MaxPos-len(x.Prompt))
			}
			for t, id := range b {
				if id < 0 || int(id) >= f.m.Spec.Vocab {
					return fmt.Errorf("fork %d, branch %d, token %d: found id %d, expected 0 to %d", i, j, t, id, f.m.Spec.Vocab-1)
				}
			}
		}
	}
	return nil
}

// cut makes chunks of about groupRows rows.
func (f *Forks) cut() {
	rows := 0
	for i, x := range f.forks {
		if rows == 0 || rows >= groupRows {
			f.chunks, rows = append(f.chunks, forkChunk{lo: i}), 0
		}
		c := &f.chunks[len(f.chunks)-1]
		c.hi = i + 1
		c.add(x, i-c.lo, f.whole())
		rows = tokensIn(c.prompts) + tokensIn(c.rests)
	}
}

// whole tells that keys depend on the length of their sequence, so that branches
// cannot share those of a prompt: each is run as a sequence of its own.
func (f *Forks) whole() bool { return f.m.Spec.ropeByLength() }

// add feeds a fork's prompt and what its branches have before their last token.
func (c *forkChunk) add(x Fork, at int, whole bool) {
	if whole {
		for _, b := range x.Branches {
			c.rests = append(c.rests, slices.Concat(x.Prompt, b))
		}
		return
	}
	c.prompts = append(c.prompts, x.Prompt)
	for _, b := range x.Branches {
		if len(b) > 1 {
			c.rests, c.of = append(c.rests, b[:len(b)-1]), append(c.of, at)
		}
	}
}

// run makes the two calls of a chunk: the prompts, whose last logits go to last, and
// the rests behind copies of their prompts' keys. r says what to run. The residuals
// are those that leave its last block.
func (f *Forks) run(ctx context.Context, c *forkChunk, r Request, last func([]float32)) (prompts, rests []float32, err error) {
	if !f.whole() {
		r.Cache = f.m.NewCache(len(c.prompts) + len(c.rests))
	}
	if len(c.prompts) > 0 {
		p := r
		p.Seqs, p.Resid = c.prompts, c.promptResid
		if p.OnLogits = nil; last != nil {
			p.Logits = LastLogits
		}
		res, err := f.m.Forward(ctx, &p)
		if err != nil {
			return nil, nil, err
		}
		if prompts = res.Resid; last != nil {
			last(res.Logits)
		}
	}
	if len(c.rests) == 0 {
		return prompts, nil, nil
	}
	r.Seqs, r.Resid = c.rests, c.restResid
	for i, of := range c.of {
		r.Slots = append(r.Slots, len(c.prompts)+i)
		r.Cache.Copy(len(c.prompts)+i, of)
	}
	res, err := f.m.Forward(ctx, &r)
	if err != nil {
		return nil, nil, err
	}
	return prompts, res.Resid, nil
}

// LogProbs gives log p of every token of every branch in nats, under adapter a at
// the dial lambda; nil is the base. An adapter that changes a block below First is
// an error.
func (f *Forks) LogProbs(ctx context.Context, a *Adapter, lambda float32) ([][][]float32, error) {
	if a != nil && a.FirstLayer() < f.first {
		return nil, fmt.Errorf("model: forks: %w: the adapter changes block %d, expected none below %d", ErrAdapter, a.FirstLayer(), f.first)
	}
	out := make([][][]float32, len(f.forks))
	for i, x := range f.forks {
		for _, b := range x.Branches {
			out[i] = append(out[i], make([]float32, len(b)))
		}
	}
	for i := range f.chunks {
		if err := f.chunk(ctx, &f.chunks[i], a, lambda, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// chunk fills the log-probabilities of one chunk.
func (f *Forks) chunk(ctx context.Context, c *forkChunk, a *Adapter, lambda float32, out [][][]float32) error {
	targets, put := f.targets(c, out)
	vocab := f.m.Spec.Vocab
	r := Request{From: f.first, Adapter: a, Lambda: lambda, OnLogits: func(logits []float32, rows Rows) error {
		for i, loss := range CrossEntropy(logits, vocab, targets[:len(rows.Seq)]) {
			if targets[i] >= 0 {
				*put[i] = -loss
			}
		}
		targets, put = targets[len(rows.Seq):], put[len(rows.Seq):]
		return nil
	}}
	_, _, err := f.run(ctx, c, r, func(logits []float32) {
		for i := c.lo; i < c.hi; i++ {
			row := logits[(i-c.lo)*vocab:][:vocab]
			lse := logSumExp(row)
			for j, b := range f.forks[i].Branches {
				out[i][j][0] = float32(float64(row[b[0]]) - lse)
			}
		}
	})
	return err
}

// targets are what the rows of a chunk's rests predict, −1 for nothing, and where
// the log-probability goes.
func (f *Forks) targets(c *forkChunk, out [][][]float32) (ids []int32, put []*float32) {
	next := func(id int32, at *float32) { ids, put = append(ids, id), append(put, at) }
	for i := c.lo; i < c.hi; i++ {
		for j, b := range f.forks[i].Branches {
			if f.whole() {
				for range len(f.forks[i].Prompt) - 1 {
					next(-1, nil)
				}
				next(b[0], &out[i][j][0])
			}
			for t := 1; t < len(b); t++ {
				next(b[t], &out[i][j][t])
			}
			if f.whole() {
				next(-1, nil)
			}
		}
	}
	return ids, put
}
