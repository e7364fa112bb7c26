package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"agar/model"
	"agar/model/chat"
	"agar/model/lora"
)

type generateOptions struct {
	adapter     adapterFlags
	template    templateFlags
	prompt      string
	prompts     string
	lambdas     []float64
	checkpoints []int
	samples     int
	chat        bool
	system      string
	maxNew      int
	temperature float64
	topK        int
	topP, minP  float64
	penalty     float64
	stop        []string
	seed        uint64
	batch       int
	cacheGiB    float64
	logprobs    int
	json        bool

	used map[string]any // what the chat template was given
}

// variant is one way to run the model: the base, or an adapter at one dial.
type variant struct {
	adapter    *model.Adapter
	dir        string
	lambda     float64
	checkpoint *int
}

func newModelGenerate() *cobra.Command {
	var o generateOptions
	c := &cobra.Command{
		Use:   "generate MODEL --prompt TEXT",
		Short: "continue prompts with the base, an adapter, its checkpoints and dials side by side",
		Long: `Continues each prompt with every combination asked for: λ multiplies the
adapter's scale (0 is the base), --checkpoint picks steps of a checkpoint series
given as --adapter. Tokens are drawn as transformers draws them: repetition
penalty, temperature, top-k, top-p, min-p, in this order; without --temperature
the most probable one is taken. A sample depends on the seed, its number and its
prompt's number alone, never on what else runs beside it. A chat template that
asks for today's date gets the one of --date and no other.`,
		Example: `  agar model generate MODEL --prompt "Hello"
  agar model generate MODEL --chat --prompt "I have a fever." --adapter RUN --checkpoint 100,190 --lambda 0,1,5
  agar model generate MODEL --chat --prompts questions.txt --samples 20 --temperature 1 --top-p 0.95 --max-new 200 --json`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return runGenerate(c, args[0], o) },
	}
	o.adapter.add(c)
	o.template.add(c)
	o.addFlags(c.Flags())
	return c
}

func (o *generateOptions) addFlags(f *pflag.FlagSet) {
	f.StringVar(&o.prompt, "prompt", "", "the prompt")
	f.StringVar(&o.prompts, "prompts", "", "`FILE` with a prompt a line, - for standard input")
	lambdaFlag(f, &o.lambdas)
	f.IntSliceVar(&o.checkpoints, "checkpoint", nil, "`steps` of the series that --adapter names")
	f.IntVar(&o.samples, "samples", 1, "samples of each prompt")
	f.BoolVar(&o.chat, "chat", false, "put the prompt through the chat template as a user turn")
	f.StringVar(&o.system, "system", "", "system `text` for --chat")
	f.IntVar(&o.maxNew, "max-new", 100, "longest continuation, in tokens")
	f.Float64Var(&o.temperature, "temperature", 0, "sampling temperature, 0 is greedy")
	f.IntVar(&o.topK, "top-k", 0, "draw from the `K` most probable tokens, 0 is all")
	f.Float64Var(&o.topP, "top-p", 1, "draw from the smallest set of tokens with this probability")
	f.Float64Var(&o.minP, "min-p", 0, "draw from tokens of at least this probability relative to the most probable one's")
	f.Float64Var(&o.penalty, "repetition-penalty", 1, "divide positive and multiply negative logits of tokens seen before")
	f.StringArrayVar(&o.stop, "stop", nil, "`text` that ends a continuation; may be given several times")
	f.Uint64Var(&o.seed, "seed", 0, "seed of the sampling")
	f.IntVar(&o.batch, "batch", 0, "completions side by side at most, 0 is 64; changes no number")
	f.Float64Var(&o.cacheGiB, "cache-gib", 1, "memory for keys and values; more prompts wait until others end")
	f.IntVar(&o.logprobs, "logprobs", 0, "with --json, the `N` most probable tokens at each place as well")
	f.BoolVar(&o.json, "json", false, "print one object a prompt")
	f.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		if name == "max-tokens" {
			name = "max-new"
		}
		return pflag.NormalizedName(name)
	})
}

func (o *generateOptions) check() error {
	switch {
	case (o.prompt == "") == (o.prompts == ""):
		return usagef("agar model generate: give one of --prompt and --prompts")
	case o.samples < 1 || o.maxNew < 1 || o.batch < 0 || o.logprobs < 0 || !(o.cacheGiB > 0):
		return usagef("agar model generate: --samples and --max-new must be at least 1, --batch and --logprobs at least 0, --cache-gib above 0")
	case !(o.temperature >= 0):
		return usagef("agar model generate: --temperature must be at least 0")
	case o.topK < 0 || !(o.topP > 0 && o.topP <= 1) || !(o.minP >= 0 && o.minP <= 1) || !(o.penalty > 0):
		return usagef("agar model generate: --top-k must be at least 0, --top-p above 0 and at most 1, --min-p 0 to 1, --repetition-penalty above 0")
	case o.temperature == 0 && (o.topK > 0 || o.topP < 1 || o.minP > 0):
		return usagef("agar model generate: --top-k, --top-p and --min-p change nothing at --temperature 0")
	case o.samples > 1 && o.temperature == 0:
		return usagef("agar model generate: --samples %d with --temperature 0 would print the same text %d times", o.samples, o.samples)
	case o.logprobs > 0 && !o.json:
		return usagef("agar model generate: --logprobs needs --json")
	}
	for _, s := range o.stop {
		if s == "" {
			return usagef("agar model generate: --stop: found an empty text")
		}
	}
	return nil
}

func runGenerate(c *cobra.Command, name string, o generateOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	prompts, err := readPrompts(c, o)
	if err != nil {
		return refused(err)
	}
	m, err := openModel(name)
	if err != nil {
		return err
	}
	defer m.Close()
	if o.used, err = o.template.apply(c, m); err != nil {
		return err
	}
	vs, err := variants(c, m, o)
	if err != nil {
		return err
	}
	ids := make([][]int32, len(prompts))
	for i, p := range prompts {
		if ids[i], err = promptIDs(m, p, o); err != nil {
			return refused(dateHint(err))
		}
	}
	r := &generateRun{c: c, m: m, o: o, variants: vs, prompts: prompts, ids: ids, reporter: newReporter(c)}
	r.organisms = banner(c, organismDirs(m, vs, o)...)
	return r.run()
}

// organismDirs are the directories that completions come from, where they may be those
// of organisms.
func organismDirs(m *model.Model, vs []variant, o generateOptions) []string {
	dirs := []string{m.Dir}
	for _, g := range o.adapter.given {
		dir, _ := dialOf(g)
		dirs = append(dirs, dir)
	}
	for _, v := range vs {
		if v.checkpoint != nil {
			dirs = append(dirs, v.dir)
		}
	}
	return dirs
}

func readPrompts(c *cobra.Command, o generateOptions) ([]string, error) {
	if o.prompts == "" {
		return []string{o.prompt}, nil
	}
	in, closeIn, err := openInput(c, o.prompts)
	if err != nil {
		return nil, err
	}
	defer closeIn()
	var ps []string
	err = eachLine(c, in, func(s string) error {
		if strings.TrimSpace(s) != "" {
			ps = append(ps, s)
		}
		return nil
	})
	if err == nil && len(ps) == 0 {
		err = fmt.Errorf("%s: no prompt in it, expected one a line", o.prompts)
	}
	return ps, err
}

// variants lists what to run: the base alone without an adapter, else the sum of
// the adapters, or every checkpoint, at every dial.
func variants(c *cobra.Command, m *model.Model, o generateOptions) ([]variant, error) {
	if o.adapter.none() {
		if len(o.checkpoints) > 0 || c.Flags().Changed("lambda") {
			return nil, usagef("agar model generate: --lambda and --checkpoint need --adapter")
		}
		return []variant{{}}, nil
	}
	if len(o.checkpoints) == 0 {
		a, err := o.adapter.attach(m, warner(c))
		if err != nil {
			return nil, err
		}
		return dialled(variant{adapter: a, dir: strings.Join(o.adapter.given, " + ")}, o.lambdas), nil
	}
	return checkpointVariants(c, m, o)
}

// dialled is a variant at every dial.
func dialled(v variant, lambdas []float64) []variant {
	vs := make([]variant, len(lambdas))
	for i, l := range lambdas {
		vs[i] = v
		vs[i].lambda = l
	}
	return vs
}

// checkpointVariants are the checkpoints asked for of a series at every dial. An
// all-zero B is legal there.
func checkpointVariants(c *cobra.Command, m *model.Model, o generateOptions) ([]variant, error) {
	run, ok := o.adapter.one()
	if !ok {
		return nil, usagef("agar model generate: found --checkpoint with --adapter %q, expected one series without a dial", o.adapter.given)
	}
	s, err := lora.OpenSeries(run)
	if err != nil {
		return nil, refused(err)
	}
	var vs []variant
	for _, step := range o.checkpoints {
		ck, err := s.At(step)
		if err != nil {
			return nil, refused(err)
		}
		a, err := attachDir(m, ck.Dir, true, warner(c))
		if err != nil {
			return nil, err
		}
		vs = append(vs, dialled(variant{adapter: a, dir: ck.Dir, checkpoint: &ck.Step}, o.lambdas)...)
	}
	return vs, nil
}

// promptIDs are the tokens of a prompt. Behind a chat template no BOS is added:
// the template has one, or the model wants none.
func promptIDs(m *model.Model, p string, o generateOptions) (ids []int32, err error) {
	switch {
	case !o.chat:
		e, wild := m.Tokenizer.Encode(p, true)
		ids, err = e.IDs, wild
	case m.Chat == nil:
		return nil, fmt.Errorf("%s has no chat template; leave out --chat", m.Dir)
	default:
		msgs := []chat.Message{{Role: "user", Content: p}}
		if o.system != "" {
			msgs = append([]chat.Message{{Role: "system", Content: o.system}}, msgs...)
		}
		ids, _, err = m.Chat.Tokenize(m.Tokenizer, msgs, true)
	}
	if n := len(ids); err == nil && (n == 0 || n >= m.Spec.MaxPos) {
		err = fmt.Errorf("the prompt %.40q has %d tokens, expected 1 to %d", p, n, m.Spec.MaxPos-1)
	}
	return ids, err
}
