package tui

import (
	"context"
	"time"

	"agar/tui/cell"
	"agar/tui/raster"
	"agar/tui/theme"

	tea "github.com/charmbracelet/bubbletea"
)

// screenID names a screen; its value is the digit that jumps to it.
type screenID int

// Screens. The digits in between belong to screens of the same program.
const (
	screenOverview screenID = 1
	screenFeatures screenID = 2
	screenDetail   screenID = 3
	screenPhase    screenID = 5
)

// screen is a full view of the program. Only Update of the App calls its
// mutating methods, so no screen needs locks.
type screen interface {
	// title is its part of the header, facts stand at the header's right end.
	title() (name, facts string)
	// enter is called when the screen comes to the front.
	enter() tea.Cmd
	// apply takes a data message; input never comes here.
	apply(msg tea.Msg) tea.Cmd
	// bindings are its keys besides those of the App.
	bindings() []group
	// status is the line above the footer; urgent ones are drawn as warnings.
	status() (line string, urgent bool)
	// base is the part that all screens share.
	base() *deck
}

// env is what all screens share.
type env struct {
	ctx   context.Context
	src   *Sources
	theme *theme.Theme
	sym   raster.Symbols
	now   func() time.Time
	hasty bool // no waiting for rest: tests and line mode
	still bool // nothing moves by itself

	lastReq uint64
	waking  bool

	step    int // training step under the cursor
	lambda  int // index of λ in the trajectory
	dialled bool
	feature int // feature that the detail screen shows
	axes    Axes
	goTo    func(screenID) tea.Cmd // opens a screen on top of the current one
	say     func(hint string)      // shows a line until the next key
	// neighbour is the feature by rows after id in the table.
	neighbour func(id, by int) (int, bool)
}

// request numbers a question.
func (e *env) request() uint64 {
	e.lastReq++
	return e.lastReq
}

// wake makes sure that the screen is drawn again while answers are awaited.
func (e *env) wake() tea.Cmd {
	if e.waking || e.hasty || e.still {
		return nil
	}
	e.waking = true
	return after(slowAfter, slowMsg{})
}

// lambdaIndex is the λ of the dial, within the axis.
func (e *env) lambdaIndex() int { return min(max(e.lambda, 0), max(len(e.axes.Lambdas)-1, 0)) }

// dialOne sets the dial to the λ nearest to 1, the fine-tune as it is, once.
func (e *env) dialOne() {
	if e.dialled {
		return
	}
	e.dialled = true
	e.lambda = nearestOne(e.axes.Lambdas)
}

// axisStep is the index on the trajectory's axis of the last checkpoint at or
// before the cursor.
func (e *env) axisStep() int { return indexAt(e.axes.Steps, e.step) }

// indexAt is the index of the last element of ascending steps that is ≤ step, 0
// when there is none.
func indexAt(steps []int, step int) int {
	i := 0
	for j, s := range steps {
		if s <= step {
			i = j
		}
	}
	return i
}

// drawMissing fills a panel whose data is not there.
func drawMissing(g *cell.Grid, r cell.Rect, t *theme.Theme, l *loader) bool {
	if l.err == nil {
		return false
	}
	if m := l.missing(); m != nil {
		rest := drawLines(g, r, cell.Wrap("no "+m.What+" here", r.W), t.Warn)
		rest = drawLines(g, rest, cell.Wrap("make it with", r.W), t.Dim)
		drawLines(g, rest, cell.Wrap(m.Make, r.W), t.FG)
		return true
	}
	drawLines(g, r, cell.Wrap(l.err.Error(), r.W), t.Warn)
	return true
}

// drawBar draws a horizontal bar filled to f.
func drawBar(g *cell.Grid, r cell.Rect, f float64, e *env, st cell.Style) {
	full, rest := raster.Bar(f, r.W, e.sym)
	_, r = r.Left(g.Raw(r, full, st))
	g.Raw(r, rest, e.theme.Border)
}

// drawLines writes lines from the top of r and returns what is left of it.
func drawLines(g *cell.Grid, r cell.Rect, lines []string, st cell.Style) cell.Rect {
	for _, l := range lines {
		var row cell.Rect
		if row, r = r.Top(1); row.Empty() {
			break
		}
		g.Text(row, l, st)
	}
	return r
}
