package report

import (
	"fmt"

	"agar/phase"
)

// drawDivergence draws both divergences from the base and the loss, a curve a dial.
func drawDivergence(d *Data) (*figure, error) {
	x := d.Run.Divergence
	if x == nil {
		return nil, nil
	}
	columns := []struct {
		label string
		of    func(*phase.DivergenceAt) phase.Interval
	}{
		{"KL(model‖base), nats a token", func(a *phase.DivergenceAt) phase.Interval { return a.KLModelBase }},
		{"KL(base‖model), nats a token", func(a *phase.DivergenceAt) phase.Interval { return a.KLBaseModel }},
		{"loss, nats a token", func(a *phase.DivergenceAt) phase.Interval { return a.Loss }},
	}
	var panels []panel
	for _, col := range columns {
		p := panel{y: col.label, marks: d.eventMarks()}
		by := map[float64]int{}
		for i := range x.At {
			a := &x.At[i]
			if _, ok := by[a.Lambda]; !ok {
				if len(by) == dialsShown || a.Lambda == 0 {
					continue
				}
				by[a.Lambda] = len(p.curves)
				p.curves = append(p.curves, curve{name: fmt.Sprintf("λ = %g", a.Lambda), colour: series[len(p.curves)%len(series)], dots: true})
			}
			v, c := col.of(a), &p.curves[by[a.Lambda]]
			c.points = append(c.points, point{float64(a.Step), value(v.Value), value(v.Lo), value(v.Hi)})
		}
		panels = append(panels, p)
	}
	pic, err := stack("step", panels)
	return &figure{FigureInfo{
		Name: "divergence", Title: "Divergence from the base and loss", Sources: []string{"run.divergence"},
		Caption: fmt.Sprintf("%d tokens of %s; bars are 95 %% intervals over documents.%s", x.Tokens, count(x.Documents, "document"), d.marksNote()),
	}, pic}, err
}
