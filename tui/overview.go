package tui

import (
	"fmt"
	"math"
	"strings"

	"agar/tui/cell"

	tea "github.com/charmbracelet/bubbletea"
)

// overview is screen 1: what is running and what is open.
type overview struct {
	deck
	app   *App
	board *board // nil when nothing runs or ran
	err   error  // how the job ended
}

func newOverview(a *App) *overview {
	o := &overview{app: a}
	o.deck = deck{env: a.env, arrange: o.layout}
	o.panels = []panel{
		{id: "stages", name: "stages", title: o.stagesTitle, note: o.elapsed, draw: o.drawStages, describe: o.describeStages, origin: o.stagesOrigin},
		{id: "now", name: "now", title: o.nowTitle, draw: o.drawNow, describe: o.describeNow, origin: o.nowOrigin},
	}
	return o
}

// figures are the panels of a training that is watched.
func (o *overview) figures() []panel {
	return []panel{
		o.figure("ev", "Explained variance", "1 − ‖x − x̂‖² / ‖x − mean‖², summed over the tokens of a batch", true),
		o.figure("loss", "Training loss", "‖x − x̂‖² a token plus the auxiliary loss on dead features", false),
		o.figure("l0", "L0", "features active on a token, mean over a batch", true),
		o.figure("dead", "Dead features", "features that have not fired for a twentieth of the training's tokens, of all features of the dictionary", true),
	}
}

// watch shows a job from now on.
func (o *overview) watch() {
	o.board = newBoard(o.env.now())
	o.panels = append(o.panels[:2], o.figures()...)
	o.place()
}

// layout leaves the figures out while nothing is watched.
func (o *overview) layout(w, h int) (map[string]cell.Rect, string) {
	if o.board != nil {
		return layoutOverview(w, h)
	}
	stages, now := cell.Rect{W: w, H: h}.Top(h * 2 / 3)
	return map[string]cell.Rect{"stages": stages, "now": now}, "now"
}

func (o *overview) title() (name, facts string) {
	switch {
	case o.board == nil:
		return "overview", fmt.Sprintf("%d open", len(o.env.src.Artefacts)-len(o.absent()))
	case o.board.ended.IsZero():
		return "demo", "● running"
	case o.err != nil:
		return "demo", "✕ failed"
	}
	return "demo", "○ done"
}

func (o *overview) enter() tea.Cmd {
	if o.board != nil && o.board.ended.IsZero() {
		return o.env.wake()
	}
	return nil
}

func (o *overview) apply(msg tea.Msg) tea.Cmd {
	if o.board == nil {
		return nil
	}
	switch m := msg.(type) {
	case feedMsg:
		for _, e := range m.Events {
			o.board.add(e, o.env.now())
		}
	case jobDoneMsg:
		o.err = m.Err
		o.board.finish(m.Err, o.env.now())
	}
	return nil
}

func (o *overview) bindings() []group { return nil }

// screensHint is the status of an overview with nothing to report.
const screensHint = "2 feature table · 3 feature · 5 phase scrubber · ? all keys"

func (o *overview) status() (string, bool) {
	switch {
	case o.err != nil:
		return "failed: " + o.err.Error(), true
	case o.board == nil:
		return screensHint, false
	case o.board.ended.IsZero():
		return "live, by the ordinary code; the scrubber opens when it is done · q stops it", false
	}
	return screensHint, false
}

// absent are the artefacts that are not there.
func (o *overview) absent() []Artefact {
	var out []Artefact
	for _, a := range o.env.src.Artefacts {
		if a.Path == "" {
			out = append(out, a)
		}
	}
	return out
}

func (o *overview) stagesTitle() string {
	if o.board == nil {
		return "What is open"
	}
	return "Stages"
}

func (o *overview) elapsed() string {
	if o.board == nil {
		return ""
	}
	t := o.board.ended
	if t.IsZero() {
		t = o.env.now()
	}
	return seconds(t.Sub(o.board.began))
}

func (o *overview) drawStages(g *cell.Grid, r cell.Rect, _ bool) {
	if o.board == nil {
		o.drawArtefacts(g, r)
		return
	}
	gap := r.H >= 2*len(o.board.stages)
	for i := range o.board.stages {
		var row cell.Rect
		row, r = r.Top(1)
		o.drawStage(g, row, &o.board.stages[i])
		if gap {
			_, r = r.Top(1)
		}
	}
}

var stageGlyphs = [...]string{stageWaiting: "·", stageRunning: "●", stageDone: "✓", stageFailed: "✕"}

func (o *overview) drawStage(g *cell.Grid, r cell.Rect, s *stage) {
	t := o.env.theme
	st := t.FG
	switch s.state {
	case stageWaiting:
		st = t.Dim
	case stageRunning:
		st = t.Title
	case stageFailed:
		st = t.Warn
	}
	name, rest := r.Left(12)
	g.Text(name, stageGlyphs[s.state]+" "+s.name, st)
	barW := min(max(rest.W-42, 8), 40)
	bar, rest := rest.Left(barW)
	f, known := s.fraction()
	drawBar(g, bar, f, o.env, t.Accent)
	_, rest = rest.Left(1)
	if known || s.state == stageDone {
		g.Text(rest, cell.PadLeft(fmt.Sprintf("%.0f%%", 100*f), 4), st)
	}
	_, rest = rest.Left(5)
	g.Text(rest, s.figures(), st)
}

// fraction is how far the stage is; known is false when the job does not say.
func (s *stage) fraction() (f float64, known bool) {
	if s.state == stageDone {
		return 1, true
	}
	return s.work.Fraction()
}

// figures is count, rate and time; beside the stage's main work that part of it
// is named that is under way.
func (s *stage) figures() string {
	if s.state == stageWaiting {
		return ""
	}
	e, parts := s.work, []string(nil)
	if s.state == stageRunning && s.main != "" && s.last.Stage != s.main && s.last.Stage != "" {
		e, parts = s.last, append(parts, s.last.Stage)
	}
	if e.Step > 0 && e.Unit != "" {
		parts = append(parts, counted(e.Step, e.Unit))
	}
	if s.rate > 0 && s.state == stageRunning {
		parts = append(parts, strings.TrimSpace(num(s.rate)+" "+s.rateUnit)+"/s")
	}
	return strings.Join(append(parts, seconds(s.took)), " · ")
}

func (o *overview) drawArtefacts(g *cell.Grid, r cell.Rect) {
	t := o.env.theme
	for _, a := range o.env.src.Artefacts {
		kind, rest := r.Left(16)
		if a.Path == "" {
			g.Text(kind.Row(0), "– "+a.Kind, t.Dim)
			lines := cell.Wrap("missing; "+a.Make, rest.W)
			drawLines(g, rest, lines, t.Dim)
			_, r = r.Top(len(lines))
			continue
		}
		g.Text(kind.Row(0), "○ "+a.Kind, t.FG)
		lines := []string{a.Path, a.Note}
		if cell.Width(a.Path)+2+cell.Width(a.Note) <= rest.W {
			lines = []string{a.Path + "  " + a.Note}
		}
		drawLines(g, rest, lines, t.FG)
		_, r = r.Top(len(lines))
	}
}

func (o *overview) nowTitle() string {
	switch s := o.current(); {
	case s != nil:
		return "Now: " + s.name
	case o.made():
		return "What is open"
	}
	return "Next"
}

// current is the stage under way, nil when none is.
func (o *overview) current() *stage {
	if o.board == nil || o.board.now < 0 || !o.board.ended.IsZero() {
		return nil
	}
	return &o.board.stages[o.board.now]
}

// nowLines says what is happening and why.
func (o *overview) nowLines() []string {
	s := o.current()
	switch {
	case s != nil:
		lines := []string{s.why}
		if s.last.Message != "" {
			lines = append(lines, "", s.last.Message)
		}
		return lines
	case o.err != nil:
		return []string{"It ended with an error:", o.err.Error()}
	case o.board != nil && o.board.ended.IsZero():
		return []string{"Starting."}
	case len(o.absent()) > 0:
		a := o.absent()[0]
		return []string{"There is no " + a.Kind + " yet. It is made by:", a.Make}
	}
	return []string{"Everything is here.", "5 opens the phase scrubber: one cursor over the fine-tune.", "2 opens the feature table."}
}

// made reports whether the job has ended well, so that what it made is open.
func (o *overview) made() bool { return o.board != nil && !o.board.ended.IsZero() && o.err == nil }

func (o *overview) drawNow(g *cell.Grid, r cell.Rect, _ bool) {
	if o.made() {
		o.drawArtefacts(g, r)
		return
	}
	t := o.env.theme
	for _, l := range o.nowLines() {
		r = drawLines(g, r, cell.Wrap(l, r.W), t.FG)
	}
}

// figure is the panel of one figure of the training.
func (o *overview) figure(id, name, definition string, zero bool) panel {
	last := func() string { return o.lastOf(id) }
	return panel{
		id: id, name: name, title: func() string { return name }, note: last,
		draw:     func(g *cell.Grid, r cell.Rect, _ bool) { o.drawFigure(g, r, id, zero) },
		describe: func() []string { return []string{name + ": " + orNone(last())} },
		origin: func() []origin {
			return []origin{{Name: name, Definition: definition, Denominator: "the batch of the training step, special and outlier tokens left out", Source: "progress events of the training"}}
		},
	}
}

// lastOf is the newest value of a figure, the dead features of all features.
func (o *overview) lastOf(id string) string {
	v, ok := o.board.line(id).Last()
	switch {
	case !ok:
		return ""
	case id == "dead" && o.board.features > 0:
		return fmt.Sprintf("%.0f of %s", v, count(o.board.features))
	}
	return num(v)
}

func orNone(s string) string {
	if s == "" {
		return noValue
	}
	return s
}

func (o *overview) drawFigure(g *cell.Grid, r cell.Rect, id string, zero bool) {
	p := o.board.line(id)
	if p.Len() < 2 {
		g.Text(r, "comes with training", o.env.theme.Dim)
		return
	}
	ys := p.Values(r.W)
	steps := make([]int, len(ys))
	for i := range steps {
		steps[i] = i * o.board.trained / (len(ys) - 1)
	}
	c := chart{steps: steps, lines: []series{{ys: ys, style: o.env.theme.Series[0]}}, cursor: -1, format: num, zero: zero}
	c.draw(g, r, o.env)
}

func (o *overview) stagesOrigin() []origin {
	if o.board != nil {
		return []origin{{Name: "Stages", Definition: "steps done of the steps announced by each part of the job; rates are those the job reports, else steps over seconds", Source: "progress events of the job"}}
	}
	return o.artefactsOrigin()
}

func (o *overview) nowOrigin() []origin {
	if o.board == nil || o.made() {
		return o.artefactsOrigin()
	}
	return o.stagesOrigin()
}

// artefactsOrigin says where what is open lies.
func (o *overview) artefactsOrigin() []origin {
	var out []origin
	for _, a := range o.env.src.Artefacts {
		src := a.Path
		if src == "" {
			src = "missing; made by " + a.Make
		}
		out = append(out, origin{Name: a.Kind, Definition: a.Note, Source: src})
	}
	return out
}

func (o *overview) describeStages() []string {
	var out []string
	if o.board == nil {
		return o.describeArtefacts()
	}
	for i := range o.board.stages {
		s := &o.board.stages[i]
		f, _ := s.fraction()
		if math.IsNaN(f) {
			f = 0
		}
		out = append(out, fmt.Sprintf("stage %s: %s %.0f%% %s", s.name, [...]string{"waiting", "running", "done", "failed"}[s.state], 100*f, s.figures()))
	}
	return out
}

func (o *overview) describeArtefacts() []string {
	var out []string
	for _, a := range o.env.src.Artefacts {
		if a.Path == "" {
			out = append(out, fmt.Sprintf("%s: missing, make it with %s", a.Kind, a.Make))
		} else {
			out = append(out, strings.TrimSpace(fmt.Sprintf("%s: %s %s", a.Kind, a.Path, a.Note)))
		}
	}
	return out
}

func (o *overview) describeNow() []string {
	if o.made() {
		return o.describeArtefacts()
	}
	return []string{"now: " + strings.Join(o.nowLines(), " ")}
}
