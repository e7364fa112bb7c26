package model

import (
	"cmp"
	"context"
	"fmt"
	"slices"
)

// GenerateOptions says how to continue prompts. The zero value is greedy, base,
// 100 tokens, stopping at the model's own end tokens. Where a model's
// generation_config.json suggests how to sample, that is not followed: what is
// asked for here is all.
type GenerateOptions struct {
	MaxTokens int // longest continuation; 0 is 100
	Samples   int // completions of each prompt; 0 is 1

	// The distribution that is drawn from, as transformers' logits processors
	// make it, in this order.
	RepetitionPenalty float64 // on tokens of the prompt and the completion; 0 and 1 are none
	Temperature       float64 // 0 is greedy
	TopK              int     // keep the most probable tokens; 0 is all
	TopP              float64 // keep the smallest set of this probability; 0 and 1 are all
	MinP              float64 // keep tokens of this probability relative to the most probable one's

	Seed       uint64
	FirstIndex uint64   // sample j of prompt i draws from the generator of Seed, FirstIndex+i and j
	Indexes    []uint64 // of each prompt, instead of FirstIndex+i; nil: none

	Stop        []int32  // tokens that end a continuation, besides the model's
	StopStrings []string // texts that do, also where they begin or end inside of a token
	IgnoreEOS   bool     // do not stop at the model's end tokens

	TopLogProbs int // tokens whose log-probabilities are returned at each place; 0 is none

	Adapter *Adapter
	Lambda  float32 // dial on the adapter; 0 is the base
	Edits   []Edit  // interventions at every forward; Rows.Seq is the number of the completion

	Batch       int   // completions side by side at most; 0 is 64
	CacheMemory int64 // bytes of keys and values at most; 0 is 1 GiB, more for a completion that needs it

	// OnToken, when set, is called after each token with the completion so far,
	// without its text, on the goroutine of Generate.
	OnToken func(completion int, c *Completion)
}

// The ways a completion ends.
const (
	FinishLength = "length" // MaxTokens, or the model's last position
	FinishToken  = "token"  // an end token of the model or of Stop
	FinishString = "string" // a stop string
)

// Completion is what follows one prompt.
type Completion struct {
	IDs         []int32          // generated tokens, those that ended it included
	LogProbs    []float32        // log-probability in nats of each: the model's, at temperature 1 and with nothing filtered
	TopLogProbs [][]TokenLogProb // of the most probable tokens at each place, when asked for
	Text        string           // decoded, without special tokens, up to the stop string
	Finish      string           // FinishLength, FinishToken or FinishString
	Stopped     bool             // ended by a stop token or string rather than by length

	tail int // bytes of text in which the stop string was found
}

const (
	defaultMaxTokens   = 100
	defaultBatch       = 64
	defaultCacheMemory = 1 << 30
)

// Generate continues every prompt: completion i·Samples+j is sample j of prompt
// i. A completion depends on its prompt, the options and its numbers only, not on
// what runs beside it. Completions enter as others finish, as many side by side
// as Batch and CacheMemory allow; samples of one prompt share its computation.
// An error that wraps ErrWontFit says which prompt's keys and values are too many.
func (m *Model) Generate(ctx context.Context, prompts [][]int32, o GenerateOptions) ([]Completion, error) {
	o.MaxTokens, o.Samples = cmp.Or(o.MaxTokens, defaultMaxTokens), cmp.Or(o.Samples, 1)
	g := &generation{m: m, o: o, prompts: prompts}
	if err := g.check(); err != nil {
		return nil, fmt.Errorf("model: generate: %w", err)
	}
	if err := g.run(ctx); err != nil {
		return nil, err
	}
	return g.out, nil
}

// GeneratePlan is what a call of Generate is going to need at most.
type GeneratePlan struct {
	Completions int   // in all
	SideBySide  int   // at most
	CacheBytes  int64 // keys and values at a time
	Tokens      int64 // to generate, if nothing ends early
}

// PlanGenerate says what Generate would need, or refuses what it would refuse.
func (m *Model) PlanGenerate(prompts [][]int32, o GenerateOptions) (GeneratePlan, error) {
	o.MaxTokens, o.Samples = cmp.Or(o.MaxTokens, defaultMaxTokens), cmp.Or(o.Samples, 1)
	g := &generation{m: m, o: o, prompts: prompts}
	if err := g.check(); err != nil {
		return GeneratePlan{}, fmt.Errorf("model: generate: %w", err)
	}
	p := GeneratePlan{Completions: len(prompts) * o.Samples}
	p.SideBySide = min(g.batch, p.Completions)
	var need []int64
	largest := int64(0)
	for i, ids := range prompts {
		need = append(need, g.bytes(i))
		largest = max(largest, g.bytes(i))
		p.Tokens += int64(min(o.MaxTokens, m.Spec.MaxPos-len(ids)) * o.Samples)
	}
	slices.SortFunc(need, func(a, b int64) int { return cmp.Compare(b, a) })
	for k := range p.SideBySide {
		p.CacheBytes += need[k/o.Samples]
	}
	p.CacheBytes = min(p.CacheBytes, max(g.budget, largest))
	return p, nil
}

// check validates options and prompts.
func (g *generation) check() (err error) {
	o := &g.o
	if g.sampling, err = o.sampling(); err != nil {
		return err
	}
	for _, x := range []struct {
		name  string
		value int64
	}{{"MaxTokens", int64(o.MaxTokens)}, {"Samples", int64(o.Samples)}, {"TopLogProbs", int64(o.TopLogProbs)}, {"Batch", int64(o.Batch)}, {"CacheMemory", o.CacheMemory}} {
		if x.value < 0 {
			return fmt.Errorf("found %s %d, expected 0 or more", x.name, x.value)
		}
	}
	if o.Indexes != nil && len(o.Indexes) != len(g.prompts) {
		return fmt.Errorf("found %d Indexes for %d prompts, expected as many", len(o.Indexes), len(g.prompts))
	}
	for i, s := range o.StopStrings {
		if s == "" {
			return fmt.Errorf("stop string %d is empty", i)
		}
	}
	for i, p := range g.prompts {
		if len(p) == 0 || len(p) >= g.m.Spec.MaxPos {
			return fmt.Errorf("prompt %d: found %d tokens, expected 1 to %d", i, len(p), g.m.Spec.MaxPos-1)
		}
		for t, id := range p {
			if id < 0 || int(id) >= g.m.Spec.Vocab {
				return fmt.Errorf("prompt %d, token %d: found id %d, expected 0 to %d", i, t, id, g.m.Spec.Vocab-1)
			}
		}
	}
	return g.plan()
}

// plan sets how much memory and how many completions run side by side, and
// refuses a prompt whose keys and values are too many on their own.
func (g *generation) plan() error {
	limit := g.o.CacheMemory
	g.budget, g.batch = cmp.Or(limit, defaultCacheMemory), cmp.Or(g.o.Batch, defaultBatch)
	if limit == 0 {
		if _, available := systemMemory(); available > 0 {
			limit = max(available, 1)
		}
	}
	for i, p := range g.prompts {
		if need := g.bytes(i); limit > 0 && need > limit {
			fits := max(limit/g.m.CacheBytes()-int64(len(p)), 0)
			return fmt.Errorf("prompt %d: keys and values of %d tokens take %s, found %s: %w; a continuation of %d tokens would fit",
				i, g.tokens(i), gib(need), gib(limit), ErrWontFit, fits)
		}
	}
	return nil
}

// tokens is how many keys a completion of prompt i needs at most: the last token
// is never fed.
func (g *generation) tokens(i int) int {
	return min(len(g.prompts[i])+g.o.MaxTokens-1, g.m.Spec.MaxPos)
}

func (g *generation) bytes(i int) int64 { return int64(g.tokens(i)) * g.m.CacheBytes() }
