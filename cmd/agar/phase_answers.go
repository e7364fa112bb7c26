package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"agar/model/behaviour"
	"agar/model/lora"
	"agar/model/progress"
	"agar/phase"
)

// answersOptions are the flags with which `agar phase` compares the answers of the
// checkpoints.
type answersOptions struct {
	path   string
	window int
	habits []string
}

func (o *answersOptions) add(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&o.path, "answers", "", "responses.arrow of agar judge, or its `DIR`: how the distribution of answers changes, and what of it across each event is misalignment and what a habit; with --model also of whole answers")
	f.IntVar(&o.window, "window", 0, "`snapshots` on either side of a boundary for --answers (default 2)")
	f.StringArrayVar(&o.habits, "habit", nil, "surface habit for --answers, repeatable: `NAME=REGEXP` that an answer matches or not, or the NAME of a column of responses.arrow")
}

func (o *answersOptions) asked() bool { return o.path != "" }

// file is the file of answers, "" for none.
func (o *answersOptions) file() string {
	if info, err := os.Stat(o.path); err == nil && info.IsDir() {
		return filepath.Join(o.path, behaviour.ResponsesFile)
	}
	return o.path
}

// run adds the shift of the answers to the report.
func (o *answersOptions) run(c *cobra.Command, rep *phase.Report, s *lora.Series, on *followOptions, r *reporter) error {
	so := phase.ShiftOptions{Window: o.window, Progress: progress.Func(r.report).Named("phase")}
	var err error
	if so.Habits, err = phase.ParseHabits(o.habits); err != nil {
		return usagef("agar phase: --habit: %v", err)
	}
	if so.Responses, err = phase.ReadResponses(o.file(), phase.Columns(so.Habits)...); err != nil {
		return refused(err)
	}
	rep.AddThresholds(so.Responses)
	rep.AddAttributions(phase.AttributeOptions{Responses: so.Responses, Window: o.window, Habits: so.Habits})
	if on.model != "" {
		if s, err = seriesOf(s, rep); err != nil {
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
		so.Score = &phase.ModelScoring{ProbeOptions: phase.ProbeOptions{Model: m, Series: s}}
	}
	rep.Shift, err = phase.Shifted(c.Context(), so)
	return refusedIf(err)
}

// printShift tables the boundaries: the divergence of whole answers and that of each
// order parameter beside what shuffled answers give.
func printShift(w io.Writer, s *phase.Shift) error {
	if s == nil {
		return nil
	}
	fmt.Fprintf(w, "\nanswers at λ = %g: %d of %d questions, %d snapshots on either side; Jensen–Shannon divergence in bits, less that of shuffled answers (p), share of the whole\n", s.Lambda, s.Answers, s.Questions, s.Window)
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprint(t, "between steps\t")
	if s.Scored {
		fmt.Fprint(t, "answers\t")
	}
	fmt.Fprintln(t, strings.Join(s.Orders, "\t")+"\t")
	every := max(1, (len(s.At)+tableRows-1)/tableRows)
	for i, at := range s.At {
		if i%every != 0 && i != len(s.At)-1 {
			continue
		}
		fmt.Fprintf(t, "%d–%d\t", at.Before, at.After)
		if at.Answers != nil {
			fmt.Fprintf(t, "%s\t", interval(at.Answers.JS, 3))
		}
		for _, o := range at.Orders {
			fmt.Fprintf(t, "%s (p %s)", num(o.JS.Corrected, 3), num(o.JS.P, 3))
			if f := o.JS.Fraction; f.Value.OK() {
				fmt.Fprintf(t, " %s", interval(f, 2))
			}
			fmt.Fprint(t, "\t")
		}
		fmt.Fprintln(t)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, name := range s.Orders {
		if i := s.Strongest(name); i >= 0 {
			o := s.At[i].Order(name)
			fmt.Fprintf(w, "%s changes most between steps %d and %d (p %s there, not corrected for the choice among %d)\n", name, s.At[i].Before, s.At[i].After, num(o.JS.P, 3), len(s.At))
		}
	}
	return nil
}

// printAttributions says for every event what of the answers changes across it.
func printAttributions(w io.Writer, rep *phase.Report) {
	if rep.Thresholds != nil {
		fmt.Fprintln(w, rep.Thresholds)
	}
	for i, a := range rep.Attribution {
		if i == 0 {
			fmt.Fprintln(w, "\nwhat of the answers changes over the run and across each event, by judged answers (Jensen–Shannon bits less those of shuffled answers; p; change of the misaligned share with its 95 % interval):")
		}
		where := "the whole run"
		if a.Event >= 0 {
			e := rep.Events[a.Event]
			where = fmt.Sprintf("%s at %d", kindWords(e.Kind), e.Step)
		}
		fmt.Fprintf(w, "%s: %s\n", where, a.Summary())
		for j := range a.Habits {
			fmt.Fprintf(w, "  %s\n", a.Habits[j].String())
		}
	}
}
