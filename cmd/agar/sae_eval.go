package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"agar/sae/eval"
)

type evalOptions struct {
	filter filterFlags
	hook   string
	model  string
	from   int64
	tokens int64
	ceToks int64
	json   bool
}

func newSAEEval() *cobra.Command {
	var o evalOptions
	c := &cobra.Command{
		Use:     "eval SAE CAPTURE",
		Short:   "judge a dictionary on stored activations",
		Example: "  agar sae eval sae store --from 900000",
		Args:    cobra.ExactArgs(2),
		RunE:    func(c *cobra.Command, args []string) error { return runEval(c, args[0], args[1], o) },
	}
	o.filter.add(c)
	f := c.Flags()
	f.StringVar(&o.hook, "hook", "", "column of the capture (default: the dictionary's)")
	f.StringVar(&o.model, "model", "", "model for the cross entropies (default: the capture's)")
	f.Int64Var(&o.from, "from", 0, "first row that counts")
	f.Int64Var(&o.tokens, "tokens", 0, "most tokens to rebuild, 0 for all")
	f.Int64Var(&o.ceToks, "ce-tokens", 0, "tokens for the cross entropies (default 8,192)")
	f.BoolVar(&o.json, "json", false, "print one object")
	return c
}

func runEval(c *cobra.Command, dir, capture string, o evalOptions) error {
	s, store, hook, err := openBoth(dir, capture, o.hook)
	if err != nil {
		return err
	}
	defer store.Close()
	filter, err := o.filter.filter()
	if err != nil {
		return err
	}
	r := newReporter(c)
	defer r.close()
	rep, why, err := judge(c, s, store, hook, o.model, eval.Options{Filter: filter, From: o.from, Tokens: o.tokens, CETokens: o.ceToks, Progress: r.report})
	if err != nil {
		return err
	}
	r.close()
	if o.json {
		return printJSON(c.OutOrStdout(), rep)
	}
	return printEvaluation(c.OutOrStdout(), rep, why)
}

// printEvaluation prints each figure with what it is a share of.
func printEvaluation(w io.Writer, e *eval.Report, noCE string) error {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	row := func(k, format string, a ...any) { fmt.Fprintf(t, "  "+k+"\t"+format+"\n", a...) }
	row("judged on", "%d tokens from row %d; %.3g %% of the store's %d rows left out (%d special, %d by role, %d of norm outliers)",
		e.Tokens, e.From, 100*e.LeftShare, e.LeftOut.Total, e.LeftOut.Special, e.LeftOut.Role, e.LeftOut.Norm)
	row("L0", "%.2f features a token", e.L0)
	row("explained variance", "%.4f   1 − mean‖x−x̂‖² / (mean‖x‖² − ‖mean x‖²)", e.EV)
	row("  legacy", "%.4f   mean over tokens of 1 − ‖x−x̂‖²/‖x−batch mean‖²", e.EVLegacy)
	row("dead", "%d of %d features fired on none of these tokens", e.Dead, e.DeadOf)
	if e.CE == nil {
		row("cross entropy", "not computed: %s", noCE)
		return t.Flush()
	}
	row("cross entropy", "%.4f nats clean, %.4f spliced, %.4f zero ablation, %.4f mean ablation, over %d positions", e.CE.Clean, e.CE.Spliced, e.CE.Zero, e.CE.Mean, e.CE.Positions)
	row("ΔCE", "%+.4f nats, spliced − clean; positions left out are not replaced", e.CE.Delta)
	row("loss recovered", "%s under zero ablation, %s under mean ablation", share(e.CE.RecoveredZero), share(e.CE.RecoveredMean))
	return t.Flush()
}

func share(x *float64) string {
	if x == nil {
		return "undefined"
	}
	return fmt.Sprintf("%.4f", *x)
}
