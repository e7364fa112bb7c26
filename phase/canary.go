package phase

import (
	"context"
	"fmt"
	"math"
	"slices"

	"agar/model"
	"agar/model/progress"
	"agar/model/stats"
)

// Canary is a cheap monitor of a fine-tune: how far the distribution of the first token
// of the answers to fixed prompts has moved from its own running mean. It is an alarm,
// not an event: it knows nothing of misalignment, and any fine-tuning moves first
// tokens.
type Canary struct {
	Lambda  float64 `json:"lambda"`
	Prompts int     `json:"prompts"`
	Top     int     `json:"top"`   // tokens that distributions are cut to
	Decay   float64 `json:"decay"` // of the running mean
	// At are the checkpoints. Alarm is the first of two in a row above their thresholds,
	// −1 for none.
	At    []CanaryAt `json:"at"`
	Alarm int        `json:"alarm"`
}

// CanaryAt is one checkpoint.
type CanaryAt struct {
	Step int `json:"step"`
	// JS is the mean over prompts of the Jensen–Shannon divergence, in bits, between the
	// first token's distribution and its running mean before this checkpoint, which
	// begins at the base's; with Student's t over prompts.
	JS Interval `json:"js"`
	// Base is the same against the base's distribution.
	Base Interval `json:"js_base"`
	// Threshold is the median of JS before this checkpoint plus canaryMADs of their MAD;
	// null for the first canaryBefore.
	Threshold Number `json:"threshold"`
	Above     bool   `json:"above"`
}

// What the monitor does. The proposal names the top 256 tokens, a running mean of 0.9
// and 0.1 and three MADs twice in a row, and leaves open what the mean is of; here it
// is of the distributions.
const (
	canaryTop    = 256
	canaryDecay  = .9
	canaryMADs   = 3
	canaryInARow = 2
	canaryBefore = 5 // checkpoints without a threshold
)

// Canaries measures the first tokens of the answers to the prompts in o.Docs, the
// conversations cut before their first answer, at every checkpoint and the dial nearest
// to 1.
func Canaries(ctx context.Context, o ProbeOptions) (*Canary, error) {
	o, err := o.filled()
	if err != nil {
		return nil, err
	}
	ws, err := texts{o.Docs, o.Model.Tokenizer, OnAnswers, o.Context, o.Tokens, true}.windows()
	if err != nil {
		return nil, fmt.Errorf("phase: canary: %w", err)
	}
	prompts := untilAnswer(ws)
	if len(prompts) == 0 {
		return nil, fmt.Errorf("phase: canary: found no conversation with an answer behind a prompt")
	}
	c := &canary{ProbeOptions: o, prompts: prompts, out: &Canary{Lambda: nearestOne(o.Lambdas), Prompts: len(prompts), Top: min(canaryTop, o.Model.Spec.Vocab), Decay: canaryDecay, Alarm: -1}}
	return c.out, c.run(ctx)
}

// untilAnswer are the tokens before the first one of each window's answer.
func untilAnswer(ws []window) (out [][]int32) {
	for _, w := range ws {
		if i := slices.Index(w.count, true); i > 0 {
			out = append(out, w.ids[:i])
		}
	}
	return out
}

// canary is one run of Canaries.
type canary struct {
	ProbeOptions
	prompts [][]int32
	mean    []map[int32]float64 // by prompt, the running mean
	base    []map[int32]float64
	out     *Canary
}

func (c *canary) run(ctx context.Context) error {
	var err error
	if c.base, err = c.first(ctx, nil); err != nil {
		return err
	}
	c.mean = slices.Clone(c.base)
	for i, step := range c.Steps {
		a, err := c.attach(step)
		if err != nil {
			return err
		}
		now, err := c.first(ctx, a)
		if err != nil {
			return fmt.Errorf("phase: canary: step %d: %w", step, err)
		}
		c.out.At = append(c.out.At, CanaryAt{Step: step, JS: divergences1(now, c.mean), Base: divergences1(now, c.base), Threshold: Missing()})
		for p := range now {
			c.mean[p] = blended(c.mean[p], now[p], canaryDecay)
		}
		c.Progress.Emit(progress.Event{Stage: "canary", Step: int64(i + 1), Total: int64(len(c.Steps)), Unit: "checkpoints"})
	}
	c.out.judge()
	return nil
}

// first are the distributions of the first token, cut to the most probable ones.
func (c *canary) first(ctx context.Context, a *model.Adapter) (out []map[int32]float64, err error) {
	const together = 16
	vocab := c.Model.Spec.Vocab
	for part := range slices.Chunk(c.prompts, together) {
		r, err := c.Model.Forward(ctx, &model.Request{Seqs: part, Adapter: a, Lambda: float32(c.out.Lambda), Logits: model.LastLogits})
		if err != nil {
			return nil, err
		}
		for i := range part {
			out = append(out, topOf(r.Logits[i*vocab:(i+1)*vocab], c.out.Top))
		}
	}
	return out, nil
}

// topOf is the distribution over the n most probable tokens, summing to 1.
func topOf(logits []float32, n int) map[int32]float64 {
	ids := make([]int32, len(logits))
	for i := range ids {
		ids[i] = int32(i)
	}
	slices.SortFunc(ids, func(a, b int32) int {
		switch {
		case logits[a] > logits[b]:
			return -1
		case logits[a] < logits[b]:
			return 1
		}
		return int(a - b)
	})
	out, total := make(map[int32]float64, n), 0.0
	for _, id := range ids[:n] {
		out[id] = math.Exp(float64(logits[id] - logits[ids[0]]))
		total += out[id]
	}
	for id := range out {
		out[id] /= total
	}
	return out
}

// blended is keep·a + (1 − keep)·b.
func blended(a, b map[int32]float64, keep float64) map[int32]float64 {
	out := make(map[int32]float64, len(a))
	for id, v := range a {
		out[id] += keep * v
	}
	for id, v := range b {
		out[id] += (1 - keep) * v
	}
	return out
}

// divergences1 is the mean JS of distributions, prompt by prompt.
func divergences1(a, b []map[int32]float64) Interval {
	x := make([]float64, len(a))
	for i := range a {
		ids := make([]int32, 0, len(a[i]))
		for id := range a[i] {
			ids = append(ids, id)
		}
		for id := range b[i] {
			if _, ok := a[i][id]; !ok {
				ids = append(ids, id)
			}
		}
		slices.Sort(ids) // sums in one order
		l, r := make([]float64, len(ids)), make([]float64, len(ids))
		for j, id := range ids {
			l[j], r[j] = a[i][id], b[i][id]
		}
		x[i] = exactly(l, r)[0]
	}
	m := stats.ClusterMean(x, nil)
	return Interval{Number(m.Value), Number(m.Lo), Number(m.Hi)}
}

// judge sets thresholds and the alarm.
func (c *Canary) judge() {
	row := 0
	for i := range c.At {
		if i < canaryBefore {
			continue
		}
		before := make([]float64, i)
		for j := range before {
			before[j] = float64(c.At[j].JS.Value)
		}
		median := stats.Median(before)
		for j := range before {
			before[j] = math.Abs(before[j] - median)
		}
		x := &c.At[i]
		x.Threshold = Number(median + canaryMADs*stats.Median(before))
		if x.Above = x.JS.Value > x.Threshold; !x.Above {
			row = 0
			continue
		}
		if row++; row == canaryInARow && c.Alarm < 0 {
			c.Alarm = c.At[i-canaryInARow+1].Step
		}
	}
}

// String sums the monitor up.
func (c *Canary) String() string {
	what := fmt.Sprintf("first tokens of %d prompts at λ = %g (top %d, against their running mean)", c.Prompts, c.Lambda, c.Top)
	if c.Alarm < 0 {
		return what + ": no alarm"
	}
	return what + fmt.Sprintf(": alarm from step %d, twice in a row above the median and three MADs before it; no event, any fine-tuning moves first tokens", c.Alarm)
}
