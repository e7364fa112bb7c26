package tui

import (
	"fmt"
	"strings"

	"agar/tui/cell"
	"agar/tui/theme"
)

func (p *scrubber) dialTitle() string {
	if len(p.env.axes.Lambdas) == 0 && len(p.data.Behaviour) > 0 {
		return "λ = " + dial(p.dialled())
	}
	if p.wholeModels() {
		return "At the cursor"
	}
	if len(p.env.axes.Lambdas) == 0 {
		return "λ dial"
	}
	return "λ = " + dial(p.env.axes.Lambdas[p.env.lambdaIndex()])
}

func (p *scrubber) dialNote() string {
	if p.wholeModels() {
		return "first, cursor, last"
	}
	return "+ − dial λ"
}

// wholeModels tells of a run that has measures and no adapter.
func (p *scrubber) wholeModels() bool {
	return len(p.env.axes.Lambdas) == 0 && len(p.data.Modules) == 0 && len(p.data.Measures) > 0
}

// readout is a row of the table first | cursor | last.
type readout struct {
	name string
	vals [3]string
}

// readouts are the figures of the run and of the dictionary at three steps.
func (p *scrubber) readouts() []readout {
	var out []readout
	if n := len(p.data.Steps); n > 0 {
		idx := [3]int{0, p.index(), n - 1}
		add := func(name string, ys []float64, fm func(float64) string) {
			out = append(out, readout{name, [3]string{fm(at(ys, idx[0])), fm(at(ys, idx[1])), fm(at(ys, idx[2]))}})
		}
		for _, l := range []struct {
			name string
			get  curve
		}{{"loss", lossCurve}, {"grad norm", gradCurve}} {
			ys, steps := l.get(&p.data)
			v := func(i int) string { return num(atStep(ys, steps, p.data.Steps[i])) }
			out = append(out, readout{l.name, [3]string{v(0), v(idx[1]), v(n - 1)}})
		}
		if len(p.data.Modules) > 0 {
			add("‖ΔW‖_F", p.data.NormDelta, num)
			add("turn θ", p.data.Turn, degrees)
			add("debiased θ", p.data.Debiased, degrees)
		}
	}
	return append(append(p.quality(), p.measured()...), out...)
}

// measured are behaviour at the dial and the measures of the run at three steps.
func (p *scrubber) measured() (out []readout) {
	n := len(p.data.Steps)
	for _, c := range append(p.atDial(), p.data.Measures...) {
		v := func(i int) string { return c.format(atStep(c.Values, c.Steps, p.data.Steps[i])) }
		if n > 0 {
			out = append(out, readout{shortName(c.Name), [3]string{v(0), v(p.index()), v(n - 1)}})
		}
	}
	return out
}

// shortName is a measure in at most twelve cells.
func shortName(name string) string {
	s := strings.NewReplacer("accuracy", "acc", "restricted_held_out_loss", "held-out", "restricted_loss", "restricted", "excluded_loss", "excluded", "weight_norm", "‖weights‖").Replace(name)
	return spaced(s)
}

// quality is how well the dictionary describes the model at three checkpoints and
// the λ of the dial.
func (p *scrubber) quality() []readout {
	ax := &p.env.axes
	n := len(ax.Steps)
	if n == 0 {
		return nil
	}
	lam := p.env.lambdaIndex()
	idx := [3]int{ax.At(0, lam), ax.At(p.env.axisStep(), lam), ax.At(n-1, lam)}
	row := func(name string, ys []float64, fm func(float64) string) readout {
		return readout{name, [3]string{fm(at(ys, idx[0])), fm(at(ys, idx[1])), fm(at(ys, idx[2]))}}
	}
	return []readout{
		row("L0", ax.L0, num), row("EV", ax.EV, num),
		row("ΔCE nats", ax.DeltaCE, signed), row("change seen", ax.Seen, percent),
	}
}

func (p *scrubber) drawDial(g *cell.Grid, r cell.Rect, _ bool) {
	t := p.env.theme
	head, rest := r.Top(1)
	p.drawScale(g, head)
	rows := p.readouts()
	if rest.H < 5 {
		p.drawCompact(g, rest)
		return
	}
	line, rest := rest.Top(1)
	p.drawReadout(g, line, readout{"", [3]string{"first", "cursor", "last"}}, t.Dim)
	for _, ro := range rows {
		if line, rest = rest.Top(1); line.Empty() {
			return
		}
		p.drawReadout(g, line, ro, t.FG)
	}
}

// drawScale is the dial: the λ of the trajectory with the chosen one marked.
func (p *scrubber) drawScale(g *cell.Grid, r cell.Rect) {
	t, ax := p.env.theme, &p.env.axes
	if len(ax.Lambdas) == 0 && len(p.data.Behaviour) > 0 {
		drawDialOf(g, r, p.behaviourLambdas(), p.dialled(), t)
		return
	}
	if p.wholeModels() {
		g.Text(r, "whole models: no λ to turn", t.Dim)
		return
	}
	if len(ax.Lambdas) == 0 {
		if m := p.axesLoad.missing(); m != nil {
			g.Text(r, "no "+m.What, t.Warn)
		}
		return
	}
	drawDialOf(g, r, ax.Lambdas, ax.Lambdas[p.env.lambdaIndex()], t)
}

// drawDialOf is a dial over some λ with the chosen one marked.
func drawDialOf(g *cell.Grid, r cell.Rect, lambdas []float64, at float64, t *theme.Theme) {
	_, r = r.Left(g.Text(r, "λ ", t.Dim))
	for i, l := range lambdas {
		if i > 0 {
			_, r = r.Left(g.Raw(r, "─", t.Border))
		}
		st, text := t.Dim, dial(l)
		if l == at {
			st, text = t.Accent.With(cell.Bold|cell.Reverse), "["+text+"]"
		}
		_, r = r.Left(g.Raw(r, text, st))
	}
}

func (p *scrubber) drawReadout(g *cell.Grid, r cell.Rect, ro readout, st cell.Style) {
	w := max((r.W-12)/3, 6)
	name, r := r.Left(12)
	g.Text(name, ro.name, p.env.theme.Dim)
	for i, v := range ro.vals {
		var at cell.Rect
		at, r = r.Left(min(w, 12))
		if i == 1 && ro.name != "" {
			g.Right(at, v, p.env.theme.Cursor)
		} else {
			g.Right(at, v, st)
		}
	}
}

// drawCompact writes the values at the cursor in as few lines as there are.
func (p *scrubber) drawCompact(g *cell.Grid, r cell.Rect) {
	parts := make([]string, 0, 9)
	for _, ro := range p.readouts() {
		parts = append(parts, ro.name+" "+ro.vals[1])
	}
	drawLines(g, r, wrapParts(parts, " · ", r.W), p.env.theme.FG)
}

// wrapParts joins parts into lines of at most w cells, never breaking a part.
func wrapParts(parts []string, sep string, w int) []string {
	var lines []string
	line := ""
	for _, s := range parts {
		switch {
		case line == "":
			line = s
		case cell.Width(line)+cell.Width(sep)+cell.Width(s) <= w:
			line += sep + s
		default:
			lines, line = append(lines, line), s
		}
	}
	return append(lines, line)
}

func (p *scrubber) describeDial() []string {
	if p.axesLoad.err != nil {
		return []string{"λ dial: " + p.axesLoad.err.Error()}
	}
	out := []string{p.dialTitle()}
	for _, ro := range p.readouts() {
		out = append(out, fmt.Sprintf("%s: first %s, cursor %s, last %s", ro.name, ro.vals[0], ro.vals[1], ro.vals[2]))
	}
	return out
}

func (p *scrubber) describeTimeline() []string {
	if p.load.err != nil {
		return []string{"timeline: " + p.load.err.Error()}
	}
	out := []string{"run: " + p.data.Run, "module: " + p.data.Module, "cursor: " + p.timelineNote()}
	for _, ev := range p.data.Events {
		out = append(out, "event: "+strings.TrimLeft(p.eventLine(ev), "▲⚑◆ "))
	}
	if len(p.data.Events) == 0 {
		out = append(out, "event: none")
	}
	for _, n := range p.data.Notes {
		out = append(out, "note: "+n)
	}
	return out
}

func (p *scrubber) describeLine(name string, get curve, fm func(float64) string) func() []string {
	return func() []string {
		out := []string{fmt.Sprintf("%s at cursor: %s", name, fm(p.value(get)))}
		ys, steps := get(&p.data)
		for i, s := range steps {
			out = append(out, fmt.Sprintf("%s at %d: %s", name, s, fm(at(ys, i))))
		}
		return out
	}
}

func (p *scrubber) describeTurn() []string {
	get := func(d *Phase) ([]float64, []int) { return d.Turn, d.Steps }
	return p.describeLine(fmt.Sprintf("turn angle k=%d", p.data.TurnK), get, degrees)()
}

func (p *scrubber) describeDebiased() []string {
	out := []string{fmt.Sprintf("debiased turn angle k=%d at cursor: %s", p.data.DebiasedK, p.debiasedNote())}
	for i, s := range p.data.Steps {
		out = append(out, fmt.Sprintf("debiased turn angle at %d: %s ± %s", s, degrees(at(p.data.Debiased, i)), degrees(at(p.data.SE, i))))
	}
	return out
}

func (p *scrubber) describePCA() []string {
	out := []string{"PCA path: " + p.pcaNote()}
	for i, s := range p.data.Steps {
		out = append(out, fmt.Sprintf("PCA at %d: %s, %s", s, num(at(p.data.PC1, i)), num(at(p.data.PC2, i))))
	}
	return out
}

func (p *scrubber) describeChanges() []string {
	if p.axesLoad.err != nil {
		return []string{"features: " + p.axesLoad.err.Error()}
	}
	var out []string
	for _, c := range p.changes {
		out = append(out, fmt.Sprintf("feature %d: mean %s → %s %s", c.ID, num(c.Base), num(c.Now), c.Label))
	}
	return out
}
