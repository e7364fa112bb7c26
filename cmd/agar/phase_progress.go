package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"agar/phase"
)

// printProgress tables the measures of a run and their moves, then the leads and
// the double descents.
func printProgress(w io.Writer, p *phase.Progress) error {
	if p == nil {
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "\nmeasure\tunit\tfirst\tlast\tmoves: by half at step (interval)\t")
	for _, m := range p.Measures {
		if len(m.Values) == 0 {
			fmt.Fprintf(t, "%s\t%s\t–\t–\tno value\t\n", m.Name, m.Unit)
			continue
		}
		fmt.Fprintf(t, "%s\t%s\t%.4g\t%.4g\t%s\t\n", m.Name, m.Unit, float64(m.Values[0]), float64(m.Values[len(m.Values)-1]), moveWords(m.Moves))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, l := range p.Leads {
		fmt.Fprintln(w, leadWords(&l))
	}
	for _, d := range p.Descents {
		fmt.Fprintf(w, "double descent of %s: %.3g at %d, falls to %.3g at %d, rises to %.3g at %d, falls to %.3g at %d%s\n", d.Measure,
			float64(d.Values[0]), d.Steps[0], float64(d.Values[1]), d.Steps[1], float64(d.Values[2]), d.Steps[2], float64(d.Values[3]), d.Steps[3],
			map[bool]string{true: ", below the first minimum", false: ", not below the first minimum"}[d.Lower])
	}
	return nil
}

// leadWords is a lead in a line.
func leadWords(l *phase.Lead) string {
	if l.Lead < 0 {
		return fmt.Sprintf("lead: none, %s at %d is %d steps (%d to %d) behind %s at %d", l.Measure, l.Step, -l.Lead, -l.Interval[1], -l.Interval[0], l.Reference, l.After)
	}
	return fmt.Sprintf("lead: %s at %d, %d steps (%d to %d) before %s at %d: %.0f %% of the run", l.Measure, l.Step, l.Lead, l.Interval[0], l.Interval[1], l.Reference, l.After, 100*float64(l.Share))
}

// moveWords are the moves of a measure in a line.
func moveWords(moves []phase.Move) string {
	if len(moves) == 0 {
		return "none beyond its noise"
	}
	parts := make([]string, len(moves))
	for i, m := range moves {
		arrow := "↗"
		if m.Rise() < 0 {
			arrow = "↘"
		}
		parts[i] = fmt.Sprintf("%s %.3g at %d (%d–%d)", arrow, float64(m.End), m.Step, m.Interval[0], m.Interval[1])
	}
	return strings.Join(parts, ", ")
}
