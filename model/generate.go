package model

import (
	"context"
	"fmt"
	"slices"
)

// GenerateOptions says how to continue prompts. The zero value is greedy, base,
// 100 tokens, stopping at the model's own end tokens.
type GenerateOptions struct {
	MaxTokens   int     // longest continuation; 0 is 100
	Temperature float64 // 0 is greedy
	Seed        uint64
	FirstIndex  uint64  // prompt i draws from the generator of Seed and FirstIndex+i
	Stop        []int32 // tokens that end a continuation, besides the model's
	IgnoreEOS   bool    // do not stop at the model's end tokens
	Adapter     *Adapter
	Lambda      float32 // dial on the adapter; 0 is the base
}

// Completion is what follows one prompt.
type Completion struct {
	IDs      []int32   // generated tokens, the stop token included when Stopped
	LogProbs []float32 // log-probability in nats at temperature 1 of each
	Text     string    // decoded, without special tokens
	Stopped  bool      // ended by a stop token rather than by length
}

const defaultMaxTokens = 100

// cacheBudget bounds the memory of keys and values of the completions that run
// side by side, in bytes. More prompts run one group after the other.
const cacheBudget = 1 << 30

// Generate continues every prompt. A completion depends on its prompt, the
// options and its index only, not on what runs beside it. Continuations end at
// MaxTokens, at a stop token or at the model's last position.
func (m *Model) Generate(ctx context.Context, prompts [][]int32, o GenerateOptions) ([]Completion, error) {
	if o.MaxTokens == 0 {
		o.MaxTokens = defaultMaxTokens
	}
	if o.MaxTokens < 0 || !(o.Temperature >= 0) {
		return nil, fmt.Errorf("model: generate: found MaxTokens %d and Temperature %g, expected neither negative", o.MaxTokens, o.Temperature)
	}
	for i, p := range prompts {
		if len(p) == 0 || len(p) >= m.Spec.MaxPos {
			return nil, fmt.Errorf("model: generate: prompt %d: found %d tokens, expected 1 to %d", i, len(p), m.Spec.MaxPos-1)
		}
	}
	out := make([]Completion, len(prompts))
	for lo := 0; lo < len(prompts); {
		hi := m.generateEnd(prompts, lo, o.MaxTokens)
		g := generation{m: m, o: o, prompts: prompts[lo:hi], out: out[lo:hi], index: o.FirstIndex + uint64(lo)}
		if err := g.run(ctx); err != nil {
			return nil, err
		}
		lo = hi
	}
	for i := range out {
		out[i].Text = m.Tokenizer.Decode(out[i].spoken(), true)
	}
	return out, nil
}

// spoken is the completion without its stop token.
func (c *Completion) spoken() []int32 {
	if c.Stopped {
		return c.IDs[:len(c.IDs)-1]
	}
	return c.IDs
}

// generateEnd is the end of the group of prompts from lo on that fits the budget.
func (m *Model) generateEnd(prompts [][]int32, lo, maxTokens int) int {
	used := int64(0)
	hi := lo
	for hi < len(prompts) {
		used += int64(min(len(prompts[hi])+maxTokens, m.Spec.MaxPos)) * m.CacheBytes()
		if hi > lo && used > cacheBudget {
			break
		}
		hi++
	}
	return hi
}

// generation is a group of prompts that run side by side.
type generation struct {
	m       *Model
	o       GenerateOptions
	prompts [][]int32
	out     []Completion
	index   uint64

	cache    *Cache
	samplers []sampler
	active   []int // completions that go on
}

func (g *generation) run(ctx context.Context) error {
	g.cache = g.m.NewCache(len(g.prompts))
	g.samplers = make([]sampler, len(g.prompts))
	for i := range g.prompts {
		g.samplers[i] = newSampler(g.o.Temperature, g.o.Seed, g.index+uint64(i))
		g.out[i] = Completion{IDs: []int32{}, LogProbs: []float32{}}
	}
	if err := g.prefill(ctx); err != nil {
		return err
	}
	for len(g.active) > 0 {
		if err := g.step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// prefill computes every different prompt once and draws first tokens.
func (g *generation) prefill(ctx context.Context) error {
	var seqs [][]int32
	var slots []int
	of := make([]int, len(g.prompts)) // the sequence that computes prompt i
	seen := map[string]int{}
	for i, p := range g.prompts {
		key := fmt.Sprint(p)
		at, ok := seen[key]
		if !ok {
			at = len(seqs)
			seen[key] = at
			seqs, slots = append(seqs, p), append(slots, i)
		}
		of[i] = at
	}
	logits, err := g.forward(ctx, seqs, slots)
	if err != nil {
		return err
	}
	for i, at := range of {
		g.cache.Copy(i, slots[at])
		g.take(i, logits[at*g.m.Spec.Vocab:][:g.m.Spec.Vocab])
	}
	return nil
}

// step feeds the last token of every active completion and draws the next.
func (g *generation) step(ctx context.Context) error {
	slots := slices.Clone(g.active)
	seqs := make([][]int32, len(slots))
	for i, s := range slots {
		ids := g.out[s].IDs
		seqs[i] = ids[len(ids)-1:]
	}
	logits, err := g.forward(ctx, seqs, slots)
	if err != nil {
		return err
	}
	g.active = g.active[:0]
	for i, s := range slots {
		g.take(s, logits[i*g.m.Spec.Vocab:][:g.m.Spec.Vocab])
	}
	return nil
}

func (g *generation) forward(ctx context.Context, seqs [][]int32, slots []int) ([]float32, error) {
	r, err := g.m.Forward(ctx, &Request{Seqs: seqs, Slots: slots, Cache: g.cache, Logits: LastLogits, Adapter: g.o.Adapter, Lambda: g.o.Lambda})
	if err != nil {
		return nil, err
	}
	return r.Logits, nil
}

// take draws the next token of completion i and keeps it active unless it ends.
func (g *generation) take(i int, logits []float32) {
	c := &g.out[i]
	if len(c.IDs) >= g.o.MaxTokens {
		return
	}
	id, lp := g.samplers[i].next(logits)
	c.IDs, c.LogProbs = append(c.IDs, id), append(c.LogProbs, lp)
	c.Stopped = slices.Contains(g.o.Stop, id) || !g.o.IgnoreEOS && slices.Contains(g.m.EOS, id)
	if !c.Stopped && len(c.IDs) < g.o.MaxTokens && len(g.prompts[i])+len(c.IDs) < g.m.Spec.MaxPos {
		g.active = append(g.active, i)
	}
}
