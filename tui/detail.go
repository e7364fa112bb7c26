package tui

import (
	"context"
	"fmt"

	tea "github.com/charmbracelet/bubbletea"
)

// detail is screen 3: one feature.
type detail struct {
	deck
	id       int
	feature  Feature
	examples []Example
	trace    Trace
	kind     int   // index in exampleKinds
	first    int   // first example on the screen
	near     int   // selected neighbour
	lambda   int   // index of the λ of trace
	trail    []int // features to which esc leads back

	load, exLoad, traceLoad, axesLoad loader
}

// exampleKinds are the samplers that e goes through. The random ones guard
// against judging a feature by its strongest firings alone.
var exampleKinds = [...]struct{ kind, name string }{
	{"top", "top"}, {"interval", "interval"}, {"random", "random"},
}

// manyExamples is how many of a kind are asked for.
const manyExamples = 40

func newDetail(e *env) *detail {
	d := &detail{id: -1}
	d.deck = deck{env: e, arrange: layoutDetail}
	d.panels = []panel{
		{id: "examples", name: "examples", title: d.examplesTitle, note: d.examplesNote, draw: d.drawExamples, describe: d.describeExamples, origin: d.examplesOrigin},
		{id: "hist", name: "histogram", title: func() string { return "Activation histogram" }, note: d.histNote, draw: d.drawHist, describe: d.describeHist, origin: d.histOrigin},
		{id: "lens", name: "logit lens", title: func() string { return "Logit lens  W_U·d" }, draw: d.drawLens, describe: d.describeLens, origin: d.lensOrigin},
		{id: "near", name: "neighbours", title: func() string { return "Decoder neighbours  cos" }, draw: d.drawNear, describe: d.describeNear, origin: d.nearOrigin},
		{id: "trace", name: "trajectory", title: d.traceTitle, note: d.traceNote, draw: d.drawTrace, describe: d.describeTrace, origin: d.traceOrigin},
	}
	d.loaders = []*loader{&d.load, &d.exLoad, &d.traceLoad}
	return d
}

func (d *detail) title() (name, facts string) {
	if d.id < 0 || d.load.err != nil {
		return "feature", ""
	}
	name = fmt.Sprintf("feature #%d", d.id)
	if d.feature.Label != "" {
		name += " " + d.feature.Label
	}
	facts = fmt.Sprintf("density %s · max %s", num(d.feature.Density), num(d.feature.Max))
	if len(d.env.axes.Steps) > 0 {
		facts = fmt.Sprintf("step %d · %s", d.env.axes.Steps[d.env.axisStep()], facts)
	}
	return name, facts
}

func (d *detail) enter() tea.Cmd {
	var cmds []tea.Cmd
	if len(d.env.axes.Steps) == 0 && !d.axesLoad.busy {
		cmds = append(cmds, askAxes(d.env, &d.axesLoad))
	}
	if d.id != d.env.feature || d.load.err != nil {
		d.trail = nil
		cmds = append(cmds, d.show(d.env.feature))
	} else if d.lambda != d.env.lambdaIndex() {
		cmds = append(cmds, d.askTrace())
	}
	return tea.Batch(cmds...)
}

// askAxes asks for the axes of the trajectory, which all screens share.
func askAxes(e *env, l *loader) tea.Cmd {
	src := e.src
	return l.now(e, func(req uint64) tea.Cmd { return ask(e.ctx, src.Name, req, src.Trajectory.Axes) })
}

// show asks for everything about a feature.
func (d *detail) show(id int) tea.Cmd {
	d.id, d.env.feature = id, id
	d.first, d.near = 0, 0
	src := d.env.src
	return tea.Batch(d.askExamples(), d.askTrace(),
		d.load.soon(d.env, restCursor, func(req uint64) tea.Cmd {
			return ask(d.env.ctx, src.Name, req, func(ctx context.Context) (Feature, error) { return src.Detail.Feature(ctx, id) })
		}))
}

func (d *detail) askExamples() tea.Cmd {
	id, src, kind := d.id, d.env.src, exampleKinds[d.kind].kind
	return d.exLoad.soon(d.env, restCursor, func(req uint64) tea.Cmd {
		return ask(d.env.ctx, src.Name, req, func(ctx context.Context) ([]Example, error) {
			return src.Detail.Examples(ctx, id, kind, manyExamples)
		})
	})
}

func (d *detail) askTrace() tea.Cmd {
	id, src, lambda := d.id, d.env.src, d.env.lambdaIndex()
	d.lambda = lambda
	return d.traceLoad.soon(d.env, restCursor, func(req uint64) tea.Cmd {
		return ask(d.env.ctx, src.Name, req, func(ctx context.Context) (Trace, error) { return src.Trajectory.Trace(ctx, id, lambda) })
	})
}

func (d *detail) apply(msg tea.Msg) tea.Cmd {
	switch m := msg.(type) {
	case settledMsg:
		return tea.Batch(d.load.settled(m), d.exLoad.settled(m), d.traceLoad.settled(m))
	case loadedMsg[Feature]:
		if d.load.take(m.reply) {
			d.feature = m.Value
		}
	case loadedMsg[[]Example]:
		if d.exLoad.take(m.reply) {
			d.examples = m.Value
		}
	case loadedMsg[Trace]:
		if d.traceLoad.take(m.reply) {
			d.trace = m.Value
		}
	case loadedMsg[Axes]:
		if d.axesLoad.take(m.reply); d.id >= 0 && d.lambda != d.env.lambdaIndex() {
			return d.askTrace()
		}
	}
	return nil
}

// jump shows a neighbour; esc leads back.
func (d *detail) jump() tea.Cmd {
	d.trail = append(d.trail, d.id)
	return d.show(d.feature.Neighbours[d.near].ID)
}

func (d *detail) escape() (tea.Cmd, bool) {
	if len(d.trail) == 0 {
		return nil, false
	}
	id := d.trail[len(d.trail)-1]
	d.trail = d.trail[:len(d.trail)-1]
	return d.show(id), true
}

func (d *detail) bindings() []group {
	axes := func() string {
		if len(d.env.axes.Steps) == 0 {
			return "no trajectory is open"
		}
		return ""
	}
	near := func() string {
		if d.near >= len(d.feature.Neighbours) {
			return "no neighbours in this index"
		}
		return ""
	}
	step := func(keys []string, help, short string, by int) binding {
		return binding{keys: keys, help: help, short: short, when: axes, do: func() tea.Cmd { return d.moveStep(by) }}
	}
	return []group{
		{"feature", []binding{
			{keys: []string{"j", "down"}, help: "next feature of the table; next neighbour where that panel has the focus", short: "next", do: func() tea.Cmd { return d.moveDown(1) }},
			{keys: []string{"k", "up"}, help: "previous feature or neighbour", do: func() tea.Cmd { return d.moveDown(-1) }},
			{keys: []string{"e"}, help: "examples: strongest, from every tenth of the range, random", short: "examples", do: d.nextKind},
			{keys: []string{"ctrl+d", "pgdown"}, help: "further examples", do: func() tea.Cmd { d.scroll(4); return nil }},
			{keys: []string{"ctrl+u", "pgup"}, help: "examples before these", do: func() tea.Cmd { d.scroll(-4); return nil }},
			{keys: []string{"enter"}, help: "jump to the marked neighbour; esc leads back", short: "neighbour", when: near, do: d.jump},
		}},
		{"checkpoint", []binding{
			step([]string{"h", "left"}, "previous checkpoint", "checkpoint", -1),
			step([]string{"l", "right"}, "next checkpoint", "", 1),
			step([]string{"H"}, "ten checkpoints back", "", -10),
			step([]string{"L"}, "ten checkpoints on", "", 10),
			step([]string{"g", "home"}, "first checkpoint", "", -1<<30),
			step([]string{"G", "end"}, "last checkpoint", "", 1<<30),
		}},
	}
}

func (d *detail) moveStep(by int) tea.Cmd {
	steps := d.env.axes.Steps
	d.env.step = steps[min(max(d.env.axisStep()+by, 0), len(steps)-1)]
	return nil
}

// moveDown moves in the focused list, else among the features.
func (d *detail) moveDown(by int) tea.Cmd {
	if d.has("near") {
		d.near = min(max(d.near+by, 0), max(len(d.feature.Neighbours)-1, 0))
		return nil
	}
	if id, ok := d.env.neighbour(d.id, by); ok {
		return d.show(id)
	}
	return nil
}

func (d *detail) scroll(by int) { d.first = min(max(d.first+by, 0), max(len(d.examples)-1, 0)) }

func (d *detail) nextKind() tea.Cmd {
	d.kind = (d.kind + 1) % len(exampleKinds)
	d.first = 0
	return d.askExamples()
}

func (d *detail) status() (string, bool) {
	switch {
	case len(d.trail) > 0:
		return fmt.Sprintf("esc goes back to #%d", d.trail[len(d.trail)-1]), false
	case d.load.err != nil || d.id < 0:
		return "", false
	case len(d.env.axes.Steps) == 0:
		return "examples and histogram are of the indexed capture", false
	}
	return "examples are of the indexed capture; h l move along the trajectory", false
}
