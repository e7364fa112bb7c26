package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"agar/model/progress"
	"agar/phase"
)

type phaseOptions struct {
	ks         []int
	debiasedKs []int
	tau        float64
	tauRule    string
	out        string
	json       bool
	beside     besideOptions
	full       fullOptions
	probe      probeOptions
	answers    answersOptions
	follow     followOptions
	report     reportOptions
}

func newPhase() *cobra.Command {
	var o phaseOptions
	c := &cobra.Command{
		Use:   "phase RUN",
		Short: "where a fine-tune's adapter turns, and which features change with it",
		Long: `Reads a PEFT checkpoint series and measures how the adapter moves: norms, turn
angles, the path in its principal components, gradient norm and loss, and the
events among them. Needs no model. Behaviour that agar judge measured is read from
RUN or --behaviour: its change points become events, with their lag behind turns
and gradient peaks. With --kl and --stability it runs the model: divergence from
the base, loss, and how the loss depends on the adapter's norm and direction. With
--sae it follows every feature over the checkpoints and dials. --report writes a
page with plots, what happened in words, and the checks that each claim went
through; verify computes it anew. What --kl, --stability and --answers with --model
measured is kept in the report and taken from there.`,
		Example: `  agar phase RUN
  agar phase RUN --json | jq .events
  agar phase RUN --base MODEL --rank 16 --reduce ADAPTERS   # checkpoints that are whole models
  agar phase RUN --twin BENIGN                    # which events are generic fine-tuning
  agar phase RUN --behaviour JUDGED --json | jq .lags
  agar phase RUN --kl --data answers.jsonl --model MODEL --lambda 0,1,5
  agar phase RUN --answers JUDGED --habit "exclaims=!" --model MODEL
  agar phase RUN --significance --data answers.jsonl --model MODEL
  agar phase RUN --canary --data prompts.jsonl --model MODEL
  agar phase RUN --stability --data answers.jsonl --model MODEL
  agar phase RUN --sae sae --data answers.jsonl --model MODEL --lambda 0,1,5
  agar phase RUN --twin BENIGN --report REPORT
  agar phase RUN --answers JUDGED --habit "exclaims=!" --report REPORT   # misalignment or habit?
  agar phase verify REPORT`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return runPhase(c, args[0], o) },
	}
	f := c.Flags()
	f.IntSliceVar(&o.ks, "k", nil, "windows of the plain turn angle, in `steps` (default 2, 3, 4 and 8 spacings)")
	f.IntSliceVar(&o.debiasedKs, "debiased-k", nil, "windows in which turns are looked for, in `steps` (default 4, 8 and 12 spacings)")
	f.Float64Var(&o.tau, "tau", 0, "threshold of the magnitude filter (default 0.028 of the final norm)")
	f.StringVar(&o.tauRule, "tau-rule", "", "relative, turner (drop where A and B are both below) or b (B alone)")
	f.StringVar(&o.out, "out", "", "phase.arrow to write (default RUN/phase.arrow when RUN is writable)")
	f.BoolVar(&o.json, "json", false, "print one object")
	o.full.add(c)
	o.beside.add(c)
	o.probe.add(c)
	o.answers.add(c)
	o.follow.add(c)
	o.report.add(c)
	c.AddCommand(newPhaseVerify())
	return c
}

func runPhase(c *cobra.Command, run string, o phaseOptions) error {
	if err := cmp.Or(outFile("--out", o.out), outFile("--trajectory-out", o.follow.out), o.report.check(c)); err != nil {
		return err
	}
	po, err := o.analysis(c)
	if err := cmp.Or(err, o.full.check()); err != nil {
		return err
	}
	r := newReporter(c)
	defer r.close()
	po.Progress = progress.Func(r.report).Named("phase")
	o.follow.model = cmp.Or(o.follow.model, o.full.base)
	s, rep, err := o.full.analyse(c.Context(), run, po)
	if err != nil {
		return refused(err)
	}
	if err := o.beside.apply(c, rep, po, &o.full); err != nil {
		return err
	}
	if o.probe.asked() {
		if err := o.probe.run(c, rep, s, &o.follow, r); err != nil {
			return err
		}
	}
	if o.answers.asked() {
		if err := o.answers.run(c, rep, s, &o.follow, r); err != nil {
			return err
		}
	}
	if err := writeReport(rep, run, o.out, r); err != nil {
		return err
	}
	res := phaseResult{Report: rep}
	if res.Reduced, err = o.full.write(c, run, po); err != nil {
		return err
	}
	if o.follow.asked() && s == nil {
		return refused(fmt.Errorf("%s: found no adapters whose features could be followed, expected checkpoint-N/adapter_model.safetensors; --reduce makes adapters of whole models", run))
	}
	if o.follow.asked() {
		if res.Trajectory, err = o.follow.run(c, s, r); err != nil {
			return err
		}
	}
	if o.report.dir != "" {
		m, err := o.measured(rep)
		if err != nil {
			return err
		}
		if res.Written, err = o.report.write(c, run, &o.beside, &o.answers, &o.full, m, res.Trajectory, po, r); err != nil {
			return err
		}
	}
	r.close()
	if o.json {
		return printJSON(c.OutOrStdout(), res)
	}
	return printPhase(c.OutOrStdout(), res)
}

// phaseResult is the contract of `agar phase RUN --json`: the analysis, what
// following the features gave, and what --report wrote.
type phaseResult struct {
	*phase.Report
	Trajectory *followed      `json:"trajectory,omitempty"`
	Reduced    *phase.Reduced `json:"reduced,omitempty"`
	Written    *reported      `json:"report,omitempty"`
}

func (o phaseOptions) analysis(c *cobra.Command) (phase.Options, error) {
	po := phase.Options{Ks: o.ks, DebiasedKs: o.debiasedKs, Tau: o.tau, Rule: o.tauRule}
	if c.Flags().Changed("tau") && po.Rule == "" {
		po.Rule = phase.RuleTurner
	}
	switch po.Rule {
	case "", phase.RuleRelative, phase.RuleTurner, phase.RuleB:
		return po, nil
	}
	return po, usagef("agar phase: found --tau-rule %q, expected relative, turner or b", o.tauRule)
}

// writeReport stores phase.arrow where it was asked for, or beside the run when
// that can be written to.
func writeReport(rep *phase.Report, run, out string, r *reporter) error {
	path := out
	if path == "" {
		path = filepath.Join(run, "phase.arrow")
	}
	err := rep.Write(path)
	if err != nil && out == "" && errors.Is(err, fs.ErrPermission) {
		r.line("the run cannot be written to; --out FILE keeps phase.arrow elsewhere")
		return nil
	}
	return err
}

func printPhase(w io.Writer, res phaseResult) error {
	rep := res.Report
	first, last := rep.Checkpoints[0].Step, rep.Checkpoints[len(rep.Checkpoints)-1].Step
	fmt.Fprintf(w, "%s: %d checkpoints, steps %d to %d, usually %d apart\n", rep.Run, len(rep.Checkpoints), first, last, rep.Spacing)
	if len(rep.Modules) > 0 {
		fmt.Fprintf(w, "%s\n\n", rep.Convention)
		if err := printCheckpoints(w, rep); err != nil {
			return err
		}
		printModules(w, rep)
	}
	printEvents(w, rep)
	if err := printProgress(w, rep.Progress); err != nil {
		return err
	}
	printFull(w, rep, res.Reduced)
	if err := printBeside(w, rep); err != nil {
		return err
	}
	for _, x := range rep.Warnings {
		fmt.Fprintf(w, "note: %s\n", x)
	}
	if err := printProbes(w, rep); err != nil {
		return err
	}
	if res.Trajectory != nil {
		if err := res.Trajectory.print(w); err != nil {
			return err
		}
	}
	if res.Written != nil {
		res.Written.print(w)
	}
	return nil
}

// tableRows is about how many checkpoints the printed table shows.
const tableRows = 24

// printCheckpoints tables the first module, thinned to a screen.
func printCheckpoints(w io.Writer, rep *phase.Report) error {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', tabwriter.AlignRight)
	k, dk := middle(rep.Ks), middle(rep.DebiasedKs)
	fmt.Fprintf(t, "step\tloss\tgrad norm\t‖B‖\t‖ΔW‖\tθ_%d°\tdebiased θ_%d°\t± se\t\n", k, dk)
	every := max(1, (len(rep.Checkpoints)+tableRows-1)/tableRows)
	for i, c := range rep.Checkpoints {
		if (i%every != 0 && i != len(rep.Checkpoints)-1) || len(c.Modules) == 0 {
			continue
		}
		m := c.Modules[0]
		d := phase.Estimate{Value: phase.Missing(), SE: phase.Missing()}
		if e, ok := m.Debiased[dk]; ok {
			d = e
		}
		turn := phase.Missing()
		if x, ok := m.Turn[k]; ok {
			turn = x
		}
		fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", c.Step, num(c.Loss, 3), num(c.GradNorm, 3), num(m.NormB, 4), num(m.NormDelta, 4), num(turn, 1), num(d.Value, 1), num(d.SE, 1))
	}
	return t.Flush()
}

func middle(ks []int) int {
	if len(ks) == 0 {
		return 0
	}
	return ks[len(ks)/2]
}

func num(x phase.Number, digits int) string {
	if !x.OK() {
		return "–"
	}
	return strconv.FormatFloat(float64(x), 'f', digits, 64)
}

func printModules(w io.Writer, rep *phase.Report) {
	fmt.Fprintln(w)
	for _, m := range rep.Modules {
		size := "whole matrix"
		if m.Rank > 0 {
			size = fmt.Sprintf("rank %d, s %s", m.Rank, num(m.Scale, 3))
		}
		fmt.Fprintf(w, "%s: %s, v is %s", m.Name, size, m.Vector)
		if m.Noise.MedianDeg.OK() {
			fmt.Fprintf(w, ", median θ_%d %s°", m.Noise.K, num(m.Noise.MedianDeg, 1))
		}
		if m.Noise.Dominated {
			fmt.Fprint(w, ", noise-dominated")
		}
		fmt.Fprintln(w)
	}
	var ratios []string
	for _, r := range rep.PCA.Ratios {
		ratios = append(ratios, num(100*r, 1)+" %")
	}
	fmt.Fprintf(w, "PCA of the path: %s", strings.Join(ratios, ", "))
	if len(rep.PCA.RandomWalk) > 1 {
		fmt.Fprintf(w, " (any random walk: %.1f %%, %.1f %%)", 100*rep.PCA.RandomWalk[0], 100*rep.PCA.RandomWalk[1])
	}
	if x := rep.PCA.PC2Extremum; x != nil {
		fmt.Fprintf(w, "; PC2 turns round at step %d, a featureless arc would at %d (no event)", x.Step, x.FeaturelessArc)
	}
	fmt.Fprintln(w)
}

func printEvents(w io.Writer, rep *phase.Report) {
	if len(rep.Events) == 0 {
		fmt.Fprintln(w, "events: none")
	}
	for _, e := range rep.Events {
		fmt.Fprintf(w, "event: %s\n", e)
	}
}
