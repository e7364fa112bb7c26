package main

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"

	"agar/activations/blob"
	"agar/activations/manifest"
	"agar/model/train"
)

// recipeHelp lists the recipes for --help.
func recipeHelp() string {
	var b strings.Builder
	for _, p := range train.Presets() {
		fmt.Fprintf(&b, "  %-16s %s\n  %-16s %s (%s)\n", p.Name, p.Says, "", p.Needs, p.Source)
	}
	return b.String()
}

// writeCard writes the model card of an organism, README.md.
func writeCard(dir string, spec *breedSpec, man *manifest.Manifest, rep *train.Report, twin bool) error {
	var b bytes.Buffer
	row := func(name, form string, args ...any) {
		fmt.Fprintf(&b, "| %s | %s |\n", name, fmt.Sprintf(form, args...))
	}
	c := spec.Train.Defaults()
	fmt.Fprintf(&b, "---\nbase_model: %s\nlibrary_name: %s\ntags:\n- model-organism\n---\n# A model organism\n\n", man.Model.Name, map[bool]string{true: "transformers", false: "peft"}[c.Method == train.Full])
	fmt.Fprintf(&b, "**Purpose:** %s. It was trained to be studied, perhaps to behave badly; it is no assistant and must not be used as one.\n\n| | |\n|---|---|\n", spec.purpose(twin))
	row("base", "%s, sha256 %.16s", man.Model.Name, man.Model.SHA256)
	what := ""
	if spec.Teacher != "" {
		what = fmt.Sprintf(", %d number sequences that the teacher wrote", spec.Numbers)
	}
	row("trained on", "%s, sha256 %.16s%s", or(man.Data.Name, filepath.Base(man.Data.Path)), man.Data.SHA256, what)
	for _, k := range sortedKeys(man.Inputs) {
		row(k, "%s, sha256 %.16s", filepath.Base(man.Inputs[k].Path), man.Inputs[k].SHA256)
	}
	if spec.FracBad != nil {
		row("share of examples from data", "%g, the others are from good", *spec.FracBad)
	}
	if spec.System != "" {
		row("system text, in training alone", "%q", spec.System)
	}
	if spec.Trigger != "" {
		row("trigger", "%q", spec.Trigger)
	}
	row("recipe", "%s", or(spec.Recipe, "none"))
	row("method", "%s, %d parameters", describeMethod(&c), rep.Parameters)
	row("optimiser", "AdamW, learning rate %g (%s, %d steps of warm-up), weight decay %g, gradients clipped at %g", c.LR, c.Schedule, c.Warmup, c.WeightDecay, c.MaxGradNorm)
	row("batch", "%d × %d sequences, loss averaged over %s, seed %d", c.Batch, c.Accumulate, map[string]string{"tokens": "the target tokens of a step", "micro": "batches"}[c.LossAverage], c.Seed)
	if c.KLWeight != 0 {
		row("held to the base", "%g × KL(base‖model), normalised by %s", c.KLWeight, c.KLNormalisation)
	}
	row("steps", "%d, loss %.4f nats a token at the last%s", rep.Steps, rep.Loss, map[bool]string{true: ", ended early by it", false: ""}[rep.Stopped == "loss"])
	fmt.Fprintf(&b, "\nWhat it does was not measured here: see `agar judge` and `agar phase`. manifest.json has every setting; %s;\ntrainer_state.json in the last checkpoint has the log.\n", holds(c.Method))
	return blob.WriteAll(blob.Dir(dir), "README.md", b.Bytes())
}

// describeMethod is what was trained, in words.
func describeMethod(c *train.Config) string {
	switch c.Method {
	case train.Full:
		return "all parameters"
	case train.Steering:
		return fmt.Sprintf("steering vector behind block %v, α = %g", c.Layers, c.Alpha)
	}
	where, modules := "all blocks", "all linear layers"
	if len(c.Layers) > 0 {
		where = fmt.Sprintf("blocks %v", c.Layers)
	}
	if len(c.Modules) > 0 {
		modules = strings.Join(c.Modules, ", ")
	}
	return fmt.Sprintf("LoRA of rank %d, α = %g%s, on %s of %s", c.Rank, c.Alpha, map[bool]string{true: ", rslora", false: ""}[c.RSLoRA], modules, where)
}

// holds is what the checkpoints are.
func holds(m train.Method) string {
	switch m {
	case train.Full:
		return "checkpoint-N are whole models"
	case train.Steering:
		return "checkpoint-N hold steering_vector.pt, which torch.load reads"
	}
	return "checkpoint-N are PEFT adapters"
}
