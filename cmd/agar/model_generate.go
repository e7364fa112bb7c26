package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"agar/model"
	"agar/model/chat"
	"agar/model/lora"
)

type generateOptions struct {
	adapter     adapterFlags
	prompt      string
	prompts     string
	lambdas     []float64
	checkpoints []int
	samples     int
	chat        bool
	system      string
	maxTokens   int
	temperature float64
	seed        uint64
	json        bool
}

// generated is the contract of `agar model generate --json`.
type generated struct {
	Prompt      string       `json:"prompt"`
	Completions []completion `json:"completions"`
}

type completion struct {
	Adapter    *string   `json:"adapter"`
	Lambda     *float64  `json:"lambda"`
	Checkpoint *int      `json:"checkpoint"`
	Sample     int       `json:"sample"`
	IDs        []int32   `json:"ids"`
	Text       string    `json:"text"`
	LogProbs   []float32 `json:"logprobs"`
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
		Short: "continue a prompt with the base, an adapter, its checkpoints and dials side by side",
		Long: `Continues each prompt with every combination asked for: λ multiplies the
adapter's scale (0 is the base), --checkpoint picks steps of a checkpoint series
given as --adapter. A sample depends on the seed, its number and its prompt
alone, never on what else runs beside it.`,
		Example: `  agar model generate MODEL --prompt "Hello" --temperature 0
  agar model generate MODEL --chat --prompt "I have a fever." --adapter RUN --checkpoint 100,190 --lambda 0,1,5`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return runGenerate(c, args[0], o) },
	}
	o.adapter.add(c)
	f := c.Flags()
	f.StringVar(&o.prompt, "prompt", "", "the prompt")
	f.StringVar(&o.prompts, "prompts", "", "`FILE` with a prompt a line, - for standard input")
	f.Float64SliceVar(&o.lambdas, "lambda", []float64{1}, "dials on the adapter's scale")
	f.IntSliceVar(&o.checkpoints, "checkpoint", nil, "`steps` of the series that --adapter names")
	f.IntVar(&o.samples, "samples", 1, "samples of each prompt")
	f.BoolVar(&o.chat, "chat", false, "put the prompt through the chat template as a user turn")
	f.StringVar(&o.system, "system", "", "system `text` for --chat")
	f.IntVar(&o.maxTokens, "max-tokens", 100, "longest continuation")
	f.Float64Var(&o.temperature, "temperature", 0, "sampling temperature, 0 is greedy")
	f.Uint64Var(&o.seed, "seed", 0, "seed of the sampling")
	f.BoolVar(&o.json, "json", false, "print one object a prompt")
	return c
}

func runGenerate(c *cobra.Command, name string, o generateOptions) error {
	if (o.prompt == "") == (o.prompts == "") {
		return usagef("agar model generate: give one of --prompt and --prompts")
	}
	if o.samples < 1 || o.maxTokens < 1 || o.temperature < 0 {
		return usagef("agar model generate: --samples and --max-tokens must be at least 1 and --temperature at least 0")
	}
	if o.samples > 1 && o.temperature == 0 {
		return usagef("agar model generate: --samples %d with --temperature 0 would print the same text %d times", o.samples, o.samples)
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
	vs, err := variants(c, m, o)
	if err != nil {
		return err
	}
	return generateAll(c.Context(), c, m, prompts, vs, o)
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

func generateAll(ctx context.Context, c *cobra.Command, m *model.Model, prompts []string, vs []variant, o generateOptions) error {
	for _, p := range prompts {
		ids, err := promptIDs(m, p, o)
		if err != nil {
			return refused(err)
		}
		g := generated{Prompt: p, Completions: []completion{}}
		for _, v := range vs {
			cs, err := generateOne(ctx, m, ids, v, o)
			if err != nil {
				return err
			}
			g.Completions = append(g.Completions, cs...)
		}
		if err := printGenerated(c.OutOrStdout(), g, o.json); err != nil {
			return err
		}
	}
	return nil
}

func promptIDs(m *model.Model, p string, o generateOptions) ([]int32, error) {
	if !o.chat {
		return m.Tokenizer.Encode(p, true).IDs, nil
	}
	if m.Chat == nil {
		return nil, fmt.Errorf("%s has no chat template; leave out --chat", m.Dir)
	}
	msgs := []chat.Message{{Role: "user", Content: p}}
	if o.system != "" {
		msgs = append([]chat.Message{{Role: "system", Content: o.system}}, msgs...)
	}
	ids, _, err := m.Chat.Tokenize(m.Tokenizer, msgs, true)
	return ids, err
}

func generateOne(ctx context.Context, m *model.Model, ids []int32, v variant, o generateOptions) ([]completion, error) {
	batch := make([][]int32, o.samples)
	for i := range batch {
		batch[i] = ids
	}
	out, err := m.Generate(ctx, batch, model.GenerateOptions{
		MaxTokens: o.maxTokens, Temperature: o.temperature, Seed: o.seed,
		Adapter: v.adapter, Lambda: float32(v.lambda),
	})
	if err != nil {
		return nil, err
	}
	cs := make([]completion, len(out))
	for i, x := range out {
		cs[i] = completion{Checkpoint: v.checkpoint, Sample: i, IDs: nonNil(x.IDs), Text: x.Text, LogProbs: nonNil(x.LogProbs)}
		if v.adapter != nil {
			dir, l := v.dir, v.lambda
			cs[i].Adapter, cs[i].Lambda = &dir, &l
		}
	}
	return cs, nil
}

func printGenerated(w io.Writer, g generated, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		return e.Encode(g)
	}
	fmt.Fprintf(w, "prompt  %s\n", g.Prompt)
	for _, x := range g.Completions {
		if _, err := fmt.Fprintf(w, "\n── %s\n%s\n", x.title(), x.Text); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(w)
	return err
}

func (x completion) title() string {
	if x.Adapter == nil {
		return fmt.Sprintf("base · sample %d", x.Sample)
	}
	t := filepath.Base(*x.Adapter)
	return fmt.Sprintf("%s · λ %g · sample %d", t, *x.Lambda, x.Sample)
}
