package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"agar/model"
	"agar/model/lora"
)

func newModelInspect() *cobra.Command {
	var dir string
	var allowZero, asJSON bool
	c := &cobra.Command{
		Use:   "inspect MODEL [--adapter DIR]",
		Short: "what a model is, and how an adapter sits on it",
		Long: `Shows the model's shape and, with --adapter, which of the adapter's keys match,
s, ‖sBA‖_F and its ratio to ‖W‖_F of every module, how far DoRA's magnitudes and
what was trained in full moved, the KL divergence to the base per token on a
built-in text, and the hash of the file that was read. An adapter that does not fit
or changes nothing is shown and refused.`,
		Example: "  agar model inspect SmolLM2-135M-Instruct --adapter run/checkpoint-40",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return runInspect(c, args[0], dir, model.AttachOptions{AllowZero: allowZero}, asJSON)
		},
	}
	c.Flags().StringVar(&dir, "adapter", "", "PEFT adapter `DIR` or steering_vector.pt")
	c.Flags().BoolVar(&allowZero, "allow-zero-adapter", false, "take an adapter that changes nothing, whose B is all zero")
	c.Flags().BoolVar(&asJSON, "json", false, "print one object")
	return c
}

func runInspect(c *cobra.Command, name, dir string, o model.AttachOptions, asJSON bool) error {
	m, err := openModel(name)
	if err != nil {
		return err
	}
	defer m.Close()
	var l *lora.Adapter
	if dir != "" {
		if l, err = lora.Load(dir); err != nil {
			return refused(seriesHint(dir, err))
		}
	}
	in, err := m.Inspect(c.Context(), l, o)
	if err != nil {
		return err
	}
	if asJSON {
		err = printJSON(c.OutOrStdout(), in)
	} else {
		err = printInspection(c.OutOrStdout(), in)
	}
	if err == nil && in.Adapter != nil && in.Adapter.Problem != nil {
		return refused(errors.New(*in.Adapter.Problem))
	}
	return err
}

func printInspection(w io.Writer, in *model.Inspection) error {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	row := func(k, format string, a ...any) { fmt.Fprintf(t, "%s\t"+format+"\n", append([]any{k}, a...)...) }
	row("model", "%s", in.Name)
	row("path", "%s", in.Path)
	row("architecture", "%s · %d layers · d_model %d · d_mlp %d", in.Architecture, in.Layers, in.DModel, in.DMLP)
	row("attention", "%d heads of %d, %d key-value heads", in.Heads, in.DHead, in.KVHeads)
	row("positions", "%d, rope θ %g, scaling %s", in.MaxPos, in.RopeTheta, in.RopeScaling)
	row("vocabulary", "%d, tokenizer %d, embeddings tied %t", in.Vocab, in.TokenizerSize, in.Tied)
	row("parameters", "%d", in.Parameters)
	for _, k := range sortedKeys(in.Stored) {
		row("stored "+k, "%.1f MB", float64(in.Stored[k])/1e6)
	}
	row("memory plan", "workspace %.0f MB, packed weights up to %.0f MB", float64(in.Workspace)/1e6, float64(in.Panels)/1e6)
	row("chat template", "%t", in.ChatTemplate)
	if err := t.Flush(); err != nil {
		return err
	}
	if err := printHooks(w, in.Hooks, in.Layers); err != nil {
		return err
	}
	return printAdapter(w, in.Adapter)
}

// printHooks prints the hooks of a block once, with the layers that have them
// unless all do.
func printHooks(w io.Writer, hooks []model.HookShape, layers int) error {
	var order []string
	at := map[string][]int{}
	for _, h := range hooks {
		line := strings.Replace(h.String(), fmt.Sprintf("blocks.%d.", h.Layer), "blocks.L.", 1)
		if at[line] == nil {
			order = append(order, line)
		}
		at[line] = append(at[line], h.Layer)
	}
	fmt.Fprintln(w, "\nhooks, and the shape of a token's values")
	for _, line := range order {
		if n := len(at[line]); strings.HasPrefix(line, "blocks.") && n < layers {
			line += fmt.Sprintf("   L = %s", ranges(at[line]))
		}
		if _, err := fmt.Fprintln(w, "  "+line); err != nil {
			return err
		}
	}
	return nil
}

// ranges writes ascending numbers as 0–3, 5, 7–9.
func ranges(n []int) string {
	var parts []string
	for i := 0; i < len(n); {
		j := i
		for j+1 < len(n) && n[j+1] == n[j]+1 {
			j++
		}
		part := fmt.Sprint(n[i])
		if j > i {
			part = fmt.Sprintf("%d–%d", n[i], n[j])
		}
		parts = append(parts, part)
		i = j + 1
	}
	return strings.Join(parts, ", ")
}

func printAdapter(w io.Writer, a *model.AdapterInspected) error {
	if a == nil {
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintf(t, "\nadapter\t%s\nkind\t%s\nfile\t%s\nsha256\t%s\ntrained on\t%s\n", a.Dir, a.Kind, a.File, a.SHA256, cmp.Or(a.BaseModel, "not said"))
	fmt.Fprintf(t, "matched\t%d modules and %d parameters saved in full\nunmatched\t%s\n", len(a.Modules), len(a.Saved), orNone(a.Unmatched))
	if len(a.Missing) > 0 {
		fmt.Fprintf(t, "missing\t%s\n", strings.Join(a.Missing, ", "))
	}
	if a.FirstHook != nil {
		fmt.Fprintf(t, "first hook\t%s\n", *a.FirstHook)
	}
	if a.KL != nil {
		fmt.Fprintf(t, "KL to base\tKL(adapted‖base) %.6g, KL(base‖adapted) %.6g nats a token, mean over %d tokens\n", a.KL.AdaptedBase, a.KL.BaseAdapted, a.KL.Tokens)
	}
	for _, x := range a.Warnings {
		fmt.Fprintf(t, "warning\t%s\n", x)
	}
	printFactors(t, a)
	return t.Flush()
}

// printFactors writes a line for each module, and one for each parameter that was
// saved in full.
func printFactors(w io.Writer, a *model.AdapterInspected) {
	fmt.Fprintln(w, "\nmodule\tr\ts\t‖A‖\t‖B‖\t‖sBA‖\t‖W‖\tratio\tbeside")
	for _, m := range a.Modules {
		fmt.Fprintf(w, "%s\t%d\t%.5g\t%.5g\t%.5g\t%.5g\t%.5g\t%.3g\t%s\n", m.Name, m.R, m.Scale, m.NormA, m.NormB, m.NormDelta, m.NormW, m.Ratio, beside(m))
	}
	if len(a.Saved) == 0 {
		return
	}
	fmt.Fprintln(w, "\nsaved in full\tshape\t‖W' − W‖\t‖W‖\tratio")
	for _, s := range a.Saved {
		fmt.Fprintf(w, "%s\t%v\t%.5g\t%.5g\t%.3g\n", s.Name, s.Shape, s.NormDelta, s.NormW, s.Ratio)
	}
}

// beside says what a module has beside its factors.
func beside(m model.ModuleInspected) string {
	var out []string
	if m.Magnitude != nil {
		out = append(out, fmt.Sprintf("DoRA, |m/‖W‖ − 1| ≤ %.3g", *m.Magnitude))
	}
	if m.NormBias > 0 {
		out = append(out, fmt.Sprintf("bias, ‖s·b‖ %.5g", m.NormBias))
	}
	if m.Kind != "linear" {
		out = append(out, m.Kind)
	}
	return strings.Join(out, ", ")
}

func orNone(s []string) string {
	if len(s) == 0 {
		return "none"
	}
	return strings.Join(s, ", ")
}
