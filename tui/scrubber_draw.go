package tui

import (
	"fmt"
	"math"
	"strings"

	"agar/tui/cell"
	"agar/tui/raster"
)

// shortModule is model.layers.21.mlp.down_proj as L21 down_proj.
func shortModule(name string) string {
	parts := strings.Split(name, ".")
	for i, s := range parts {
		if s == "layers" && i+1 < len(parts) {
			return "L" + parts[i+1] + " " + parts[len(parts)-1]
		}
	}
	return name
}

// chart is a chart over the run at the cursor.
func (p *scrubber) chart(lines []series, fm func(float64) string) chart {
	return chart{steps: p.data.Steps, lines: lines, cursor: p.env.step, events: p.data.Events, logX: p.logX, format: fm}
}

func (p *scrubber) drawLine(get curve, fm func(float64) string) func(*cell.Grid, cell.Rect, bool) {
	return func(g *cell.Grid, r cell.Rect, _ bool) {
		if p.drawUnread(g, r) {
			return
		}
		ys, steps := get(&p.data)
		c := p.chart([]series{{ys: ys, steps: steps, style: p.env.theme.Series[0]}}, fm)
		c.draw(g, r, p.env)
	}
}

// drawUnread fills a panel of a run that is not there, or that could not be read;
// the reason is in the timeline.
func (p *scrubber) drawUnread(g *cell.Grid, r cell.Rect) bool {
	if p.load.err != nil && p.load.missing() == nil {
		g.Text(r, "no values", p.env.theme.Dim)
		return true
	}
	return drawMissing(g, r, p.env.theme, &p.load)
}

func (p *scrubber) timelineTitle() string {
	s := "Timeline"
	if p.playing {
		s += " ▸ playing"
	}
	return s + p.load.mark(p.env)
}

func (p *scrubber) timelineNote() string {
	steps := p.steps()
	if len(steps) == 0 {
		return ""
	}
	return fmt.Sprintf("checkpoint %d of %d · step %d of %d", p.index()+1, len(steps), p.env.step, steps[len(steps)-1])
}

func (p *scrubber) drawTimeline(g *cell.Grid, r cell.Rect, _ bool) {
	t := p.env.theme
	steps := p.steps()
	if len(steps) == 0 {
		drawMissing(g, r, t, &p.load)
		return
	}
	first, last := stepName(steps[0])+" ", " "+stepName(steps[len(steps)-1])
	row, rest := r.Top(1)
	_, bar := row.Left(g.Text(row, first, t.Dim))
	bar.W -= len(last)
	g.Right(row, last, t.Dim)
	c := chart{steps: steps, logX: p.logX}
	xr := c.axisX()
	g.Fill(bar, "─", t.Border)
	for _, s := range steps {
		g.Raw(cell.Rect{X: bar.X + c.column(s, xr, bar.W), Y: bar.Y, W: 1, H: 1}, "┴", t.Border)
	}
	cursor := bar.X + c.column(p.env.step, xr, bar.W)
	list := p.eventLines(rest.W)
	marks := rest.H > 1 && rest.H > min(len(list), 3) // a row of their own
	g.Raw(cell.Rect{X: cursor, Y: bar.Y, W: 1, H: 1}, "┃", t.Cursor.With(cell.Bold))
	for _, ev := range p.data.Events {
		x := bar.X + c.column(ev.Step, xr, bar.W)
		y := bar.Y
		if marks {
			y++
		}
		st := t.Warn
		if y == bar.Y && x == cursor {
			st = st.With(cell.Reverse)
		}
		g.Raw(cell.Rect{X: x, Y: y, W: 1, H: 1}, eventGlyph(ev.Kind), st)
	}
	if marks {
		_, rest = rest.Top(1)
	}
	if rest.H < 3 || rest.H < len(p.data.Events) {
		drawLines(g, rest, elided(list, rest.H, rest.W), t.FG)
		return
	}
	_, rest = rest.Top(1)
	p.drawEvents(g, rest)
}

// elided are at most n lines; … stands at the end for those that are left out.
func elided(lines []string, n, w int) []string {
	if len(lines) <= n || n == 0 {
		return lines
	}
	out := append([]string{}, lines[:n]...)
	out[n-1] = cell.Truncate(out[n-1], w-2) + " …"
	return out
}

// drawEvents writes a line an event, and what else is to be known of the run.
func (p *scrubber) drawEvents(g *cell.Grid, r cell.Rect) {
	t := p.env.theme
	for _, ev := range p.data.Events {
		r = drawLines(g, r, cell.Wrap(p.eventLine(ev), r.W), t.FG)
	}
	if len(p.data.Events) == 0 {
		r = drawLines(g, r, cell.Wrap(p.noEvent(), r.W), t.FG)
	}
	for _, n := range p.data.Notes {
		r = drawLines(g, r, cell.Wrap("note: "+n, r.W), t.Dim)
	}
}

func turnTitle(s string, k int) string {
	if k == 0 {
		return s
	}
	return fmt.Sprintf("%s k=%d", s, k)
}

func (p *scrubber) turnNote() string {
	return degrees(at(p.data.Turn, p.index()))
}

func (p *scrubber) debiasedNote() string {
	if len(p.data.Steps) == 0 || p.data.DebiasedK == 0 {
		return noValue
	}
	v := at(p.data.Debiased, p.index())
	se := at(p.data.SE, p.index())
	if math.IsNaN(v) {
		return "signal lost here"
	}
	return degrees(v) + " ± " + degrees(se)
}

func (p *scrubber) drawTurn(g *cell.Grid, r cell.Rect, _ bool) {
	if p.drawUnread(g, r) {
		return
	}
	if p.notAtK(g, r, p.data.Turn, p.data.TurnK, p.data.TurnKs) {
		return
	}
	c := p.chart([]series{{ys: p.data.Turn, style: p.env.theme.Series[1]}}, wholeDegrees)
	c.zero = true
	c.draw(g, r, p.env)
}

// drawDebiased draws the angle over its band of one standard error.
func (p *scrubber) drawDebiased(g *cell.Grid, r cell.Rect, _ bool) {
	if p.drawUnread(g, r) {
		return
	}
	if p.notAtK(g, r, p.data.Debiased, p.data.DebiasedK, p.data.DebiasedKs) {
		return
	}
	n := len(p.data.Debiased)
	lo, hi := make([]float64, n), make([]float64, n)
	for i, v := range p.data.Debiased {
		lo[i], hi[i] = v-at(p.data.SE, i), v+at(p.data.SE, i)
	}
	c := p.chart([]series{{ys: p.data.Debiased, lo: lo, hi: hi, style: p.env.theme.Series[2]}}, wholeDegrees)
	c.zero = true
	c.draw(g, r, p.env)
}

// notAtK says that an angle has no value at k, and at which others it has.
func (p *scrubber) notAtK(g *cell.Grid, r cell.Rect, ys []float64, k int, others []int) bool {
	if _, ok := raster.Of(ys); ok {
		return false
	}
	why := "no value at any k: too few steps move far enough"
	if len(others) > 0 {
		why = fmt.Sprintf("no value at k = %d: too few steps move that far. K goes on to %s", k, intList(others))
	}
	drawLines(g, r, cell.Wrap(why, r.W), p.env.theme.Dim)
	return true
}

// intList is 10, 20, 40.
func intList(v []int) string {
	return strings.Trim(strings.Join(strings.Fields(fmt.Sprint(v)), ", "), "[]")
}

func wholeDegrees(v float64) string { return fmt.Sprintf("%.0f°", v) }

func (p *scrubber) pcaTitle() string { return "PCA path" }

func (p *scrubber) pcaNote() string {
	if _, ok := raster.Of(p.data.PC1); !ok {
		return ""
	}
	return fmt.Sprintf("%.0f%% + %.0f%%  ● cursor", 100*p.data.Ratio[0], 100*p.data.Ratio[1])
}

// drawPCA draws the path of the adapter in the plane of its first two principal
// components.
func (p *scrubber) drawPCA(g *cell.Grid, r cell.Rect, _ bool) {
	t := p.env.theme
	if p.drawUnread(g, r) {
		return
	}
	xr, okx := raster.Of(p.data.PC1)
	yr, oky := raster.Of(p.data.PC2)
	if !okx || !oky || r.H < 2 {
		g.Text(r, "too few checkpoints for a path", t.Dim)
		return
	}
	d := raster.NewDots(r.W, r.H, p.env.sym)
	d.Path(p.data.PC1, p.data.PC2, xr, yr, t.Series[3])
	d.Draw(g, r)
	put := func(i int, s string, st cell.Style) {
		if i < 0 || i >= len(p.data.PC1) || math.IsNaN(p.data.PC1[i]) {
			return
		}
		x, y := xr.Place(p.data.PC1[i], r.W), r.H-1-yr.Place(p.data.PC2[i], r.H)
		g.Raw(cell.Rect{X: r.X + x, Y: r.Y + y, W: 1, H: 1}, s, st)
	}
	put(0, "○", t.Dim)
	for _, ev := range p.data.Events {
		put(indexAt(p.data.Steps, ev.Step), eventGlyph(ev.Kind), t.Warn)
	}
	put(p.index(), "●", t.Cursor.With(cell.Bold))
	label(g, cell.Rect{X: r.X, Y: r.Y, W: 3, H: 1}, "PC2", t.Dim)
	label(g, cell.Rect{X: r.X + r.W - 3, Y: r.Y + r.H - 1, W: 3, H: 1}, "PC1", t.Dim)
}

// label writes s where nothing is drawn.
func label(g *cell.Grid, r cell.Rect, s string, st cell.Style) {
	for x := range r.W {
		if !g.Blank(r.X+x, r.Y) {
			return
		}
	}
	g.Text(r, s, st)
}

func (p *scrubber) changesTitle() string {
	return "Features moved" + p.changesLoad.mark(p.env)
}

func (p *scrubber) changesNote() string {
	if len(p.env.axes.Steps) == 0 {
		return ""
	}
	return fmt.Sprintf("mean base → %d", p.env.axes.Steps[p.env.axisStep()])
}

func (p *scrubber) drawChanges(g *cell.Grid, r cell.Rect, focused bool) {
	t := p.env.theme
	l := &p.changesLoad
	if p.axesLoad.err != nil {
		l = &p.axesLoad
	}
	if drawMissing(g, r, t, l) {
		return
	}
	top := 0.
	for _, c := range p.changes {
		top = max(top, math.Abs(c.Now-c.Base))
	}
	from := max(min(p.sel-r.H+1, len(p.changes)-r.H), 0)
	for i := from; i < len(p.changes) && i-from < r.H; i++ {
		p.drawChange(g, r.Row(i-from), i, top, focused)
	}
	if p.changesLoad.busy {
		g.Restyle(r, func(s cell.Style) cell.Style { return s.With(cell.Faint) })
	}
}

func (p *scrubber) drawChange(g *cell.Grid, r cell.Rect, i int, top float64, focused bool) {
	t, c := p.env.theme, p.changes[i]
	delta := c.Now - c.Base
	row := r
	mark, r := r.Left(2)
	if i == p.sel {
		g.Text(mark, "▸", t.Accent)
	}
	arrow := "▲"
	if delta < 0 {
		arrow = "▼"
	}
	id, r := r.Left(7)
	g.Text(id, fmt.Sprintf("#%d", c.ID), t.FG)
	glyph, r := r.Left(2)
	g.Text(glyph, arrow, signStyle(delta, t))
	values := num(c.Base) + " → " + cell.PadLeft(num(c.Now), 5)
	barW := min(max(r.W-cell.Width(values)-14, 0), 16)
	label, r := r.Left(r.W - cell.Width(values) - barW - 2)
	g.Text(label, c.Label, t.FG)
	_, r = r.Left(1)
	bar, r := r.Left(barW)
	if top > 0 {
		full, _ := raster.Bar(math.Abs(delta)/top, barW, p.env.sym)
		g.Text(bar, full, signStyle(delta, t))
	}
	g.Right(r, values, t.FG)
	if i == p.sel && focused {
		g.Restyle(row, func(s cell.Style) cell.Style { return cell.Style{FG: t.FG.FG, Attr: cell.Reverse} })
	}
}
