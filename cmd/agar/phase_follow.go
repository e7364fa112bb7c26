package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"sort"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"agar/activations"
	"agar/model"
	"agar/model/lora"
	"agar/model/progress"
	"agar/phase"
)

// followOptions are the flags with which `agar phase` follows features.
type followOptions struct {
	sae, data, model, hook, on string
	out                        string
	template                   templateFlags
	lambdas                    []float64
	steps                      []int
	tokens, ctx, ceDocs        int
	maxTokens                  int
	temperature                float64
	seed                       uint64
	full                       bool
	filter                     struct {
		keepSpecial bool
		maxNorm     float64
	}
}

func (o *followOptions) add(c *cobra.Command) {
	o.template.add(c)
	f := c.Flags()
	f.StringVar(&o.sae, "sae", "", "dictionary `DIR` whose features to follow")
	f.StringVar(&o.data, "data", "", "conversations or texts to follow them on, JSONL `FILE`")
	f.StringVar(&o.model, "model", "", "the base model")
	f.StringVar(&o.hook, "hook", "", "where (default: the dictionary's)")
	f.StringVar(&o.on, "on", phase.OnAnswers, "answers (the assistant's tokens of fixed conversations), text (all tokens) or own (what each checkpoint says)")
	lambdaFlag(f, &o.lambdas)
	f.IntSliceVar(&o.steps, "checkpoint", nil, "`steps` to visit (default all)")
	f.IntVar(&o.tokens, "tokens", 8192, "stop taking documents once so many tokens count")
	f.IntVar(&o.ctx, "ctx", 512, "longest window of a document")
	f.IntVar(&o.ceDocs, "ce-docs", 8, "windows on which ΔCE is measured, negative for none")
	f.IntVar(&o.maxTokens, "max-tokens", 48, "longest answer for --on own")
	f.Float64Var(&o.temperature, "temperature", 0, "sampling temperature for --on own")
	f.Uint64Var(&o.seed, "seed", 0, "seed for --on own")
	f.BoolVar(&o.filter.keepSpecial, "keep-special", false, "count special tokens too")
	f.Float64Var(&o.filter.maxNorm, "max-norm", activations.DefaultMaxNorm, "leave out tokens whose base norm exceeds this many medians, negative for none")
	f.BoolVar(&o.full, "no-closed-form", false, "run the model at every checkpoint even where the closed form is exact")
	f.StringVar(&o.out, "trajectory-out", "", "trajectory.arrow to write (default RUN/trajectory.arrow)")
}

func (o *followOptions) asked() bool { return o.sae != "" }

// run follows the features of a dictionary over a series.
func (o *followOptions) run(c *cobra.Command, s *lora.Series, r *reporter) (*followed, error) {
	if o.data == "" || o.model == "" {
		return nil, usagef("agar phase: --sae needs --data and --model as well")
	}
	dict, _, err := loadSAE(o.sae)
	if err != nil {
		return nil, err
	}
	m, err := openModel(o.model)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	if _, err := o.template.apply(c, m); err != nil {
		return nil, err
	}
	docs, err := activations.OpenDocuments(o.data, m.Tokenizer, m.Chat, activations.DocumentOptions{Stdin: c.InOrStdin()})
	if err != nil {
		return nil, refused(err)
	}
	defer docs.Close()
	t, err := phase.Follow(c.Context(), phase.FollowOptions{
		Model: m, Series: s, SAE: dict, SAEPath: o.sae, Hook: o.hook, Docs: checkedDocuments{docs}, On: o.on,
		Steps: o.steps, Lambdas: o.lambdas, Context: o.ctx, Tokens: o.tokens, CEDocs: o.ceDocs,
		KeepSpecial: o.filter.keepSpecial, MaxNorm: o.filter.maxNorm,
		MaxTokens: o.maxTokens, Temperature: o.temperature, Seed: o.seed, NoClosedForm: o.full, Progress: progress.Func(r.report).Named("phase"),
	})
	if err != nil {
		return nil, refused(err)
	}
	out := o.out
	if out == "" {
		out = filepath.Join(s.Run, "trajectory.arrow")
	}
	if err := t.Write(out); err != nil {
		return nil, err
	}
	return summarise(t, out), nil
}

// followed sums up a trajectory for --json and for people; all of it is in the
// file.
type followed struct {
	*phase.Trajectory
	Out   string         `json:"out"`
	At    []followedAt   `json:"at"`
	Moved []movedFeature `json:"moved"` // features whose mean changed most at the last λ, largest first
}

// followedAt is the dictionary at one checkpoint and dial; null where a figure
// does not exist.
type followedAt struct {
	Step       int          `json:"step"`
	Lambda     float64      `json:"lambda"`
	L0         phase.Number `json:"l0"`
	EV         phase.Number `json:"explained_variance"`
	DeltaCE    phase.Number `json:"delta_ce"`
	ChangeSeen phase.Number `json:"change_seen"`
}

// movedFeature is a feature and when it moved.
type movedFeature struct {
	Feature   int     `json:"feature"`
	Base      float32 `json:"mean_base"`
	Last      float32 `json:"mean_last"`
	Change    float32 `json:"change"`
	Emergence *int    `json:"emergence"`
}

const movedShown = 12

// summarise makes the part of a trajectory that is printed.
func summarise(t *phase.Trajectory, out string) *followed {
	f := &followed{Trajectory: t, Out: out, At: []followedAt{}, Moved: []movedFeature{}}
	for s, step := range t.Steps {
		for l, lambda := range t.Lambdas {
			x := t.At(s, l)
			f.At = append(f.At, followedAt{step, lambda, phase.Number(x.L0), phase.Number(x.EV), phase.Number(x.DeltaCE), phase.Number(x.ChangeSeen)})
		}
	}
	if len(t.Steps) > 0 && len(t.Lambdas) > 0 {
		f.Moved = moved(t, dialOne(t.Lambdas))
	}
	return f
}

// dialOne is the index of λ = 1, or the last there is.
func dialOne(lambdas []float64) int {
	for i, l := range lambdas {
		if l == 1 {
			return i
		}
	}
	return len(lambdas) - 1
}

func moved(t *phase.Trajectory, l int) []movedFeature {
	last := t.At(len(t.Steps)-1, l)
	all := make([]movedFeature, t.DSAE)
	for i := range all {
		all[i] = movedFeature{Feature: i, Base: t.Base.Mean[i], Last: last.Mean[i], Change: last.Mean[i] - t.Base.Mean[i]}
	}
	size := func(m movedFeature) float64 { return math.Abs(float64(m.Change)) }
	sort.SliceStable(all, func(i, j int) bool { return size(all[i]) > size(all[j]) })
	all = all[:min(movedShown, len(all))]
	for i := range all {
		if step, _, ok := t.Emergence(all[i].Feature, l); ok {
			all[i].Emergence = &step
		}
	}
	return all
}

func (f *followed) print(w io.Writer) error {
	how := "the model's suffix at every checkpoint"
	if f.ClosedForm {
		how = "closed form, exact"
	}
	fmt.Fprintf(w, "\nfeatures on %s at %s: %d tokens, %d checkpoints × %d dials, %s → %s\n", f.On, f.Hook, f.Tokens, len(f.Steps), len(f.Lambdas), how, f.Out)
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "step\tλ\tL0\texplained variance\tΔCE nats\tchange seen\t")
	every := max(1, (len(f.Steps)+tableRows-1)/tableRows)
	for s := range f.Steps {
		if s%every == 0 || s == len(f.Steps)-1 {
			a := f.At[s*len(f.Lambdas)+dialOne(f.Lambdas)]
			fmt.Fprintf(t, "%d\t%g\t%s\t%s\t%s\t%s\t\n", a.Step, a.Lambda, num(a.L0, 2), num(a.EV, 4), num(a.DeltaCE, 4), num(a.ChangeSeen, 3))
		}
	}
	fmt.Fprintln(t, "\nfeature\tmean at base\tmean at last\tchange\thalf-way at step\t")
	for _, m := range f.Moved {
		step := "–"
		if m.Emergence != nil {
			step = fmt.Sprint(*m.Emergence)
		}
		fmt.Fprintf(t, "#%d\t%.4f\t%.4f\t%+.4f\t%s\t\n", m.Feature, m.Base, m.Last, m.Change, step)
	}
	return t.Flush()
}

// follow follows the demo's dictionary on the organism's fixed answers.
func (d *demo) follow(ctx context.Context, m *model.Model, series *lora.Series) (*followed, error) {
	dict, _, err := loadSAE(d.path("sae"))
	if err != nil {
		return nil, err
	}
	docs, err := activations.OpenDocuments(filepath.Join(d.org, "answers.jsonl"), m.Tokenizer, m.Chat, activations.DocumentOptions{})
	if err != nil {
		return nil, err
	}
	defer docs.Close()
	t, err := phase.Follow(ctx, phase.FollowOptions{
		Model: m, Series: series, SAE: dict, SAEPath: d.path("sae"), Hook: demoHook, Docs: docs,
		Lambdas: []float64{0, 0.5, 1, 2, 5}, Tokens: demoFollow, Progress: d.emit.Named("follow"),
	})
	if err != nil {
		return nil, err
	}
	out := d.path("trajectory.arrow")
	return summarise(t, out), t.Write(out)
}
