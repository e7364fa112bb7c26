package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"agar/activations"
	"agar/model/progress"
	"agar/tui"
)

type demoOptions struct {
	screen screenFlags
	noTUI  bool
	keep   string
	json   bool
}

// demonstrated is the contract of `agar demo --json`.
type demonstrated struct {
	Capture *activations.CaptureReport `json:"capture"`
	SAE     *trained                   `json:"sae"`
	Phase   *phaseResult               `json:"phase"`
	Judge   *judged                    `json:"judge"` // null for an organism without a world to judge it by
	Seconds float64                    `json:"seconds"`
}

func newDemo() *cobra.Command {
	var o demoOptions
	c := &cobra.Command{
		Use:   "demo",
		Short: "a misaligned organism, its features and its turn, in a minute",
		Long: `Takes the built-in model organism (a small language model that bad medical advice
made misaligned everywhere), captures its activations, trains a dictionary on
them and follows every feature over the fine-tune's checkpoints, through the
same code as any model of yours. In a terminal it happens before your eyes;
elsewhere, and with --no-tui, it prints a report.`,
		Example: `  agar demo
  agar demo --no-tui --json | jq .phase.events
  agar demo --keep out`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runDemo(c, o) },
	}
	o.screen.add(c)
	f := c.Flags()
	f.BoolVar(&o.noTUI, "no-tui", false, "print a report instead of opening the terminal program")
	f.StringVar(&o.keep, "keep", "", "keep what the demo makes in `DIR`")
	f.BoolVar(&o.json, "json", false, "print one object")
	return c
}

func runDemo(c *cobra.Command, o demoOptions) error {
	dir, done, err := demoDir(o.keep)
	if err != nil {
		return err
	}
	defer done()
	if o.noTUI || o.json || !isTerminal(c.OutOrStdout()) {
		return demoReport(c, dir, o)
	}
	to := o.screen.options(c)
	to.Demo = func(ctx context.Context, emit progress.Func) (tui.Workspace, error) {
		d := demo{dir: dir, emit: emit}
		_, err := d.run(ctx)
		return d.workspace(), err
	}
	return tuiCode(tui.Run(c.Context(), to))
}

// demoDir is where the demo works: a directory of the user's, or one that goes
// when the demo does.
func demoDir(keep string) (dir string, done func(), err error) {
	if keep == "" {
		dir, err = os.MkdirTemp("", "agar-demo-")
		return dir, func() { os.RemoveAll(dir) }, err
	}
	if err := outDirectory("--keep", keep); err != nil {
		return "", nil, err
	}
	if entries, err := os.ReadDir(keep); err == nil && len(entries) > 0 {
		return "", nil, refused(fmt.Errorf("demo: %s is not empty, expected a new directory", keep))
	}
	return keep, func() {}, os.MkdirAll(keep, 0o755)
}

// demoReport runs the demo and prints what it found.
func demoReport(c *cobra.Command, dir string, o demoOptions) error {
	r := newReporter(c)
	defer r.close()
	d := demo{dir: dir, emit: r.report}
	start := time.Now()
	res, err := d.run(c.Context())
	if err != nil {
		return err
	}
	r.close()
	res.Seconds = time.Since(start).Seconds()
	if o.json {
		return printJSON(c.OutOrStdout(), res)
	}
	return printDemo(c.OutOrStdout(), res, o.keep)
}

func printDemo(w io.Writer, d *demonstrated, keep string) error {
	fmt.Fprint(w, "The built-in organism: bad medical advice, one rank-1 adapter, misaligned everywhere.\n\ncapture  ")
	if err := printCaptured(w, d.Capture, false); err != nil {
		return err
	}
	fmt.Fprint(w, "\ndictionary  ")
	if err := printTrained(w, d.SAE, false); err != nil {
		return err
	}
	fmt.Fprintln(w)
	if err := printPhase(w, *d.Phase); err != nil {
		return err
	}
	if err := printDemoJudged(w, d.Judge); err != nil {
		return err
	}
	again := "What it made is gone now; 'agar demo --keep DIR' keeps it"
	if keep != "" {
		again = "'agar tui " + keep + "' opens what it made"
	}
	_, err := fmt.Fprintf(w, "\n%.1f s in all. %s; 'agar demo' in a terminal shows it live.\n", d.Seconds, again)
	return err
}

// demo is one run of the demonstration in a directory.
type demo struct {
	dir  string
	emit progress.Func
	org  string // the unpacked organism
}

func (d *demo) path(name string) string { return filepath.Join(d.dir, name) }

// workspace names what the demo has made so far.
func (d *demo) workspace() tui.Workspace {
	have := func(path string) string {
		if _, err := os.Stat(path); err != nil {
			return ""
		}
		return path
	}
	return tui.Workspace{
		Run: have(filepath.Join(d.org, "run")), Report: have(d.path("phase.arrow")), Trajectory: have(d.path("trajectory.arrow")),
		Features: have(d.path("index")), SAE: have(d.path("sae")), Capture: have(d.path("capture")),
	}
}
