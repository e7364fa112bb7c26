package report

import (
	"fmt"

	"agar/phase"
)

// behaviourPanels are the measures drawn, each in its own panel, with the unit of
// their N.
var behaviourPanels = []struct{ name, label, n string }{
	{phase.MeasureLogOdds, "log-odds, nats a token", "pairs"},
	{phase.MeasureEM, "EM, share of answers", "answers"},
	{phase.MeasureEMAdjusted, "EM at one length of answer", "answers"},
}

// dialsShown is how many dials are drawn: as many as there are colours.
const dialsShown = 6

// drawBehaviour draws every measure taken, one curve a dial: behaviour at λ = 1, and
// how scaling the adapter shifts where it begins.
func drawBehaviour(d *Data) (*figure, error) {
	if d.Run.Behaviour == nil {
		return nil, nil
	}
	var panels []panel
	counts := ""
	for _, b := range behaviourPanels {
		p := panel{y: b.label, marks: d.eventMarks(), zero: b.name != phase.MeasureLogOdds}
		n := 0
		if d.Twin != nil && d.Twin.Behaviour != nil {
			for _, m := range d.Twin.Behaviour.Measures {
				if m.Name == b.name && m.Lambda == d.Twin.Behaviour.Lambda {
					p.curves = append(p.curves, measureCurve(&m, fmt.Sprintf("twin, λ = %g", m.Lambda), len(p.curves)))
					p.curves[0].colour = grey
				}
			}
		}
		dials := 0
		for _, m := range d.Run.Behaviour.Measures {
			if m.Name != b.name || m.Lambda == 0 || dials == dialsShown {
				continue
			}
			p.curves = append(p.curves, measureCurve(&m, fmt.Sprintf("λ = %g", m.Lambda), dials))
			dials++
			for _, q := range m.Points {
				n = max(n, q.N)
			}
		}
		if dials > 0 {
			panels = append(panels, p)
			counts += fmt.Sprintf(" %s: at most %d %s a point.", b.label, n, b.n)
		}
	}
	if len(panels) == 0 {
		return nil, nil
	}
	pic, err := stack("step", panels)
	return &figure{FigureInfo{
		Name: "behaviour", Title: "Behaviour over training and λ", Sources: d.bothBehaviours(),
		Caption: fmt.Sprintf("Bars are 95 %% intervals; λ multiplies the adapter's scale.%s%s", counts, d.marksNote()),
	}, pic}, err
}

func (d *Data) bothBehaviours() []string {
	if d.Twin == nil || d.Twin.Behaviour == nil {
		return []string{"run.behaviour.measures"}
	}
	return []string{"run.behaviour.measures", "twin.behaviour.measures"}
}

func measureCurve(m *phase.Measure, name string, i int) curve {
	c := curve{name: name, colour: series[i%len(series)], dots: true}
	for _, q := range m.Points {
		c.points = append(c.points, point{float64(q.Step), value(q.Value), value(q.Lo), value(q.Hi)})
	}
	return c
}
