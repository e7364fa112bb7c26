package report

import (
	"fmt"
	"strings"

	"agar/phase"
)

// measurePanels are the measures that share a pair of axes, in their order. Others
// are drawn on axes of their own.
var measurePanels = []struct {
	label string
	names []string
}{
	{"cross entropy, nats", []string{"train_loss", "test_loss", "restricted_loss", "excluded_loss", "new_loss"}},
	{"accuracy, share", []string{"train_accuracy", "test_accuracy", "new_accuracy", "noise_accuracy"}},
	{"norm of all weights", []string{"weight_norm"}},
}

// measuresShown is the most panels of further measures.
const measuresShown = 4

// drawMeasures draws what the run wrote down of itself.
func drawMeasures(d *Data) (*figure, error) {
	p := d.Run.Progress
	if p == nil {
		return nil, nil
	}
	var panels []panel
	known := map[string]bool{}
	for _, x := range measurePanels {
		one := panel{y: x.label, marks: d.eventMarks(), zero: strings.HasPrefix(x.label, "accuracy")}
		for _, name := range x.names {
			known[name] = true
			if m := p.Measure(name); m != nil && len(m.Values) > 1 {
				one.curves = append(one.curves, progressCurve(m, len(one.curves)))
			}
		}
		if len(one.curves) > 0 {
			panels = append(panels, one)
		}
	}
	more := 0
	for i := range p.Measures {
		if m := &p.Measures[i]; !known[m.Name] && len(m.Values) > 1 && more < measuresShown {
			panels, more = append(panels, panel{y: strings.TrimSpace(m.Name + unitOf(m.Unit)), marks: d.eventMarks(), curves: []curve{progressCurve(m, 0)}}), more+1
		}
	}
	if len(panels) == 0 {
		return nil, nil
	}
	pic, err := stack("step", panels)
	return &figure{FigureInfo{
		Name: "measures", Title: "What the run measured of itself", Sources: []string{"run.progress.measures"},
		Caption: fmt.Sprintf("Values of measures.jsonl up to step %d, as written, not smoothed.%s", p.Last, d.marksNote()),
	}, pic}, err
}

func progressCurve(m *phase.ProgressMeasure, i int) curve {
	c := curve{name: m.Name, colour: series[i%len(series)]}
	for j, s := range m.Steps {
		c.points = append(c.points, at(s, m.Values[j]))
	}
	return c
}
