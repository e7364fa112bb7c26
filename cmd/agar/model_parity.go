package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"agar/model"
	"agar/model/parity"
	"agar/model/progress"
)

// parityOptions are the flags of agar model parity.
type parityOptions struct {
	dump      string
	adapter   adapterFlags
	tolerance float64
	other     bool
	asJSON    bool
}

func newModelParity() *cobra.Command {
	var o parityOptions
	c := &cobra.Command{
		Use:   "parity MODEL --dump FILE [--adapter DIR]",
		Short: "compare logits and every hook with what transformers computes",
		Long: `Runs the prompts of a dump that the script of agar model dump-reference-script made
and compares logits, every hook, greedy tokens and the tokenizer's ids. The error of
a row is the relative error of a token's whole vector, ‖agar − reference‖/‖reference‖;
the worst row counts. 2e-5 passes for a float32 dump. A dump computed in bfloat16 or
float16 carries the rounding of that type at every step: it passes up to 1e-1 or 1e-2
and shows gross mistakes only.

The exit code is 0 when everything is within tolerance and 1 when it is not.`,
		Example: "  agar model dump-reference-script Qwen/Qwen3-0.6B > dump.py   # run it where transformers is\n" +
			"  agar model parity Qwen3-0.6B --dump reference.safetensors",
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return runParity(c, args[0], o) },
	}
	f := c.Flags()
	f.StringVar(&o.dump, "dump", "", "the `FILE` that the reference script wrote")
	o.adapter.add(c)
	f.Float64Var(&o.tolerance, "tol", 0, "largest relative error that passes (default 2e-5 for a float32 dump)")
	f.BoolVar(&o.other, "other-weights", false, "compare although the dump is of other files, such as a GGUF of the same model")
	f.BoolVar(&o.asJSON, "json", false, "print one object")
	return c
}

func runParity(c *cobra.Command, name string, o parityOptions) error {
	if o.dump == "" {
		return usagef("agar model parity: --dump is needed; agar model dump-reference-script %s prints the script that makes one", name)
	}
	if o.tolerance < 0 {
		return usagef("agar model parity: --tol: found %g, expected a positive number", o.tolerance)
	}
	d, err := parity.Open(o.dump)
	if err != nil {
		return refused(err)
	}
	defer d.Close()
	m, err := openModel(name)
	if err != nil {
		return err
	}
	defer m.Close()
	if !o.other {
		if err := d.SameModel(name, m.Files); err != nil {
			return refused(err)
		}
	}
	r, err := compareWith(c, m, d, o)
	if err != nil {
		return err
	}
	return printParity(c, d, r, o.asJSON)
}

// compareWith runs the cases of a dump; the adapters are attached once.
func compareWith(c *cobra.Command, m *model.Model, d *parity.Dump, o parityOptions) (*parity.Report, error) {
	a, err := o.adapter.attach(m, warner(c))
	if err != nil {
		return nil, err
	}
	if err := sameAdapters(d, a, o.other); err != nil {
		return nil, refused(err)
	}
	rep := newReporter(c)
	defer rep.close()
	return m.Parity(c.Context(), d, model.ParityOptions{
		Tolerance: o.tolerance,
		Attach:    func(k *parity.Case) (*model.Adapter, float32, error) { return a, k.Adapters[0].Lambda, nil },
		OnCase: func(i int, k *parity.Case) {
			rep.report(progress.Event{Job: "parity", Stage: k.Name, Step: int64(i), Total: int64(len(d.Cases)), Unit: "cases"})
		},
	})
}

// sameAdapters checks that the adapter given is the one that the dump was made
// with.
func sameAdapters(d *parity.Dump, a *model.Adapter, other bool) error {
	used := false
	for i := range d.Cases {
		k := &d.Cases[i]
		if len(k.Adapters) == 0 {
			continue
		}
		used = true
		switch x := k.Adapters[0]; {
		case a == nil:
			return fmt.Errorf("%s: case %q has the adapter %s, give it with --adapter", d.Path, k.Name, x.Name)
		case len(k.Adapters) > 1 || len(a.Parts()) > 1 || a.Parts()[0].Dial != 1:
			return fmt.Errorf("%s: case %q has %d adapters and %d were given, expected one, without a dial of its own", d.Path, k.Name, len(k.Adapters), len(a.Parts()))
		case x.SHA256 != a.LoRA().SHA256 && !other:
			return fmt.Errorf("%s: case %q has the adapter %s with weights %s, but %s has weights %s", d.Path, k.Name, x.Name, x.SHA256, a.LoRA().Dir, a.LoRA().SHA256)
		}
	}
	if a != nil && !used {
		return fmt.Errorf("%s was made without an adapter, expected one made with %s", d.Path, a.Name())
	}
	return nil
}

// parityJSON is what --json prints.
type parityJSON struct {
	Dump   string        `json:"dump"`
	Model  parity.Source `json:"model"`
	DType  string        `json:"dtype"`
	MadeBy string        `json:"made_by"`
	OK     bool          `json:"ok"`
	*parity.Report
	Worst parity.Deviation   `json:"worst"`
	Hooks []parity.Deviation `json:"hooks"` // worst of each kind
}

func printParity(c *cobra.Command, d *parity.Dump, r *parity.Report, asJSON bool) error {
	var err error
	if asJSON {
		err = printJSON(c.OutOrStdout(), parityJSON{d.Path, d.Model, d.DType, d.MadeBy, r.OK(), r, r.Worst(), r.ByHook()})
	} else {
		err = printParityTable(c.OutOrStdout(), d, r)
	}
	if err == nil && !r.OK() {
		err = errors.New(r.Problem())
	}
	return err
}

func printParityTable(w io.Writer, d *parity.Dump, r *parity.Report) error {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintf(t, "reference\t%s\ncomputed by\t%s in %s\ncases\t%d\ntolerance\t%.2g\n\n", d.Model.Name, d.MadeBy, d.DType, r.Cases, r.Tolerance)
	fmt.Fprintln(t, "hook\tworst error\tat\tcase\tposition")
	for _, x := range r.ByHook() {
		fmt.Fprintf(t, "%s\t%.1e\t%s\t%s\t%d\n", parity.Kind(x.Hook), float64(x.Error), x.Hook, x.Case, x.Pos)
	}
	for _, x := range r.Tokens {
		note := ""
		if x.TossUp() {
			note = ", a toss-up"
		}
		fmt.Fprintf(t, "\ngreedy tokens\tdiffer from token %d of %s: %d, expected %d, which led by %.2g%s\n", x.At, x.Case, x.Got, x.Want, x.Margin, note)
	}
	if d.DType != "float32" {
		fmt.Fprintf(t, "\nnote\tthe reference computed in %s, so that agreement is no better than its rounding\n", d.DType)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	x := r.Worst()
	_, err := fmt.Fprintf(w, "\nworst: %s, %.2e\n", x.Hook, float64(x.Error))
	return err
}

// newModelReferenceScript builds agar model dump-reference-script.
func newModelReferenceScript() *cobra.Command {
	var o parity.ScriptOptions
	c := &cobra.Command{
		Use:   "dump-reference-script MODEL [--adapter DIR]",
		Short: "print the transformers script that agar model parity compares with",
		Long: `Prints a Python script that needs torch, transformers, safetensors and, for an adapter,
peft. Run it where the model fits, a GPU or not: it writes one file with logits, every
hook and greedy tokens of fixed prompts, with and without the adapter.
MODEL and DIR are written into the script as given and need not exist here.`,
		Example: "  agar model dump-reference-script Qwen/Qwen3-0.6B --adapter run/checkpoint-40 > dump.py",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			o.Model = args[0]
			var b strings.Builder
			if err := parity.Script(&b, o); err != nil {
				return usagef("%v", err)
			}
			_, err := io.WriteString(c.OutOrStdout(), b.String())
			return err
		},
	}
	f := c.Flags()
	f.StringVar(&o.Adapter, "adapter", "", "PEFT adapter `DIR`, as the script will find it")
	f.StringVar(&o.Out, "out", "", "`FILE` that the script writes (default reference.safetensors)")
	f.StringVar(&o.DType, "dtype", "", "in which the script computes: float32 (default), bfloat16, float16")
	f.IntVar(&o.Rows, "rows", 0, "rows of each prompt to keep, the last ones (default 4)")
	f.IntVar(&o.Long, "long", 0, "tokens of the long prompt (default 2100; negative for none)")
	return c
}
