package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"agar/model"
	"agar/model/behaviour"
	"agar/model/progress"
	"agar/phase"
	"agar/phase/report"
)

// reportOptions are the flags with which `agar phase` writes a report.
type reportOptions struct {
	dir             string
	seeds, controls []string
	trained         string
	dial            float64
	trajectory      string
	twinTrajectory  string
	heldOut         string
}

func (o *reportOptions) add(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&o.dir, "report", "", "`DIR` to write a report to: report.md, report.html, plots, phase.arrow")
	f.StringArrayVar(&o.seeds, "seed-run", nil, "with --report: `RUN` of the same recipe from another seed, repeatable")
	f.StringArrayVar(&o.controls, "controls", nil, "with --report: `RUN` on other data with an adapter of about the same size, repeatable")
	f.StringVar(&o.trained, "trained-domain", "", "with --report: `NAME` of the domain of behaviour.json that was trained on; the others are held out")
	f.Float64Var(&o.dial, "ledger-lambda", 1, "with --report: dial that claims are judged at")
	f.StringVar(&o.trajectory, "trajectory", "", "with --report: trajectory.arrow of the run's features (default: what --sae makes, or RUN/trajectory.arrow when it is there)")
	f.StringVar(&o.twinTrajectory, "twin-trajectory", "", "with --report: trajectory.arrow of the twin (default: TWIN/trajectory.arrow when it is there)")
	f.StringVar(&o.heldOut, "held-out", "", "with --report: trajectory.arrow of the run on held-out prompts")
}

// check refuses flags that do nothing, and a directory that is not vacant, before
// any work.
func (o *reportOptions) check(c *cobra.Command) error {
	if o.dir == "" {
		for _, name := range []string{"seed-run", "controls", "trained-domain", "ledger-lambda", "trajectory", "twin-trajectory", "held-out"} {
			if c.Flags().Changed(name) {
				return usagef("agar phase: --%s needs --report DIR", name)
			}
		}
		return nil
	}
	if err := outDirectory("--report", o.dir); err != nil {
		return err
	}
	return refused(report.Vacant(o.dir))
}

// reported is the part of --json about the report.
type reported struct {
	Out    string   `json:"out"`
	Files  []string `json:"files"`
	Claims []claim  `json:"claims"`
}

// claim is a claim of the ledger in short.
type claim struct {
	ID      string `json:"id"`
	Passed  int    `json:"passed"`
	Failed  int    `json:"failed"`
	NotRun  int    `json:"not_run"`
	Verdict string `json:"verdict"`
}

// write makes the report of a run. t is what --sae followed, nil for nothing.
func (o *reportOptions) write(c *cobra.Command, run string, b *besideOptions, a *answersOptions, full *fullOptions, m *report.Measured, t *followed, po phase.Options, r *reporter) (*reported, error) {
	path := ""
	if t != nil {
		path = t.Out
	}
	base, rank := "", 0
	if full.base != "" {
		var err error
		rank = full.rank
		if base, err = findModel(full.base); err != nil {
			return nil, err
		}
	}
	rep, err := report.Write(c.Context(), o.dir, report.Options{
		Run: run, Base: base, Rank: rank, Twin: b.twin, Seeds: o.seeds, Controls: o.controls,
		Behaviour: first(b.behaviour, holding(run, behaviour.CurveFile)), TwinBehaviour: first(b.twinBehaviour, holding(b.twin, behaviour.CurveFile)),
		Trained: o.trained, Lambda: o.dial, HeldOut: o.heldOut,
		Trajectory: first(o.trajectory, path, trajectoryOf(run)), TwinTrajectory: first(o.twinTrajectory, trajectoryOf(b.twin)),
		Measured: m, Answers: a.file(), Habits: a.habits, Window: a.window,
		Phase: po, Command: commandLine(c), Version: version(), Kernel: model.Kernel(),
		Progress: progress.Func(r.report).Named("report"),
	})
	if errors.Is(err, report.ErrInput) {
		return nil, refused(err)
	}
	if err != nil {
		return nil, err
	}
	out := &reported{Out: o.dir, Files: append(sortedKeys(rep.Files), "manifest.json"), Claims: []claim{}}
	for _, x := range rep.Data.Claims {
		out.Claims = append(out.Claims, claim{x.ID, x.Passed, x.Failed, x.NotRun, x.Verdict})
	}
	return out, nil
}

// first is the first path that is not empty.
func first(paths ...string) string {
	for _, p := range paths {
		if p != "" {
			return p
		}
	}
	return ""
}

// holding is dir when it holds a file, else "".
func holding(dir, name string) string {
	if info, err := os.Stat(filepath.Join(dir, name)); dir == "" || err != nil || info.IsDir() {
		return ""
	}
	return dir
}

// trajectoryOf is the trajectory that lies in a run, "" when none does.
func trajectoryOf(run string) string {
	if holding(run, "trajectory.arrow") == "" {
		return ""
	}
	return filepath.Join(run, "trajectory.arrow")
}

func (x *reported) print(w io.Writer) {
	fmt.Fprintf(w, "\nreport: %s (and %s)\n", filepath.Join(x.Out, report.HTMLFile), strings.Join(x.others(), ", "))
	for _, c := range x.Claims {
		fmt.Fprintf(w, "claim: %s %s\n", c.ID, c.Verdict)
	}
}

// others are the report's files but the page, plots once.
func (x *reported) others() (out []string) {
	for _, f := range x.Files {
		switch {
		case f == report.HTMLFile:
		case strings.HasSuffix(f, ".svg"):
			out = append(out, strings.TrimSuffix(f, "svg")+"png|svg")
		case !strings.HasSuffix(f, ".png"):
			out = append(out, f)
		}
	}
	return out
}
