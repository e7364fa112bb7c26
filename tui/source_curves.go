package tui

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"

	"agar/model/behaviour"
	"agar/phase"
)

// twinDir is the directory, inside that of a run, of its benign twin.
const twinDir = "twin"

// addBehaviour adds the curve that lies beside a run, when there is one.
func addBehaviour(rep *phase.Report, run string) error {
	c, err := behaviour.ReadCurve(run)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return rep.AddBehaviour(c)
}

// curves takes behaviour and measures, each beside the twin's.
func (v *phaseView) curves() {
	v.p.Behaviour, v.p.Measures = curvesOf(v.rep)
	v.findings()
	run := filepath.Join(v.rep.Run, twinDir)
	if v.rep.Twin != nil {
		run = v.rep.Twin.Run
	}
	twin := twinReport(run)
	if twin == nil {
		return
	}
	b, m := curvesOf(twin)
	if v.p.Twin = run; pair(v.p.Behaviour, b)+pair(v.p.Measures, m) == 0 {
		v.p.Twin = ""
	}
}

// twinReport reads what a twin has of behaviour and measures, without analysing its
// checkpoints; nil when it has neither, or what it has cannot be read.
func twinReport(run string) *phase.Report {
	if _, err := os.Stat(run); err != nil {
		return nil
	}
	if rep, err := phase.ReadReport(filepath.Join(run, "phase.arrow")); err == nil {
		return rep
	}
	rep, err := phase.AnalyseMeasures(run)
	if err != nil {
		rep = &phase.Report{Run: run}
	}
	if c, err := behaviour.ReadCurve(run); err == nil {
		rep.Behaviour = plainBehaviour(c)
	}
	return rep
}

// plainBehaviour is the points of a curve, without looking for changes.
func plainBehaviour(c *behaviour.Curve) *phase.Behaviour {
	b := &phase.Behaviour{}
	for _, k := range []struct {
		name, unit string
		of         func(*behaviour.Point) behaviour.Rate
	}{
		{phase.MeasureLogOdds, "nats a token", func(p *behaviour.Point) behaviour.Rate { return p.LogOdds }},
		{phase.MeasureEM, "share of answers", func(p *behaviour.Point) behaviour.Rate { return p.EMAll }},
	} {
		for _, lambda := range c.Lambdas() {
			m := phase.Measure{Name: k.name, Unit: k.unit, Lambda: lambda}
			for _, p := range c.At(lambda) {
				if r := k.of(&p); r.OK() {
					m.Points = append(m.Points, phase.MeasurePoint{Step: p.Step, Value: phase.Number(r.Value), Lo: phase.Number(r.Lo), Hi: phase.Number(r.Hi), N: r.N})
				}
			}
			b.Measures = append(b.Measures, m)
		}
	}
	return b
}

// curvesOf are the curves of a report.
func curvesOf(rep *phase.Report) (b, m []Curve) {
	if rep.Behaviour != nil {
		for i := range rep.Behaviour.Measures {
			if c := behaviourCurve(&rep.Behaviour.Measures[i]); len(c.Steps) > 0 {
				b = append(b, c)
			}
		}
	}
	if rep.Progress == nil {
		return b, nil
	}
	for _, x := range rep.Progress.Measures {
		c := Curve{Name: x.Name, Unit: x.Unit, Lambda: math.NaN(), Steps: x.Steps, Over: x.Unit}
		for _, v := range x.Values {
			c.Values = append(c.Values, float64(v))
		}
		if len(c.Steps) > 0 {
			m = append(m, c)
		}
	}
	return b, m
}

func behaviourCurve(x *phase.Measure) Curve {
	c := Curve{Name: x.Name, Unit: x.Unit, Lambda: x.Lambda}
	for _, p := range x.Points {
		c.Steps, c.Values = append(c.Steps, p.Step), append(c.Values, float64(p.Value))
		c.Lo, c.Hi = append(c.Lo, float64(p.Lo)), append(c.Hi, float64(p.Hi))
		c.Over = counted(p.N, map[bool]string{true: "paired completions", false: "answers"}[x.Name == phase.MeasureLogOdds])
	}
	return c
}

// pair puts the curves of a twin beside those of the same name and dial, and returns
// how many there were.
func pair(curves, twin []Curve) (n int) {
	for i := range curves {
		c := &curves[i]
		for j := range twin {
			t := &twin[j]
			if t.Name == c.Name && (t.Lambda == c.Lambda || math.IsNaN(t.Lambda) && math.IsNaN(c.Lambda)) {
				c.Twin = t
				n++
			}
		}
	}
	return n
}

// findings puts leads, double descents and lags into words.
func (v *phaseView) findings() {
	add := func(format string, args ...any) { v.p.Findings = append(v.p.Findings, fmt.Sprintf(format, args...)) }
	for _, l := range v.rep.Lags {
		add("%s changes %+d steps (%+d to %+d) from the %s at %d", spaced(l.Measure), l.Lag, l.Interval[0], l.Interval[1], spaced(l.Kind), l.Step)
	}
	if v.rep.Progress == nil {
		return
	}
	for _, d := range v.rep.Progress.Descents {
		add("double descent of %s: %s at %d, rises to %s at %d, falls to %s at %d", spaced(d.Measure), num(float64(d.Values[1])), d.Steps[1],
			num(float64(d.Values[2])), d.Steps[2], num(float64(d.Values[3])), d.Steps[3])
	}
	for _, l := range v.rep.Progress.Leads {
		if l.Lead < 0 {
			add("%s follows %s by %d steps (%d to %d)", spaced(l.Measure), spaced(l.Reference), -l.Lead, -l.Interval[1], -l.Interval[0])
			continue
		}
		add("%s leads %s by %d steps (%d to %d), %.0f %% of the run", spaced(l.Measure), spaced(l.Reference), l.Lead, l.Interval[0], l.Interval[1], 100*float64(l.Share))
	}
}

// spaced is a name without underscores.
func spaced(name string) string { return strings.ReplaceAll(name, "_", " ") }
