package main

import (
	"fmt"
	"io"
	"path/filepath"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"agar/activations"
	"agar/activations/manifest"
	"agar/model"
	"agar/model/lora"
	"agar/model/progress"
	"agar/phase"
	"agar/phase/report"
)

// probeOptions are the flags with which `agar phase` runs a model over fixed tokens
// at every checkpoint; model, data, dials and checkpoints are those of following.
type probeOptions struct {
	kl, stability, canary bool
	significance          bool
	draws                 int
	epsilons              []float64
}

func (o *probeOptions) add(c *cobra.Command) {
	f := c.Flags()
	f.BoolVar(&o.kl, "kl", false, "measure KL to the base, in both directions, and the loss on --data at every checkpoint and dial")
	f.BoolVar(&o.stability, "stability", false, "measure the loss on --data of the last checkpoint at other norms, and with its factors perturbed")
	f.BoolVar(&o.canary, "canary", false, "watch the first token of the answers to the prompts in --data: how far its distribution moves from its running mean")
	f.BoolVar(&o.significance, "significance", false, "which tokens of the answers in --data carry the KL to the base, by its gradient on their embeddings, at the last checkpoint")
	f.IntVar(&o.draws, "draws", 5, "perturbations at each size, for --stability")
	f.Float64SliceVar(&o.epsilons, "epsilon", nil, "`sizes` of perturbations, 0 to 1 (default 0.1, 0.2, 0.3, 0.5, 0.7, 1)")
	f.Lookup("epsilon").DefValue = "" // said in words
}

func (o *probeOptions) asked() bool { return o.kl || o.stability || o.canary || o.significance }

// run adds what was asked for to the report.
func (o *probeOptions) run(c *cobra.Command, rep *phase.Report, s *lora.Series, on *followOptions, r *reporter) error {
	if on.data == "" || on.model == "" {
		return usagef("agar phase: --kl, --stability, --canary and --significance need --data and --model as well")
	}
	s, err := seriesOf(s, rep)
	if err != nil {
		return err
	}
	m, err := openModel(on.model)
	if err != nil {
		return err
	}
	defer m.Close()
	if _, err := on.template.apply(c, m); err != nil {
		return err
	}
	if o.kl {
		err := o.with(c, m, s, on, r, func(p phase.ProbeOptions) error {
			d, err := phase.Diverge(c.Context(), p)
			if err == nil {
				rep.AddDivergence(d)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	if o.canary {
		err := o.with(c, m, s, on, r, func(p phase.ProbeOptions) error {
			rep.Canary, err = phase.Canaries(c.Context(), p)
			return err
		})
		if err != nil {
			return err
		}
	}
	if o.significance {
		err := o.with(c, m, s, on, r, func(p phase.ProbeOptions) error {
			rep.Significance, err = phase.Significances(c.Context(), p)
			return err
		})
		if err != nil {
			return err
		}
	}
	if !o.stability {
		return nil
	}
	return o.with(c, m, s, on, r, func(p phase.ProbeOptions) error {
		x, err := phase.Robust(c.Context(), phase.RobustnessOptions{ProbeOptions: p, Epsilons: o.epsilons, Draws: o.draws, Seed: on.seed})
		if err == nil {
			rep.AddRobustness(x)
		}
		return err
	})
}

// seriesOf is the series of adapters, or of the whole models of a run without any.
func seriesOf(s *lora.Series, rep *phase.Report) (*lora.Series, error) {
	if s != nil {
		return s, nil
	}
	s, err := model.OpenRun(rep.Run)
	return s, refusedIf(err)
}

// measured is what running the model gave, for a report; nil where none was run.
func (o *phaseOptions) measured(rep *phase.Report) (*report.Measured, error) {
	m := &report.Measured{Divergence: rep.Divergence, Robustness: rep.Robustness, Canary: rep.Canary, Significance: rep.Significance}
	if rep.Shift != nil && rep.Shift.Scored {
		m.Shift = rep.Shift
	}
	if m.Divergence == nil && m.Robustness == nil && m.Shift == nil && m.Canary == nil && m.Significance == nil {
		return nil, nil
	}
	x, err := openModel(o.follow.model)
	if err != nil {
		return nil, err
	}
	defer x.Close()
	ref, err := modelRef(x)
	if err != nil {
		return nil, err
	}
	m.Model, m.ModelSHA256 = filepath.Base(ref.Path), ref.SHA256
	if o.follow.data != "" && o.follow.data != "-" {
		data, err := manifest.RefOf(o.follow.data)
		if err != nil {
			return nil, err
		}
		m.Data, m.DataSHA256 = filepath.Base(data.Path), data.SHA256
	}
	return m, nil
}

// with opens the documents for one measurement.
func (o *probeOptions) with(c *cobra.Command, m *model.Model, s *lora.Series, on *followOptions, r *reporter, measure func(phase.ProbeOptions) error) error {
	docs, err := activations.OpenDocuments(on.data, m.Tokenizer, m.Chat, activations.DocumentOptions{Stdin: c.InOrStdin()})
	if err != nil {
		return refused(err)
	}
	defer docs.Close()
	return refusedIf(measure(phase.ProbeOptions{
		Model: m, Series: s, Docs: checkedDocuments{docs}, On: on.on, Steps: on.steps, Lambdas: on.lambdas, Context: on.ctx, Tokens: on.tokens,
		Progress: progress.Func(r.report).Named("phase"),
	}))
}

// printProbes prints what the probes measured.
func printProbes(w io.Writer, rep *phase.Report) error {
	if err := printDivergence(w, rep.Divergence); err != nil {
		return err
	}
	if err := printShift(w, rep.Shift); err != nil {
		return err
	}
	printAttributions(w, rep)
	if err := printCanary(w, rep.Canary); err != nil {
		return err
	}
	if err := printSignificance(w, rep.Significance); err != nil {
		return err
	}
	return printRobustness(w, rep.Robustness)
}

// printDivergence tables the curves at the dial nearest to 1, thinned to a screen.
func printDivergence(w io.Writer, d *phase.Divergence) error {
	if d == nil {
		return nil
	}
	fmt.Fprintf(w, "\non %s: %d tokens of %d documents, nats a token, λ = %g; loss of the base %s\n", d.On, d.Tokens, d.Documents, d.Lambda, interval(d.BaseLoss, 4))
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "step\tKL(model‖base)\tKL(base‖model)\tloss\tλ·‖ΔW‖\t")
	var rows []phase.DivergenceAt
	for _, x := range d.At {
		if x.Lambda == d.Lambda {
			rows = append(rows, x)
		}
	}
	every := max(1, (len(rows)+tableRows-1)/tableRows)
	for i, x := range rows {
		if i%every == 0 || i == len(rows)-1 {
			fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%s\t\n", x.Step, interval(x.KLModelBase, 4), interval(x.KLBaseModel, 4), interval(x.Loss, 4), num(x.NormDelta, 3))
		}
	}
	return t.Flush()
}

// printCanary tables the monitor.
func printCanary(w io.Writer, x *phase.Canary) error {
	if x == nil {
		return nil
	}
	fmt.Fprintf(w, "\n%s\n", x)
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "step\tJS to running mean, bits\tthreshold\t\tJS to the base\t")
	every := max(1, (len(x.At)+tableRows-1)/tableRows)
	for i, a := range x.At {
		if i%every != 0 && i != len(x.At)-1 && !a.Above {
			continue
		}
		fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%s\t\n", a.Step, interval(a.JS, 4), num(a.Threshold, 4), map[bool]string{true: "above"}[a.Above], interval(a.Base, 4))
	}
	return t.Flush()
}

// printSignificance tables the heaviest tokens.
func printSignificance(w io.Writer, x *phase.Significance) error {
	if x == nil {
		return nil
	}
	fmt.Fprintf(w, "\n%s\n", x)
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "token\tid\ttimes\tnats each\tshare\tln ≥ 0.5")
	for _, k := range x.ByToken[:min(tableRows, len(x.ByToken))] {
		fmt.Fprintf(t, "%q\t%d\t%d\t%s\t%s\t%d\n", k.Text, k.ID, k.Count, num(k.Mean, 3), num(k.Share, 3), k.Above)
	}
	return t.Flush()
}

// interval is a value with its interval, when it has one.
func interval(x phase.Interval, digits int) string {
	if !x.Lo.OK() || !x.Hi.OK() {
		return num(x.Value, digits)
	}
	return num(x.Value, digits) + " [" + num(x.Lo, digits) + ", " + num(x.Hi, digits) + "]"
}

func printRobustness(w io.Writer, r *phase.Robustness) error {
	if r == nil {
		return nil
	}
	fmt.Fprintf(w, "\ncheckpoint %d on %s: %d tokens of %d documents; mean ‖ΔW‖ of a module %s (without the scale s: %s); loss %s, of the base %s\n",
		r.Step, r.On, r.Tokens, r.Documents, num(r.Norm, 4), num(r.NormWithoutScale, 4), interval(r.Loss, 4), interval(r.BaseLoss, 4))
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "share of the norm\t‖ΔW‖\tloss\t")
	for _, e := range r.Efficiency {
		fmt.Fprintf(t, "%g\t%s\t%s\t\n", e.Fraction, num(e.Norm, 4), interval(e.Loss, 4))
	}
	if err := t.Flush(); err != nil || len(r.Stability) == 0 {
		return err
	}
	fmt.Fprintf(w, "\nΔloss with factors turned by ε at right angles, norms kept, %d draws\n", r.Stability[0].At[0].Draws)
	t = tabwriter.NewWriter(w, 0, 4, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "ε\tA\tB\tboth\t")
	for i, x := range r.Stability[0].At {
		fmt.Fprintf(t, "%g\t", x.Epsilon)
		for _, c := range r.Stability {
			fmt.Fprintf(t, "%s\t", interval(c.At[i].DeltaLoss, 4))
		}
		fmt.Fprintln(t)
	}
	return t.Flush()
}
