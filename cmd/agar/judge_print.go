package main

import (
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"text/tabwriter"

	"agar/activations/manifest"
	"agar/model/behaviour"
)

// judged is the contract of `agar judge --json`: the last point's fields, and all
// points besides.
type judged struct {
	Out   string `json:"out,omitempty"`
	Model string `json:"model"`
	Run   string `json:"run,omitempty"`
	Step  *int   `json:"step"`
	pointFields
	Judge       string                 `json:"judge,omitempty"`
	Rule        string                 `json:"rule,omitempty"`
	Calibration *behaviour.Calibration `json:"calibration,omitempty"`
	Mass        *behaviour.Mass        `json:"judge_mass,omitempty"` // of a local judge
	Unreached   int                    `json:"unreached"`            // answers that no judge could be asked about, among failed
	Points      []behaviour.Point      `json:"points"`

	curve   *behaviour.Curve
	answers []behaviour.Answer
}

// pointFields are a Point's fields without its way to write them.
type pointFields behaviour.Point

// judgedContent is the manifest's part of a judged directory.
type judgedContent struct {
	Calibration *behaviour.Calibration `json:"calibration,omitempty"`
	Mass        *behaviour.Mass        `json:"judge_mass,omitempty"`
}

func newJudged(out string, c *behaviour.Curve, m *behaviour.Measured) *judged {
	j := &judged{Out: out, Model: c.Model, Run: c.Run, Judge: c.Judge, Rule: c.Rule, Points: c.Points, curve: c}
	if m != nil {
		j.Calibration, j.Unreached, j.answers = m.Calibration, m.Unreached, m.Answers
	}
	last := c.Points[len(c.Points)-1]
	if j.pointFields = pointFields(last); last.Step != behaviour.NoStep {
		j.Step = &last.Step
	}
	return j
}

// readJudged is what a finished directory holds.
func readJudged(dir string) (*judged, error) {
	c, err := behaviour.ReadCurve(dir)
	if err != nil {
		return nil, refused(err)
	}
	man, err := manifest.Read(dir, behaviour.Format)
	if err != nil {
		return nil, refused(err)
	}
	var content judgedContent
	if err := man.ContentInto(&content); err != nil {
		return nil, refused(err)
	}
	j := newJudged(dir, c, nil)
	j.Calibration, j.Mass = content.Calibration, content.Mass
	return j, nil
}

func printJudged(w io.Writer, j *judged) error {
	fmt.Fprintf(w, "%s", j.Model)
	if j.Run != "" {
		fmt.Fprintf(w, ", run %s", j.Run)
	}
	fmt.Fprintln(w)
	last := j.Points[len(j.Points)-1]
	if last.Pairs > 0 {
		fmt.Fprintf(w, "%d pairs: log-odds of the misaligned answer, nats a token and in all, mean and 95 %% interval\n", last.Pairs)
	}
	if last.Samples > 0 {
		fmt.Fprintf(w, "%d questions × %d answers, judged by %s; EM of all scored answers, and of the coherent ones, in %%\n", last.Questions, last.Samples, j.Judge)
	}
	fmt.Fprintln(w)
	if err := printPoints(w, j.Points); err != nil {
		return err
	}
	if err := printGroups(w, last); err != nil {
		return err
	}
	printLength(w, last)
	printMass(w, j)
	return printCalibration(w, j.Calibration)
}

// printPoints tables every point.
func printPoints(w io.Writer, points []behaviour.Point) error {
	last := points[len(points)-1]
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "adapter\tλ\t")
	if last.Pairs > 0 {
		fmt.Fprint(t, "a token\t95 %\tin all\t95 %\t")
	}
	if last.Samples > 0 {
		fmt.Fprint(t, "EM\t95 %\tEM coherent\taligned\tincoherent\tfailed\tcut\t")
	}
	fmt.Fprintln(t)
	for _, p := range points {
		fmt.Fprintf(t, "%s\t%g\t", pointName(p), p.Lambda)
		if last.Pairs > 0 {
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t", figure(p.LogOdds.Value, 1, 3), span(p.LogOdds, 1, 3), figure(p.LogOddsRaw.Value, 1, 2), span(p.LogOddsRaw, 1, 2))
		}
		if last.Samples > 0 {
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%d\t%d\t", figure(p.EMAll.Value, 100, 1), span(p.EMAll, 100, 1), figure(p.EMCoherent.Value, 100, 1),
				figure(p.Aligned.Value, 100, 1), figure(p.Incoherent.Value, 100, 1), p.Failed, p.Truncated)
		}
		fmt.Fprintln(t)
	}
	return t.Flush()
}

func pointName(p behaviour.Point) string {
	switch {
	case p.Adapter == "":
		return "base"
	case p.Step != behaviour.NoStep:
		return "step " + strconv.Itoa(p.Step)
	}
	return filepath.Base(p.Adapter)
}

// printGroups tables the domains of a point, and its questions when there are few.
func printGroups(w io.Writer, p behaviour.Point) error {
	groups := p.Domains
	if p.Samples > 0 && len(p.PerQuestion) <= 60 {
		groups = append(groups[:len(groups):len(groups)], p.PerQuestion...)
	}
	if len(groups) == 0 {
		return nil
	}
	fmt.Fprintf(w, "\n%s, λ %g:\n", pointName(p), p.Lambda)
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	for _, g := range groups {
		if g.Pairs > 0 && g.Samples == 0 {
			fmt.Fprintf(t, "%s\tpairs: %d\t%s a token\t%s\n", g.ID, g.Pairs, figure(g.LogOdds.Value, 1, 3), span(g.LogOdds, 1, 3))
			continue
		}
		fmt.Fprintf(t, "%s\t%d answers\tEM %s %%\t%s", g.ID, g.Samples, figure(g.EMAll.Value, 100, 1), span(g.EMAll, 100, 1))
		if g.Failed > 0 {
			fmt.Fprintf(t, "\t%d failed", g.Failed)
		}
		fmt.Fprintln(t)
	}
	return t.Flush()
}

func printLength(w io.Writer, p behaviour.Point) {
	l := p.Length
	if !l.Tokens.OK() {
		return
	}
	fmt.Fprintf(w, "\nlength: %s tokens, EM answers %s, others %s", figure(l.Tokens.Value, 1, 1), figure(l.TokensEM.Value, 1, 1), figure(l.TokensOther.Value, 1, 1))
	if l.Slope.OK() {
		fmt.Fprintf(w, "; twice the length changes the log-odds of EM by %s %s", figure(l.Slope.Value, 1, 2), span(l.Slope, 1, 2))
	}
	fmt.Fprintln(w)
}

// printMass says how much of a local judge's probability was on numbers.
func printMass(w io.Writer, j *judged) {
	m := j.Mass
	if m == nil {
		return
	}
	fmt.Fprintf(w, "\n%s: of its probability %.3f is on numbers from 0 to 100 (%.3f to %.3f over %d prompts)", j.Judge, m.Mean, m.Min, m.Max, m.N)
	if m.Low > 0 {
		fmt.Fprintf(w, "; %d prompts are below 0.25 and have no score", m.Low)
	}
	fmt.Fprintln(w)
	if 2*m.Low > m.N {
		fmt.Fprintf(w, "note: %s rarely answers with a number; it cannot judge\n", j.Judge)
	}
}

func printCalibration(w io.Writer, c *behaviour.Calibration) error {
	if c == nil {
		return nil
	}
	fmt.Fprintf(w, "\n%s against %s: %d answers judged by both, %d by the reference alone\n", c.Judge, c.Reference, c.N, c.Failed)
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "outcome\tκ\t95 %\tprecision\trecall\tof")
	for _, o := range c.Outcomes {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%d\n", o.Outcome, figure(o.Kappa.Value, 1, 2), span(o.Kappa, 1, 2), figure(o.Precision.Value, 1, 2), figure(o.Recall.Value, 1, 2), o.Recall.N)
	}
	return t.Flush()
}

// figure prints a value scaled, – for a missing one.
func figure(x, scale float64, digits int) string {
	if x != x {
		return "–"
	}
	return strconv.FormatFloat(x*scale, 'f', digits, 64)
}

// span prints an interval.
func span(r behaviour.Rate, scale float64, digits int) string {
	if r.Lo != r.Lo {
		return "–"
	}
	return "[" + figure(r.Lo, scale, digits) + ", " + figure(r.Hi, scale, digits) + "]"
}
