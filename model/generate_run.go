package model

import (
	"context"
	"slices"

	"agar/model/tensor"
)

// generation is a call of Generate under way.
type generation struct {
	m        *Model
	o        GenerateOptions
	sampling sampling
	prompts  [][]int32
	out      []Completion
	budget   int64 // bytes of keys and values
	batch    int   // completions side by side

	cache  *Cache
	used   int64 // bytes planned for the slots in use
	next   int   // first completion that has not begun
	active []*decoding
	free   []int     // slots
	seq    []int32   // the completion of each sequence of the forward
	logits []float32 // of a forward, reused
}

// decoding is a completion under way.
type decoding struct {
	number  int // of the completion
	prompt  int
	slot    int
	feed    []int32 // tokens that the next forward takes
	sampler *sampler
	leader  *decoding // that computes the same prompt in the same forward; nil: none
}

func (g *generation) run(ctx context.Context) error {
	n := len(g.prompts) * g.o.Samples
	g.batch = min(g.batch, n)
	g.out = make([]Completion, n)
	g.cache = g.m.NewCache(g.batch)
	for s := range g.batch {
		g.free = append(g.free, g.batch-1-s)
	}
	for {
		g.admit()
		if len(g.active) == 0 {
			return nil
		}
		if err := g.step(ctx); err != nil {
			return err
		}
	}
}

// admit begins completions while there are slots and memory, in order. One goes
// even when it needs more than the budget, if nothing else runs.
func (g *generation) admit() {
	for g.next < len(g.out) && len(g.free) > 0 {
		prompt := g.next / g.o.Samples
		need := g.bytes(prompt)
		if len(g.active) > 0 && g.used+need > g.budget {
			return
		}
		d := &decoding{number: g.next, prompt: prompt, slot: g.free[len(g.free)-1], feed: g.prompts[prompt]}
		d.sampler = newSampler(g.sampling, g.o.Seed, g.index(prompt), uint64(g.next%g.o.Samples))
		d.sampler.saw(g.m.Spec.Vocab, d.feed...)
		g.out[g.next] = Completion{IDs: []int32{}, LogProbs: []float32{}}
		g.cache.Plan(d.slot, g.tokens(prompt))
		g.share(d)
		g.free, g.used, g.next = g.free[:len(g.free)-1], g.used+need, g.next+1
		g.active = append(g.active, d)
	}
}

// index is the number of a prompt that its samples are drawn by.
func (g *generation) index(prompt int) uint64 {
	if g.o.Indexes != nil {
		return g.o.Indexes[prompt]
	}
	return g.o.FirstIndex + uint64(prompt)
}

// share finds another completion of the same prompt and takes what it has
// computed. Not with edits, which may treat completions differently.
func (g *generation) share(d *decoding) {
	if len(g.o.Edits) > 0 {
		return
	}
	for _, a := range g.active {
		switch n := len(g.prompts[d.prompt]); {
		case !slices.Equal(g.prompts[a.prompt], g.prompts[d.prompt]):
			continue
		case g.cache.Len(a.slot) == 0 && a.leader == nil:
			d.leader = a
			return
		case g.cache.Len(a.slot) >= n && n > 1 && !g.m.Spec.ropeByLength():
			g.cache.Copy(d.slot, a.slot)
			g.cache.Truncate(d.slot, n-1)
			d.feed = g.prompts[d.prompt][n-1:]
			return
		}
	}
}

// step runs one forward of all active completions and draws a token for each.
func (g *generation) step(ctx context.Context) error {
	r := &Request{Cache: g.cache, Logits: LastLogits, Adapter: g.o.Adapter, Lambda: g.o.Lambda, logits: &g.logits}
	row := map[*decoding]int{}
	g.seq = g.seq[:0]
	for _, d := range g.active {
		if d.leader == nil {
			row[d] = len(r.Seqs)
			r.Seqs, r.Slots, g.seq = append(r.Seqs, d.feed), append(r.Slots, d.slot), append(g.seq, int32(d.number))
		}
	}
	r.Edits = g.edits()
	res, err := g.m.Forward(ctx, r)
	if err != nil {
		return err
	}
	for _, d := range g.active {
		at := row[d]
		if d.leader != nil {
			g.cache.Copy(d.slot, d.leader.slot)
			at = row[d.leader]
		}
		row[d] = at
	}
	vocab := g.m.Spec.Vocab
	active := g.active
	tensor.Parallel(len(active), func(i int) {
		d := active[i]
		g.take(d, res.Logits[row[d]*vocab:][:vocab])
	})
	g.active = g.active[:0:0]
	for _, d := range active {
		d.leader = nil
		g.after(d)
	}
	return nil
}

// edits renumbers the rows that interventions see: Rows.Seq is the completion's
// number and not its place in the batch.
func (g *generation) edits() []Edit {
	out := make([]Edit, len(g.o.Edits))
	for i, e := range g.o.Edits {
		var seq []int32
		out[i] = Edit{e.Hook, func(x []float32, rows Rows) {
			seq = seq[:0]
			for _, s := range rows.Seq {
				seq = append(seq, g.seq[s])
			}
			e.Fn(x, Rows{seq, rows.Pos})
		}}
	}
	return out
}

// take draws the next token of a completion.
func (g *generation) take(d *decoding, logits []float32) {
	c := &g.out[d.number]
	id := d.sampler.next(logits)
	d.sampler.saw(g.m.Spec.Vocab, id)
	lse := d.sampler.logSumExp(logits)
	c.IDs, c.LogProbs = append(c.IDs, id), append(c.LogProbs, float32(float64(logits[id])-lse))
	if g.o.TopLogProbs > 0 {
		c.TopLogProbs = append(c.TopLogProbs, topLogProbs(logits, g.o.TopLogProbs, lse))
	}
	d.feed = c.IDs[len(c.IDs)-1:]
}

// after keeps a completion going, or ends it and frees its slot.
func (g *generation) after(d *decoding) {
	c := &g.out[d.number]
	id, stop := c.IDs[len(c.IDs)-1], ""
	switch {
	case slices.Contains(g.o.Stop, id) || !g.o.IgnoreEOS && slices.Contains(g.m.EOS, id):
		c.Finish, c.Stopped = FinishToken, true
	case len(g.o.StopStrings) > 0 && g.stopString(c, &stop):
		c.Finish, c.Stopped = FinishString, true
	case len(c.IDs) >= g.o.MaxTokens || len(g.prompts[d.prompt])+len(c.IDs) >= g.m.Spec.MaxPos:
		c.Finish = FinishLength
	}
	if g.o.OnToken != nil {
		g.o.OnToken(d.number, c)
	}
	if c.Finish == "" {
		g.active = append(g.active, d)
		return
	}
	c.Text = g.text(c, stop)
	g.cache.Reset(d.slot)
	g.free, g.used = append(g.free, d.slot), g.used-g.bytes(d.prompt)
}
