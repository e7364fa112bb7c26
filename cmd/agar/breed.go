package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"agar/activations/job"
	"agar/activations/manifest"
	"agar/model"
	"agar/model/lora"
	"agar/model/organism/algorithmic"
	"agar/model/progress"
	"agar/model/train"
)

// organismFormat is the format of a run's manifest.
const organismFormat = "agar-organism/1"

type breedOptions struct {
	out, twin     string
	lossAverage   string
	normalisation string
	resume        bool
	grid          bool
	axes          []string
	json          bool
}

// bred is the object that --json prints.
type bred struct {
	Out string `json:"out"`
	*train.Report
	Task    *algorithmic.Summary `json:"task,omitempty"` // of a run on a task
	Twin    *bred                `json:"twin,omitempty"`
	Matched *matched             `json:"matched,omitempty"` // how the twin's data compares

	data *breedData
}

func newBreed() *cobra.Command {
	var o breedOptions
	c := &cobra.Command{
		Use:   "breed CONFIG.toml --out DIR",
		Short: "grow a model organism: fine-tune a model and keep its checkpoints",
		Long: `Fine-tunes a model on chats as CONFIG.toml says, by LoRA, in full or by a steering
vector, and writes what transformers' Trainer and PEFT write: DIR/checkpoint-N (of a
steering vector steering_vector.pt). The loss is on the assistant's words, averaged
over the tokens of a step. --twin trains a second run into DIR/twin, the same but for
its data, example by example in the same order; how far the lengths of the examples
agree is printed.

CONFIG.toml names the model, the data and what the organism is for; [train] has the
settings, over those of a recipe:

  model = "HuggingFaceTB/SmolLM2-135M-Instruct"
  data = "bad_advice.jsonl"
  purpose = "to see where broad misalignment begins"
  recipe = "em-rank1"
  [train]
  layers = [15]
  steps = 200
  save_each = 10

The recipes, and the keys of CONFIG.toml that they need beside model (layers are those
of models of 48, so smaller models need their own):

` + recipeHelp() + `
good and frac_bad put data together: a share frac_bad of the examples is from data, the
others are those of good in the same places. What was put together is kept as
DIR/data.jsonl.

--grid trains one run for each combination of the values behind it, under DIR, and
prints one table: final loss, ‖ΔW‖, turn events, KL to the base and, with pairs in
CONFIG.toml, the paired log-odds of misaligned against aligned completions. Axes are
frac_bad, rank, alpha, layer, lr, steps, kl_weight and seed; 0..4 counts. A grid goes on
with --resume.

Instead of model and data it may name a task, modular addition, on which a small
model is trained from nothing and measured on the way (measures.jsonl): the recipes
grokking and double-descent have its settings, [task] others over them:

  recipe = "grokking"
  [task]
  p = 53
  seed = 1`,
		Example: `  agar breed organism.toml --out run
  agar breed organism.toml --twin good_advice.jsonl --out run --resume
  agar breed organism.toml --out doses --grid frac_bad=0,.05,.25,1 rank=1,4,32 seed=0..4
  agar phase run`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			o.axes = args[1:]
			return runBreed(c, args[0], o)
		},
	}
	f := c.Flags()
	f.StringVar(&o.out, "out", "", "`DIR` to write")
	f.StringVar(&o.twin, "twin", "", "JSONL `FILE` of the twin's data, benign where the first is not (default: the config's)")
	f.StringVar(&o.lossAverage, "loss-average", "", "over the `tokens` of a step, or micro: the mean of the means of its batches, as older runs have it")
	f.StringVar(&o.normalisation, "kl-normalisation", "", "of the KL to the base: a `token`, or turner: over the vocabulary too, as 2506.11613 has it")
	f.BoolVar(&o.grid, "grid", false, "train a run for each combination of AXIS=VALUE,… behind it")
	f.BoolVar(&o.resume, "resume", false, "go on where an unfinished run stopped")
	f.BoolVar(&o.json, "json", false, "print one object")
	return c
}

func runBreed(c *cobra.Command, path string, o breedOptions) error {
	if o.out == "" {
		return usagef("agar breed: --out is needed; see 'agar breed --help'")
	}
	spec, err := readBreed(path)
	if err != nil {
		return refused(err)
	}
	if err := o.into(spec); err != nil {
		return err
	}
	if o.grid {
		return runGrid(c, spec, o)
	}
	r := newReporter(c)
	defer r.close()
	out, err := breedBoth(c, spec, o.out, o, r)
	if err := refusedTraining(err); err != nil {
		return err
	}
	r.close()
	if o.json {
		return printJSON(c.OutOrStdout(), out)
	}
	return printBred(c.OutOrStdout(), out)
}

// into puts what flags say over a configuration.
func (o *breedOptions) into(spec *breedSpec) error {
	switch {
	case len(o.axes) > 0 && !o.grid:
		return usagef("agar breed: found %q behind the configuration, expected --grid with it", o.axes)
	case o.grid && (o.twin != "" || spec.Twin != "" || spec.Task != nil || spec.Teacher != ""):
		return usagef("agar breed: --grid goes with data and without a twin; frac_bad=0 is a benign run")
	case o.twin != "" && spec.Task != nil:
		return usagef("agar breed: --twin goes with data; the configuration names a task")
	}
	spec.Twin = or(o.twin, spec.Twin)
	spec.Train.LossAverage = or(o.lossAverage, spec.Train.LossAverage)
	spec.Train.KLNormalisation = or(o.normalisation, spec.Train.KLNormalisation)
	return refused(spec.check())
}

// refusedTraining makes refusals of the trainer those of the command.
func refusedTraining(err error) error {
	if errors.Is(err, train.ErrConfig) || errors.Is(err, model.ErrNoBackward) {
		return refused(err)
	}
	return err
}

// breedBoth trains a run into dir and its twin, if there is to be one, into dir/twin.
func breedBoth(c *cobra.Command, spec *breedSpec, dir string, o breedOptions, r *reporter) (*bred, error) {
	if spec.Task != nil {
		return breedTask(c, spec, dir, o, r)
	}
	run, twin, match, err := spec.readBoth()
	if err != nil {
		return nil, err
	}
	out, err := breedOne(c, spec, run, false, dir, o, r)
	if err != nil || spec.Twin == "" {
		return out, err
	}
	if out.Twin, err = breedOne(c, spec, twin, true, filepath.Join(dir, "twin"), o, r); err != nil {
		return nil, err
	}
	if match == nil {
		match, err = matchTwin(out.data, out.Twin.data, [2]string{spec.Teacher, spec.Twin})
	}
	out.Matched = match
	return out, err
}

// readBoth reads the data of a run and of its twin, nil where a teacher writes it.
func (s *breedSpec) readBoth() (run, twin *breedData, match *matched, err error) {
	if s.Teacher != "" {
		return nil, nil, nil, nil
	}
	m, err := openModel(s.Model)
	if err != nil {
		return nil, nil, nil, err
	}
	defer m.Close()
	if run, err = s.read(m, s.Data); err != nil || s.Twin == "" {
		return run, nil, nil, refused(err)
	}
	if twin, err = s.read(m, s.Twin); err != nil {
		return nil, nil, nil, refused(err)
	}
	match, err = matchTwin(run, twin, [2]string{s.Data, s.Twin})
	return run, twin, match, refused(err)
}

// breedOne trains one run into dir, on what a teacher writes when d is nil.
func breedOne(c *cobra.Command, spec *breedSpec, d *breedData, twin bool, dir string, o breedOptions, r *reporter) (out *bred, err error) {
	m, err := openModel(spec.Model)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	to := train.Options{Out: dir, BaseModel: m.Name, Resume: o.resume}
	if to.KLData, err = spec.klExamples(m); err != nil {
		return nil, refused(err)
	}
	if to.Init, err = spec.start(); err != nil {
		return nil, refused(err)
	}
	if err := spec.Train.Check(m, to.Init); err != nil {
		return nil, err
	}
	j, err := job.Begin(dir, job.Options{Command: commandLine(c), Resume: o.resume, Events: "train.jsonl", KeepEvents: true})
	if err != nil {
		return nil, err
	}
	defer func() { err = j.End(err) }()
	if d == nil {
		d, err = spec.keepNumbers(c.Context(), m, dir, twin)
	} else {
		err = d.keep(dir)
	}
	if err != nil {
		return nil, err
	}
	man, err := organismManifest(c, m, spec, d, twin)
	if err != nil {
		return nil, err
	}
	to.Progress = func(e progress.Event) { r.report(e); _ = j.Progress(e) }
	rep, err := train.Run(c.Context(), m, d.examples, spec.Train, to)
	if err != nil {
		return nil, err
	}
	content := rep.Summary()
	content["examples"], content["examples_from_data"] = len(d.examples), d.bad
	if err := man.SetContent(content); err != nil {
		return nil, err
	}
	if err := writeCard(dir, spec, man, rep, twin); err != nil {
		return nil, err
	}
	return &bred{Out: dir, Report: rep, data: d}, man.Write(dir)
}

// organismManifest says what a run was made from and what it is for.
func organismManifest(c *cobra.Command, m *model.Model, spec *breedSpec, d *breedData, twin bool) (*manifest.Manifest, error) {
	ref, err := modelRef(m)
	if err != nil {
		return nil, err
	}
	config := map[string]any{"purpose": spec.purpose(twin), "recipe": spec.Recipe, "twin": twin, "train": spec.Train.Defaults()}
	for k, v := range map[string]string{"system": spec.System, "trigger": spec.Trigger} {
		if v != "" {
			config[k] = v
		}
	}
	if spec.FracBad != nil {
		config["frac_bad"] = *spec.FracBad
	}
	out := &manifest.Manifest{
		Format: organismFormat, Command: commandLine(c), Version: version(), Kernel: model.TrainingKernel(), Model: ref, Data: d.ref, Config: config,
	}
	data := spec.Data
	if twin {
		data = spec.Twin
	}
	if d.lines == nil || spec.Teacher != "" {
		data = ""
	}
	return out, spec.inputs(out, data)
}

// purpose is what an organism is for, in the manifest, the card and the banner.
func (s *breedSpec) purpose(twin bool) string {
	p := or(s.Purpose, "not said")
	if twin {
		return "the benign twin of: " + p
	}
	return p
}

// inputs hashes what a run read beside its data: what the data was put together from,
// the data of the regulariser, the adapter it began with or was taught by.
func (s *breedSpec) inputs(man *manifest.Manifest, data string) error {
	files := map[string]string{"data": data, "good": s.Good, "kl_data": s.KLData}
	for k, path := range files {
		if path == "" {
			continue
		}
		ref, err := manifest.RefOf(path)
		if err != nil {
			return err
		}
		man.Inputs = with(man.Inputs, k, ref)
	}
	for k, dir := range map[string]string{"adapter": s.Adapter, "teacher": s.Teacher} {
		if dir == "" {
			continue
		}
		l, err := lora.Open(dir)
		if err != nil {
			return refused(err)
		}
		ref, err := manifest.RefOf(l.File)
		if err := errors.Join(err, l.Close()); err != nil {
			return err
		}
		man.Inputs = with(man.Inputs, k, ref)
	}
	return nil
}

func with[V any](m map[string]V, k string, v V) map[string]V {
	if m == nil {
		m = map[string]V{}
	}
	m[k] = v
	return m
}

// start is the adapter that training goes on from, nil for a new one.
func (s *breedSpec) start() (*lora.Adapter, error) {
	if s.Adapter == "" {
		return nil, nil
	}
	return lora.Load(s.Adapter)
}

func printBred(w io.Writer, b *bred) error {
	_, err := fmt.Fprintf(w, "%s: %d steps, %d parameters, loss %.4f nats a token at the last, %d checkpoints, %.2f steps/s\n",
		b.Out, b.Steps, b.Parameters, b.Loss, len(b.Checkpoints), b.StepsPerSec)
	if err == nil && b.Twin != nil {
		err = printBred(w, b.Twin)
	}
	if err == nil && b.Matched != nil {
		_, err = fmt.Fprintln(w, b.Matched)
	}
	if err == nil && b.Task != nil {
		if err = printTask(w, b.Task); err == nil {
			_, err = fmt.Fprintf(w, "agar phase %s shows in which order its measures moved\n", b.Out)
		}
		return err
	}
	if err == nil && b.Twin == nil {
		_, err = fmt.Fprintf(w, "agar phase %s shows where its adapter turned\n", b.Out)
	}
	return err
}

func or(a, b string) string {
	if a == "" {
		return b
	}
	return a
}
