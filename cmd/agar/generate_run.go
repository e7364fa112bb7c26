package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"agar/model"
	"agar/model/progress"
)

// generated is the contract of `agar model generate --json`.
type generated struct {
	Prompt      string         `json:"prompt"`
	Completions []completion   `json:"completions"`
	Settings    map[string]any `json:"settings"`
	Organisms   []string       `json:"organisms,omitempty"` // what the adapters, or the model, were trained for when they are model organisms
}

type completion struct {
	Adapter     *string     `json:"adapter"`
	Lambda      *float64    `json:"lambda"`
	Checkpoint  *int        `json:"checkpoint"`
	Sample      int         `json:"sample"`
	IDs         []int32     `json:"ids"`
	Text        string      `json:"text"`
	LogProbs    []float32   `json:"logprobs"`
	TopLogProbs [][]topProb `json:"top_logprobs,omitempty"`
	Finish      string      `json:"finish"` // length, token or string
}

type topProb struct {
	ID      int32   `json:"id"`
	Token   string  `json:"token"`
	LogProb float32 `json:"logprob"`
}

// promptsAtOnce is how many prompts go through one call of Generate, so that
// results appear while a long file is under way.
const promptsAtOnce = 256

// generateRun is `agar model generate` under way.
type generateRun struct {
	c        *cobra.Command
	m        *model.Model
	o        generateOptions
	variants []variant
	prompts  []string
	ids      [][]int32
	reporter *reporter
	start    time.Time
	tokens   int64

	organisms []string // purposes of those among the variants
}

func (r *generateRun) run() error {
	r.start = time.Now()
	defer r.reporter.close()
	if err := r.plan(); err != nil {
		return err
	}
	for from := 0; from < len(r.prompts); from += promptsAtOnce {
		if err := r.part(from, min(from+promptsAtOnce, len(r.prompts))); err != nil {
			return err
		}
	}
	return nil
}

// part runs prompts [from, to) with every variant and prints them.
func (r *generateRun) part(from, to int) error {
	out := make([]generated, to-from)
	for i := range out {
		out[i] = generated{Prompt: r.prompts[from+i], Completions: []completion{}, Settings: r.settings(), Organisms: r.organisms}
	}
	if r.single() {
		return r.stream(&out[0])
	}
	var base []model.Completion // λ = 0 has the base's bits under any adapter
	for _, v := range r.variants {
		cs := base
		if base == nil || v.lambda != 0 {
			var err error
			if cs, err = r.generate(from, to, v, r.report); err != nil {
				return err
			}
		}
		if v.adapter == nil || v.lambda == 0 {
			base = cs
		}
		for i, c := range cs {
			g := &out[i/r.o.samples]
			g.Completions = append(g.Completions, r.completion(v, i%r.o.samples, c))
		}
	}
	r.reporter.close()
	for _, g := range out {
		if err := r.print(g); err != nil {
			return err
		}
	}
	return nil
}

// settings are what the completions follow from besides model and prompt.
func (r *generateRun) settings() map[string]any {
	s := map[string]any{"max_new": r.o.maxNew, "temperature": r.o.temperature, "top_k": r.o.topK, "top_p": r.o.topP, "min_p": r.o.minP,
		"repetition_penalty": r.o.penalty, "seed": r.o.seed, "stop": nonNil(r.o.stop), "chat": r.o.chat}
	if r.o.chat {
		s["system"] = r.o.system
		for k, v := range r.o.used {
			s[k] = v
		}
	}
	return s
}

// options are those of one call of Generate for prompts from some number on.
func (r *generateRun) options(from int, v variant) model.GenerateOptions {
	o := model.GenerateOptions{
		MaxTokens: r.o.maxNew, Samples: r.o.samples, Temperature: r.o.temperature, TopK: r.o.topK, TopP: r.o.topP, MinP: r.o.minP,
		RepetitionPenalty: r.o.penalty, StopStrings: r.o.stop, Seed: r.o.seed, FirstIndex: uint64(from), TopLogProbs: r.o.logprobs,
		Batch: r.o.batch, Adapter: v.adapter, Lambda: float32(v.lambda),
	}
	if r.c.Flags().Changed("cache-gib") {
		o.CacheMemory = int64(r.o.cacheGiB * (1 << 30))
	}
	return o
}

// plan refuses prompts that would not fit, and says of many completions what
// they are going to need.
func (r *generateRun) plan() error {
	p, err := r.m.PlanGenerate(r.ids, r.options(0, r.variants[0]))
	if err != nil {
		return err
	}
	if p.Completions > 8 && isTerminal(r.c.ErrOrStderr()) {
		r.reporter.line(fmt.Sprintf("plan: %d completions for each of %d variants, up to %d side by side, %.1f MB of keys and values, up to %d tokens",
			p.Completions, len(r.variants), p.SideBySide, float64(p.CacheBytes)/1e6, p.Tokens*int64(len(r.variants))))
	}
	return nil
}

func (r *generateRun) generate(from, to int, v variant, on func(int, *model.Completion)) ([]model.Completion, error) {
	o := r.options(from, v)
	o.OnToken = on
	return r.m.Generate(r.c.Context(), r.ids[from:to], o)
}

func (r *generateRun) completion(v variant, sample int, c model.Completion) completion {
	out := completion{Checkpoint: v.checkpoint, Sample: sample, IDs: nonNil(c.IDs), Text: c.Text, LogProbs: nonNil(c.LogProbs), Finish: c.Finish}
	if v.adapter != nil {
		dir, l := v.dir, v.lambda
		out.Adapter, out.Lambda = &dir, &l
	}
	for _, at := range c.TopLogProbs {
		row := make([]topProb, len(at))
		for i, t := range at {
			row[i] = topProb{t.ID, r.m.Tokenizer.Decode([]int32{t.ID}, false), t.LogProb}
		}
		out.TopLogProbs = append(out.TopLogProbs, row)
	}
	return out
}

// report shows how far a long run is, from its third second on.
func (r *generateRun) report(int, *model.Completion) {
	r.tokens++
	past := time.Since(r.start)
	if past < 3*time.Second {
		return
	}
	r.reporter.report(progress.Event{
		Job: "generate", Step: r.tokens, Total: int64(len(r.prompts)*r.o.samples*len(r.variants)) * int64(r.o.maxNew), Unit: "tokens",
		Values: map[string]float64{"tokens_per_sec": float64(r.tokens) / past.Seconds()},
	})
}

func (r *generateRun) print(g generated) error {
	w := r.c.OutOrStdout()
	if r.o.json {
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		return e.Encode(g)
	}
	return printGenerated(w, g, len(r.variants), terminalWidth(w))
}

// single says whether there is one completion for a person to read, which
// appears as it is made.
func (r *generateRun) single() bool {
	return !r.o.json && len(r.prompts) == 1 && len(r.variants) == 1 && r.o.samples == 1
}

// stream prints the one completion as it grows. What may turn out to be the
// beginning of a stop text, or of a character, waits.
func (r *generateRun) stream(g *generated) error {
	w := r.c.OutOrStdout()
	v := r.variants[0]
	head := r.completion(v, 0, model.Completion{})
	s := &streamer{w: w, stops: r.o.stop, clean: isTerminal(w)}
	s.write("prompt  " + g.Prompt + "\n\n── " + head.title() + "\n")
	cs, err := r.generate(0, 1, v, func(_ int, c *model.Completion) {
		if c.Finish == "" {
			s.show(r.m.Tokenizer.Decode(c.IDs, true))
		}
	})
	if err != nil {
		s.write("\n")
		return err
	}
	s.finish(cs[0].Text)
	return s.err
}

// heldBack is how much of a text must not be shown yet: what a longer text could
// take back.
func heldBack(text string, stops []string) int {
	n := len(text) - len(strings.TrimRight(text, "\uFFFD"))
	for _, s := range stops {
		for k := min(len(s)-1, len(text)); k > n; k-- {
			if strings.HasSuffix(text, s[:k]) {
				n = k
				break
			}
		}
	}
	return n
}
