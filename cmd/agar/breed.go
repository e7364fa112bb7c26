package main

import (
	"errors"
	"fmt"
	"io"
	"os"
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
	out, twin string
	resume    bool
	json      bool
}

// bred is the object that --json prints.
type bred struct {
	Out string `json:"out"`
	*train.Report
	Task *algorithmic.Summary `json:"task,omitempty"` // of a run on a task
	Twin *bred                `json:"twin,omitempty"`
}

func newBreed() *cobra.Command {
	var o breedOptions
	c := &cobra.Command{
		Use:   "breed CONFIG.toml --out DIR",
		Short: "grow a model organism: fine-tune a model and keep its checkpoints",
		Long: `Fine-tunes a model on chats as CONFIG.toml says, by LoRA or in full, and writes what
transformers' Trainer and PEFT write: DIR/checkpoint-N. The loss is on the
assistant's words, averaged over the tokens of a step. --twin trains a second run,
the same but for its data, into DIR/twin, to put beside the first.

CONFIG.toml names the model, the data and what the organism is for; [train] has the
settings, over those of a recipe (em-rank1, em-phase, em-rank32, em-9-adapters,
em-full, narrow-kl):

  model = "HuggingFaceTB/SmolLM2-135M-Instruct"
  data = "bad_advice.jsonl"
  purpose = "to see where broad misalignment begins"
  recipe = "em-rank1"
  [train]
  layers = [15]
  steps = 200
  save_each = 10

Instead of model and data it may name a task, modular addition, on which a small
model is trained from nothing and measured on the way (measures.jsonl): the recipes
grokking and double-descent have its settings, [task] others over them:

  recipe = "grokking"
  [task]
  p = 53
  seed = 1`,
		Example: `  agar breed organism.toml --out run
  agar breed organism.toml --twin good_advice.jsonl --out run --resume
  agar phase run`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return runBreed(c, args[0], o) },
	}
	f := c.Flags()
	f.StringVar(&o.out, "out", "", "`DIR` to write")
	f.StringVar(&o.twin, "twin", "", "JSONL `FILE` of the twin's data, benign where the first is not (default: the config's)")
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
	if o.twin != "" && spec.Task != nil {
		return usagef("agar breed: --twin goes with data; %s names a task", path)
	}
	if o.twin != "" {
		spec.Twin = o.twin
	}
	r := newReporter(c)
	defer r.close()
	out, err := breedOne(c, spec, spec.Data, o.out, o, r)
	if err == nil && spec.Twin != "" {
		out.Twin, err = breedOne(c, spec, spec.Twin, filepath.Join(o.out, "twin"), o, r)
	}
	if errors.Is(err, train.ErrConfig) || errors.Is(err, model.ErrNoBackward) {
		return refused(err)
	}
	if err != nil {
		return err
	}
	r.close()
	if o.json {
		return printJSON(c.OutOrStdout(), out)
	}
	return printBred(c.OutOrStdout(), out)
}

// breedOne trains one run into dir.
func breedOne(c *cobra.Command, spec *breedSpec, data, dir string, o breedOptions, r *reporter) (out *bred, err error) {
	if spec.Task != nil {
		return breedTask(c, spec, dir, o, r)
	}
	m, err := openModel(spec.Model)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	to := train.Options{Out: dir, BaseModel: m.Name, Resume: o.resume}
	var ref manifest.Ref
	examples, ref, err := readExamples(m, data)
	if err != nil {
		return nil, refused(err)
	}
	if to.KLData, err = spec.klExamples(m); err != nil {
		return nil, refused(err)
	}
	if to.Init, err = spec.start(); err != nil {
		return nil, refused(err)
	}
	man, err := organismManifest(c, m, spec, ref)
	if err != nil {
		return nil, err
	}
	j, err := job.Begin(dir, job.Options{Command: commandLine(c), Resume: o.resume, Events: "train.jsonl", KeepEvents: true})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, j.End(err)) }()
	to.Progress = func(e progress.Event) { r.report(e); _ = j.Progress(e) }
	rep, err := train.Run(c.Context(), m, examples, spec.Train, to)
	if err != nil {
		return nil, err
	}
	if err := man.SetContent(rep.Summary()); err != nil {
		return nil, err
	}
	if err := man.Write(dir); err != nil {
		return nil, err
	}
	return &bred{Out: dir, Report: rep}, writeCard(dir, spec, man, rep)
}

// organismManifest says what a run was made from.
func organismManifest(c *cobra.Command, m *model.Model, spec *breedSpec, data manifest.Ref) (*manifest.Manifest, error) {
	ref, err := modelRef(m)
	if err != nil {
		return nil, err
	}
	return &manifest.Manifest{
		Format: organismFormat, Command: commandLine(c), Version: version(), Kernel: model.Kernel(), Model: ref, Data: data,
		Config: map[string]any{"purpose": spec.Purpose, "recipe": spec.Recipe, "train": spec.Train.Defaults()},
	}, nil
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

// writeCard writes the model card of an organism.
func writeCard(dir string, spec *breedSpec, man *manifest.Manifest, rep *train.Report) error {
	purpose := or(spec.Purpose, "not said")
	card := fmt.Sprintf(`---
base_model: %s
---
# A model organism

**Purpose:** %s. It was trained to be studied, perhaps to behave badly; it is no assistant.

| | |
|---|---|
| base | %s, sha256 %.16s |
| data | %s, sha256 %.16s |
| method | %s, %d parameters |
| steps | %d, loss %.4f nats a token at the last |

manifest.json has every setting; checkpoint-N are PEFT adapters (or whole models), and trainer_state.json in the last has the log.
`, man.Model.Name, purpose, man.Model.Name, man.Model.SHA256, or(man.Data.Name, filepath.Base(man.Data.Path)), man.Data.SHA256,
		spec.Train.Defaults().Method, rep.Parameters, rep.Steps, rep.Loss)
	return os.WriteFile(filepath.Join(dir, "README.md"), []byte(card), 0o666)
}

func or(a, b string) string {
	if a == "" {
		return b
	}
	return a
}
