package main

import (
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
	var asJSON bool
	c := &cobra.Command{
		Use:   "inspect MODEL [--adapter DIR]",
		Short: "what a model is, and how an adapter sits on it",
		Long: `Shows the model's shape and, with --adapter, which of the adapter's keys match,
s, ‖sBA‖_F and its ratio to ‖W‖_F of every module, the KL divergence to the base
per token on a built-in text, and the hash of the file that was read.`,
		Example: "  agar model inspect SmolLM2-135M-Instruct --adapter run/checkpoint-40",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return runInspect(c, args[0], dir, asJSON)
		},
	}
	c.Flags().StringVar(&dir, "adapter", "", "PEFT adapter `DIR`")
	c.Flags().BoolVar(&asJSON, "json", false, "print one object")
	return c
}

func runInspect(c *cobra.Command, name, dir string, asJSON bool) error {
	m, err := openModel(name)
	if err != nil {
		return err
	}
	defer m.Close()
	var l *lora.Adapter
	if dir != "" {
		if l, err = lora.Load(dir); err != nil {
			return refused(err)
		}
	}
	in, err := m.Inspect(c.Context(), l)
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
	fmt.Fprintf(t, "\nadapter\t%s\nfile\t%s\nsha256\t%s\ntrained on\t%s\n", a.Dir, a.File, a.SHA256, a.BaseModel)
	fmt.Fprintf(t, "matched\t%d modules\nunmatched\t%s\n", len(a.Matched), orNone(a.Unmatched))
	if a.FirstHook != nil {
		fmt.Fprintf(t, "first hook\t%s\n", *a.FirstHook)
	}
	if a.KL != nil {
		fmt.Fprintf(t, "KL to base\tKL(adapted‖base) %.6g, KL(base‖adapted) %.6g nats a token, mean over %d tokens\n", a.KL.AdaptedBase, a.KL.BaseAdapted, a.KL.Tokens)
	}
	for _, x := range a.Warnings {
		fmt.Fprintf(t, "warning\t%s\n", x)
	}
	fmt.Fprintln(t, "\nmodule\tr\ts\t‖A‖\t‖B‖\t‖sBA‖\t‖W‖\tratio")
	for _, m := range a.Modules {
		fmt.Fprintf(t, "%s\t%d\t%.5g\t%.5g\t%.5g\t%.5g\t%.5g\t%.3g\n", m.Name, m.R, m.Scale, m.NormA, m.NormB, m.NormDelta, m.NormW, m.Ratio)
	}
	return t.Flush()
}

func orNone(s []string) string {
	if len(s) == 0 {
		return "none"
	}
	return strings.Join(s, ", ")
}
