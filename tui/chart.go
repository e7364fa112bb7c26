package tui

import (
	"math"
	"strconv"

	"agar/tui/cell"
	"agar/tui/raster"
)

// series is a line of a chart; lo and hi, when given, are its error band, steps its
// own steps where they are not the chart's.
type series struct {
	steps  []int
	ys     []float64
	lo, hi []float64
	style  cell.Style
	// hold says that the values are of some steps alone, such as the judged ones: each
	// is drawn until the next, as the number beside the chart says it.
	hold bool
}

// chart is lines over training steps with a cursor and event marks.
type chart struct {
	steps  []int
	lines  []series
	cursor int // step; −1 = none
	events []Event
	logX   bool
	format func(float64) string // of the labels at the left
	zero   bool                 // the range includes 0
}

// draw fills r: labels at the left, and a row of steps and marks below when there
// is room for it.
func (c *chart) draw(g *cell.Grid, r cell.Rect, e *env) {
	if len(c.steps) == 0 || r.Empty() {
		return
	}
	yr, ok := c.rangeY()
	if !ok {
		g.Text(r, "no values", e.theme.Dim)
		return
	}
	plot, axis := r, cell.Rect{}
	if r.H >= 5 {
		plot, axis = r.Top(r.H - 1)
	}
	_, plot = plot.Left(c.drawLabels(g, plot, yr, e))
	axis.X, axis.W = plot.X, plot.W
	xr := c.axisX()
	c.drawLines(g, plot, xr, yr, e)
	c.drawCursor(g, plot, xr, e)
	if !axis.Empty() {
		c.drawAxis(g, axis, xr, e)
		return
	}
	c.drawEvents(g, cell.Rect{X: plot.X, Y: plot.Y + plot.H - 1, W: plot.W, H: 1}, xr, e)
}

func (c *chart) rangeY() (raster.Range, bool) {
	all := make([][]float64, 0, 3*len(c.lines))
	for _, l := range c.lines {
		all = append(all, l.ys)
	}
	yr, ok := raster.Of(all...)
	if c.zero {
		yr.Lo, yr.Hi = min(yr.Lo, 0), max(yr.Hi, 0)
	}
	return yr, ok
}

// drawLabels writes the ends of the range and returns the width they take.
func (c *chart) drawLabels(g *cell.Grid, r cell.Rect, yr raster.Range, e *env) int {
	hi, lo := c.format(yr.Hi), c.format(yr.Lo)
	w := max(cell.Width(hi), cell.Width(lo), 5)
	if r.W < w+8 {
		return 0
	}
	g.Text(r.Row(0), cell.PadLeft(hi, w), e.theme.Dim)
	if r.H > 1 {
		g.Text(r.Row(r.H-1), cell.PadLeft(lo, w), e.theme.Dim)
	}
	return w + 1
}

// x is the position of a step on the axis.
func (c *chart) x(step int) float64 {
	if c.logX {
		return math.Log1p(float64(max(step, 0)))
	}
	return float64(step)
}

// axisX is the range of the chart's steps.
func (c *chart) axisX() raster.Range {
	return raster.Range{Lo: c.x(c.steps[0]), Hi: c.x(c.steps[len(c.steps)-1])}
}

func (c *chart) drawLines(g *cell.Grid, r cell.Rect, xr, yr raster.Range, e *env) {
	d := raster.NewDots(r.W, r.H, e.sym)
	for _, l := range c.lines {
		if l.hold {
			l = c.held(l)
		}
		xs := c.positions(l)
		if l.lo != nil {
			d.Band(xs, l.lo, l.hi, xr, yr, e.theme.Dim)
		}
		d.Line(xs, l.ys, xr, yr, l.style)
	}
	d.Draw(g, r)
}

// held is a series as steps: every value stays until the next step that has one, the
// last until the end of the chart.
func (c *chart) held(l series) series {
	out := series{style: l.style}
	add := func(step, i int) {
		out.steps, out.ys = append(out.steps, step), append(out.ys, l.ys[i])
		if l.lo != nil {
			out.lo, out.hi = append(out.lo, l.lo[i]), append(out.hi, l.hi[i])
		}
	}
	for i, s := range l.steps {
		if i > 0 {
			add(s, i-1)
		}
		add(s, i)
	}
	if n := len(l.steps); n > 0 && c.steps[len(c.steps)-1] > l.steps[n-1] {
		add(c.steps[len(c.steps)-1], n-1)
	}
	return out
}

// positions are the places of a series' steps on the axis.
func (c *chart) positions(l series) []float64 {
	steps := l.steps
	if steps == nil {
		steps = c.steps
	}
	xs := make([]float64, len(steps))
	for i, s := range steps {
		xs[i] = c.x(s)
	}
	return xs
}

// column is the cell of a step.
func (c *chart) column(step int, xr raster.Range, w int) int { return xr.Place(c.x(step), w) }

func (c *chart) drawCursor(g *cell.Grid, r cell.Rect, xr raster.Range, e *env) {
	if c.cursor < 0 {
		return
	}
	x := r.X + c.column(c.cursor, xr, r.W)
	for y := r.Y; y < r.Y+r.H; y++ {
		if g.Blank(x, y) {
			g.Raw(cell.Rect{X: x, Y: y, W: 1, H: 1}, "┊", e.theme.Cursor)
		}
	}
}

// drawAxis writes the first and the last step, the events and the cursor.
func (c *chart) drawAxis(g *cell.Grid, r cell.Rect, xr raster.Range, e *env) {
	first, last := strconv.Itoa(c.steps[0]), strconv.Itoa(c.steps[len(c.steps)-1])
	marked := c.eventColumns(xr, r.W)
	from := axisLabel(g, r, first, 0, 1, marked, e)
	to := axisLabel(g, r, last, r.W-len(last), -1, marked, e)
	c.drawEvents(g, r, xr, e)
	if c.cursor < 0 {
		return
	}
	s := strconv.Itoa(c.cursor)
	x := min(max(c.column(c.cursor, xr, r.W)+1, 0), r.W-len(s))
	if x > from+len(first) && x+len(s) < to {
		g.Text(cell.Rect{X: r.X + x, Y: r.Y, W: len(s), H: 1}, s, e.theme.Cursor)
	}
}

// axisLabel writes s at column x of an axis, or as few columns inwards as it takes to
// cover no event, its own width at most; where that is not enough it is left out. It
// gives the column.
func axisLabel(g *cell.Grid, r cell.Rect, s string, x, inwards int, marked map[int]bool, e *env) int {
	for range len(s) + 1 {
		covers := false
		for i := range len(s) {
			covers = covers || marked[x+i]
		}
		if !covers {
			g.Text(cell.Rect{X: r.X + x, Y: r.Y, W: len(s), H: 1}, s, e.theme.Dim)
			return x
		}
		x += inwards
	}
	return x
}

// eventColumns are the cells of events that the axis shows.
func (c *chart) eventColumns(xr raster.Range, w int) map[int]bool {
	m := map[int]bool{}
	for _, ev := range c.events {
		if c.shows(ev.Step) {
			m[c.column(ev.Step, xr, w)] = true
		}
	}
	return m
}

// shows says whether a step is on the axis.
func (c *chart) shows(step int) bool { return step >= c.steps[0] && step <= c.steps[len(c.steps)-1] }

func (c *chart) drawEvents(g *cell.Grid, r cell.Rect, xr raster.Range, e *env) {
	for _, ev := range c.events {
		if c.shows(ev.Step) {
			x := r.X + c.column(ev.Step, xr, r.W)
			g.Raw(cell.Rect{X: x, Y: r.Y, W: 1, H: 1}, eventGlyph(ev.Kind), e.theme.Warn)
		}
	}
}

// eventGlyph marks a kind of event.
func eventGlyph(kind string) string {
	switch kind {
	case kindTurn:
		return "▲"
	case kindBehaviour, kindProgress:
		return "◆"
	}
	return "⚑"
}

// atStep is the value of the last of ascending steps that is ≤ step.
func atStep(ys []float64, steps []int, step int) float64 {
	if len(steps) == 0 || steps[0] > step {
		return math.NaN()
	}
	return at(ys, indexAt(steps, step))
}

// at is the value at index i, NaN outside.
func at(v []float64, i int) float64 {
	if i < 0 || i >= len(v) {
		return math.NaN()
	}
	return v[i]
}
