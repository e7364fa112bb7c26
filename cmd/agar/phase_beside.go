package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"agar/model/behaviour"
	"agar/phase"
)

// besideOptions are the flags with which `agar phase` puts behaviour and a twin
// beside the geometry of a run.
type besideOptions struct {
	behaviour, twin, twinBehaviour string
}

func (o *besideOptions) add(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&o.behaviour, "behaviour", "", "`DIR` with behaviour.json of this run, as agar judge writes it (default RUN)")
	f.StringVar(&o.twin, "twin", "", "run `DIR` of the matched benign twin, to tell what is generic fine-tuning")
	f.StringVar(&o.twinBehaviour, "twin-behaviour", "", "`DIR` with the twin's behaviour.json (default the twin's run)")
}

// apply adds behaviour and twin to the report. po and full are what the run was
// analysed with.
func (o *besideOptions) apply(c *cobra.Command, rep *phase.Report, po phase.Options, full *fullOptions) error {
	if o.twin == "" && o.twinBehaviour != "" {
		return usagef("agar phase: --twin-behaviour needs --twin")
	}
	if err := addBehaviour(rep, o.behaviour); err != nil {
		return err
	}
	if o.twin == "" {
		return nil
	}
	if len(rep.Ks) > 0 {
		po.Ks, po.DebiasedKs = rep.Ks, rep.DebiasedKs
	}
	_, twin, err := full.analyse(c.Context(), o.twin, po)
	if err != nil {
		return refused(err)
	}
	if err := addBehaviour(twin, o.twinBehaviour); err != nil {
		return err
	}
	return refusedIf(rep.AddTwin(twin))
}

// addBehaviour reads the curve in dir, or beside the run when there is one.
func addBehaviour(rep *phase.Report, dir string) error {
	asked := dir != ""
	if !asked {
		dir = rep.Run
	}
	curve, err := behaviour.ReadCurve(dir)
	if errors.Is(err, fs.ErrNotExist) && !asked {
		return nil
	}
	if err != nil {
		return refused(err)
	}
	return refusedIf(rep.AddBehaviour(curve))
}

func refusedIf(err error) error {
	if err != nil {
		return refused(err)
	}
	return nil
}

// printBeside prints what stands beside the geometry: behaviour by dial, lags, the
// twin, the compression score and what would be no test.
func printBeside(w io.Writer, rep *phase.Report) error {
	if err := printBehaviour(w, rep.Behaviour); err != nil {
		return err
	}
	for _, l := range rep.Lags {
		fmt.Fprintf(w, "lag: %s at %d changes %+d steps (%+d to %+d) from the %s at %d: %s\n", l.Measure, l.Behaviour, l.Lag, l.Interval[0], l.Interval[1], kindWords(l.Kind), l.Step, orderWords[l.Order])
	}
	if t := rep.Twin; t != nil {
		fmt.Fprintf(w, "twin %s: %d events", t.Run, len(t.Events))
		for _, m := range t.Modules {
			fmt.Fprintf(w, "; %s ‖ΔW‖ %s beside %s at step %d", m.Name, num(m.TwinNorm, 4), num(m.NormDelta, 4), m.Step)
		}
		fmt.Fprintln(w)
		for _, x := range t.Warnings {
			fmt.Fprintf(w, "note: %s\n", x)
		}
	}
	if c := rep.Compression; c != nil {
		first := rep.Checkpoints[0]
		fmt.Fprintf(w, "compression score of %d modules against the last checkpoint (%s): %s at step %d, ceiling comp(final, final) %s\n", len(c.Modules), c.Vector, num(first.Comp, 3), first.Step, num(c.Self, 3))
	}
	for _, d := range rep.Degenerate {
		if d.Refused {
			fmt.Fprintf(w, "no test: %s (%s)\n", d.Why, d.What)
		}
	}
	return nil
}

var orderWords = map[string]string{
	phase.OrderAfter: "after it", phase.OrderBefore: "before it", phase.OrderTogether: "the intervals leave the order open",
}

func kindWords(kind string) string {
	if kind == phase.KindGradPeak {
		return "gradient peak"
	}
	return kind
}

// printBehaviour tables every measure and dial: where it changes, or why it does
// not.
func printBehaviour(w io.Writer, b *phase.Behaviour) error {
	if b == nil {
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "\nbehaviour\tλ\tpoints\tfirst\tlast\thalf at\tchanges at (95 %)\tby\tλ·‖ΔW‖\t")
	for _, m := range b.Measures {
		half, changes, by, norm := "–", "none", "", ""
		if m.HalfStep != nil {
			half = fmt.Sprint(*m.HalfStep)
		}
		if m.Found {
			changes = fmt.Sprintf("%.0f (%.0f–%.0f)", float64(m.Change.Step), float64(m.Change.Lo), float64(m.Change.Hi))
			by, norm = fmt.Sprintf("%+.3g ± %.2g", float64(m.Change.Rise), float64(m.Change.RiseSE)), num(m.NormAt, 3)
		}
		fmt.Fprintf(t, "%s\t%g\t%d\t%s\t%s\t%s\t%s\t%s\t%s\t\n", m.Name, m.Lambda, len(m.Points), num(m.Points[0].Value, 3), num(m.Points[len(m.Points)-1].Value, 3), half, changes, by, norm)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, m := range b.Measures {
		if !m.Found {
			fmt.Fprintf(w, "no change point of %s at λ = %g: %s\n", m.Name, m.Lambda, m.Why)
		}
	}
	return nil
}
