package tui

import (
	"context"
	"fmt"
	"slices"
	"time"

	tea "github.com/charmbracelet/bubbletea"
)

// scrubber is screen 5: one cursor over the whole fine-tune.
type scrubber struct {
	deck
	data    Phase
	query   PhaseQuery
	changes []Change
	sel     int // selected change
	logX    bool
	playing bool
	gen     uint64 // of the playing under way
	placed  bool   // the cursor was put somewhere meaningful
	set     string // of charts that is shown; "" before there is data
	lambda  int    // index of the λ of behaviour, −1 = the one nearest to 1; the dial of a trajectory goes before it
	fixed   []panel

	load, axesLoad, changesLoad loader
}

// curve is a series of the run with its steps.
type curve func(*Phase) (ys []float64, steps []int)

func lossCurve(d *Phase) ([]float64, []int) { return d.Loss, d.LogSteps }
func gradCurve(d *Phase) ([]float64, []int) { return d.GradNorm, d.LogSteps }
func normCurve(d *Phase) ([]float64, []int) { return d.NormDelta, d.Steps }

// playEvery is the time of one checkpoint while playing.
const playEvery = time.Second / 8

// manyChanges is how many changed features are asked for.
const manyChanges = 30

func newPhase(e *env) *scrubber {
	p := &scrubber{lambda: -1}
	p.deck = deck{env: e, arrange: p.layout}
	line := func(id, name, title string, get curve, fm func(float64) string, o func() []origin) panel {
		return panel{id: id, name: name, title: func() string { return title }, note: func() string { return fm(p.value(get)) },
			draw: p.drawLine(get, fm), describe: p.describeLine(name, get, fm), origin: o}
	}
	p.fixed = []panel{
		{id: "timeline", name: "timeline", title: p.timelineTitle, note: p.timelineNote, draw: p.drawTimeline, describe: p.describeTimeline, origin: p.timelineOrigin},
		line("loss", "loss", "Loss", lossCurve, num, p.logOrigin),
		line("grad", "grad norm", "Grad norm", gradCurve, num, p.logOrigin),
		line("norm", "‖ΔW‖", "‖ΔW‖_F", normCurve, num, p.normOrigin),
		{id: "turn", name: "turn angle", title: func() string { return turnTitle("Turn angle θ", p.data.TurnK) }, note: p.turnNote, draw: p.drawTurn, describe: p.describeTurn, origin: p.turnOrigin},
		{id: "debiased", name: "debiased turn", title: func() string { return turnTitle("Debiased θ", p.data.DebiasedK) }, note: p.debiasedNote, draw: p.drawDebiased, describe: p.describeDebiased, origin: p.turnOrigin},
		{id: "pca", name: "PCA path", title: p.pcaTitle, note: p.pcaNote, draw: p.drawPCA, describe: p.describePCA, origin: p.pcaOrigin},
		{id: "changes", name: "features", title: p.changesTitle, note: p.changesNote, draw: p.drawChanges, describe: p.describeChanges, origin: p.changesOrigin},
		{id: "dial", name: "λ dial", title: p.dialTitle, note: p.dialNote, draw: p.drawDial, describe: p.describeDial, origin: p.dialOrigin},
	}
	p.panels = p.fixed
	p.loaders = []*loader{&p.load, &p.axesLoad, &p.changesLoad}
	p.setFocus("timeline")
	return p
}

func (p *scrubber) title() (name, facts string) {
	if len(p.data.Steps) == 0 {
		return "phase", ""
	}
	facts = shortModule(p.data.Module)
	if p.data.K > 0 {
		facts += fmt.Sprintf(" · k=%d · 0° = straight", p.data.K)
	}
	return "phase", facts
}

func (p *scrubber) enter() tea.Cmd {
	var cmds []tea.Cmd
	if len(p.data.Steps) == 0 && !p.load.busy {
		cmds = append(cmds, p.ask())
	}
	if len(p.env.axes.Steps) == 0 && !p.axesLoad.busy {
		cmds = append(cmds, askAxes(p.env, &p.axesLoad))
	}
	return tea.Batch(append(cmds, p.askChanges())...)
}

// ask asks for the geometry of the chosen module and k.
func (p *scrubber) ask() tea.Cmd {
	q, src := p.query, p.env.src
	return p.load.now(p.env, func(req uint64) tea.Cmd {
		return ask(p.env.ctx, src.Name, req, func(ctx context.Context) (Phase, error) { return src.Phase.Phase(ctx, q) })
	})
}

// askChanges asks for the features that differ most at the cursor.
func (p *scrubber) askChanges() tea.Cmd {
	if len(p.env.axes.Steps) == 0 {
		return nil
	}
	src, step, lambda := p.env.src, p.env.axisStep(), p.env.lambdaIndex()
	return p.changesLoad.soon(p.env, restCursor, func(req uint64) tea.Cmd {
		return ask(p.env.ctx, src.Name, req, func(ctx context.Context) ([]Change, error) {
			return src.Trajectory.Changes(ctx, step, lambda, manyChanges)
		})
	})
}

func (p *scrubber) apply(msg tea.Msg) tea.Cmd {
	switch m := msg.(type) {
	case settledMsg:
		return tea.Batch(p.load.settled(m), p.changesLoad.settled(m))
	case loadedMsg[Phase]:
		if p.load.take(m.reply) {
			p.data = m.Value
			p.query = PhaseQuery{Module: p.data.Module, K: p.data.K}
			p.refresh()
			p.place0()
			return p.askChanges()
		}
	case loadedMsg[Axes]:
		if p.axesLoad.take(m.reply) || m.Err == nil {
			p.place()
			p.place0()
			return p.askChanges()
		}
	case loadedMsg[[]Change]:
		if p.changesLoad.take(m.reply) {
			p.changes = m.Value
			p.sel = min(p.sel, max(len(p.changes)-1, 0))
		}
	case playMsg:
		return p.play(m)
	}
	return nil
}

// place0 puts the cursor on the first turn, or else at the end, once.
func (p *scrubber) place0() {
	steps := p.steps()
	if p.placed || len(steps) == 0 {
		return
	}
	p.env.step = steps[len(steps)-1]
	p.placed = p.data.Steps != nil
	for _, ev := range p.data.Events {
		if ev.Kind == "turn" {
			p.env.step = ev.Step
			return
		}
	}
}

// steps are the checkpoints that the cursor moves over.
func (p *scrubber) steps() []int {
	if len(p.data.Steps) > 0 {
		return p.data.Steps
	}
	return p.env.axes.Steps
}

// index is the checkpoint under the cursor.
func (p *scrubber) index() int { return indexAt(p.steps(), p.env.step) }

// value is a curve at the cursor.
func (p *scrubber) value(get curve) float64 {
	ys, steps := get(&p.data)
	return atStep(ys, steps, p.env.step)
}

// moveTo puts the cursor on checkpoint i.
func (p *scrubber) moveTo(i int) tea.Cmd {
	steps := p.steps()
	i = min(max(i, 0), len(steps)-1)
	if steps[i] == p.env.step {
		return nil
	}
	p.env.step = steps[i]
	return p.askChanges()
}

func (p *scrubber) bindings() []group {
	run := func() string {
		if len(p.steps()) == 0 {
			return "no run and no trajectory is open"
		}
		return ""
	}
	step := func(keys []string, help, short string, by int) binding {
		return binding{keys: keys, help: help, short: short, when: run, do: func() tea.Cmd { return p.moveTo(p.index() + by) }}
	}
	return []group{
		{"checkpoint", []binding{
			step([]string{"h", "left"}, "previous checkpoint", "back", -1),
			step([]string{"l", "right"}, "next checkpoint", "on", 1),
			step([]string{"H"}, "ten checkpoints back", "", -10),
			step([]string{"L"}, "ten checkpoints on", "", 10),
			step([]string{"g", "home"}, "first checkpoint", "", -1<<30),
			step([]string{"G", "end"}, "last checkpoint", "", 1<<30),
			{keys: []string{">"}, help: "next event", short: "event", when: p.noEvents, do: func() tea.Cmd { return p.toEvent(1) }},
			{keys: []string{"<"}, help: "previous event", when: p.noEvents, do: func() tea.Cmd { return p.toEvent(-1) }},
			{keys: []string{" "}, help: "play the fine-tune, and stop", short: "play", when: run, do: p.togglePlay},
		}},
		{"view", []binding{
			{keys: []string{"+", "="}, help: "next λ of the trajectory", short: "λ", when: p.oneLambda, do: func() tea.Cmd { return p.dialBy(1) }},
			{keys: []string{"-"}, help: "previous λ", when: p.oneLambda, do: func() tea.Cmd { return p.dialBy(-1) }},
			{keys: []string{"m"}, help: "next set of charts: behaviour, geometry, measures", short: p.setsShort(), when: p.oneSet, do: func() tea.Cmd { p.nextSet(); return nil }},
			{keys: []string{"K"}, help: "next window k of the turn angle", short: "k", when: p.oneK, do: p.nextK},
			{keys: []string{"V"}, help: "next module of the adapter", short: "module", when: p.oneModule, do: p.nextModule},
			{keys: []string{"x"}, help: "steps on a logarithmic axis, and back", do: func() tea.Cmd { p.logX = !p.logX; return nil }},
		}},
		{"features", []binding{
			{keys: []string{"j", "down"}, help: "next changed feature", short: "feature", when: p.noChanges, do: func() tea.Cmd { p.selBy(1); return nil }},
			{keys: []string{"k", "up"}, help: "previous changed feature", when: p.noChanges, do: func() tea.Cmd { p.selBy(-1); return nil }},
			{keys: []string{"enter"}, help: "open the marked feature", short: "open", when: p.noChanges, do: p.openChange},
		}},
	}
}

// setsShort names the key of the sets of charts where there are several.
func (p *scrubber) setsShort() string {
	if len(p.sets()) < 2 {
		return ""
	}
	return "charts"
}

func (p *scrubber) noEvents() string {
	if len(p.data.Events) == 0 {
		return "no event was found in this run"
	}
	return ""
}

func (p *scrubber) noChanges() string {
	if len(p.changes) == 0 {
		return "no trajectory is open"
	}
	return ""
}

func (p *scrubber) oneLambda() string {
	if len(p.env.axes.Lambdas) == 0 && len(p.behaviourLambdas()) > 1 {
		return ""
	}
	if len(p.env.axes.Lambdas) < 2 {
		return "the trajectory has one λ only; agar phase --lambda adds more"
	}
	return ""
}

func (p *scrubber) oneK() string {
	if len(p.data.Ks) < 2 {
		return "there is only one k"
	}
	return ""
}

func (p *scrubber) oneModule() string {
	if len(p.data.Modules) < 2 {
		return "the adapter has one module"
	}
	return ""
}

// toEvent moves to the next checkpoint in direction by that has an event. The
// events between two checkpoints belong to the one before.
func (p *scrubber) toEvent(by int) tea.Cmd {
	at, best, found := p.index(), 0, false
	for _, ev := range p.data.Events {
		i := indexAt(p.steps(), ev.Step)
		if d := (i - at) * by; d > 0 && (!found || d < (best-at)*by) {
			best, found = i, true
		}
	}
	if !found {
		p.env.say(map[int]string{1: "no event after this checkpoint; < goes back", -1: "no event before this checkpoint; > goes on"}[by])
		return nil
	}
	return p.moveTo(best)
}

func (p *scrubber) dialBy(by int) tea.Cmd {
	if len(p.env.axes.Lambdas) == 0 {
		p.dialled() // sets p.lambda
		p.lambda = min(max(p.lambda+by, 0), len(p.behaviourLambdas())-1)
		return nil
	}
	p.env.lambda = min(max(p.env.lambdaIndex()+by, 0), len(p.env.axes.Lambdas)-1)
	return p.askChanges()
}

func (p *scrubber) nextK() tea.Cmd {
	i := slices.Index(p.data.Ks, p.query.K)
	p.query.K = p.data.Ks[(i+1)%len(p.data.Ks)]
	return p.ask()
}

func (p *scrubber) nextModule() tea.Cmd {
	i := slices.Index(p.data.Modules, p.query.Module)
	p.query.Module = p.data.Modules[(i+1)%len(p.data.Modules)]
	return p.ask()
}

func (p *scrubber) selBy(by int) { p.sel = min(max(p.sel+by, 0), len(p.changes)-1) }

func (p *scrubber) openChange() tea.Cmd {
	p.env.feature = p.changes[p.sel].ID
	return p.env.goTo(screenDetail)
}

func (p *scrubber) togglePlay() tea.Cmd {
	p.playing = !p.playing
	p.gen++
	if !p.playing {
		return nil
	}
	var cmd tea.Cmd
	if p.index() == len(p.steps())-1 {
		cmd = p.moveTo(0)
	}
	return tea.Batch(cmd, after(playEvery, playMsg{p.gen}))
}

// play moves on by a checkpoint and stops at the last.
func (p *scrubber) play(m playMsg) tea.Cmd {
	if !p.playing || m.Gen != p.gen {
		return nil
	}
	i := p.index()
	if i >= len(p.steps())-1 {
		p.playing = false
		return nil
	}
	return tea.Batch(p.moveTo(i+1), after(playEvery, playMsg{p.gen}))
}

// escape stops playing.
func (p *scrubber) escape() (tea.Cmd, bool) {
	was := p.playing
	p.playing = false
	return nil, was
}

// status describes the event at the cursor, else the newest note.
func (p *scrubber) status() (string, bool) {
	if p.load.err != nil && p.load.missing() == nil {
		return "the run could not be read; z on the timeline shows all of the reason", true
	}
	for _, ev := range p.data.Events {
		if i := indexAt(p.steps(), ev.Step); i == p.index() {
			return p.eventLine(ev), false
		}
	}
	if len(p.data.Notes) > 0 {
		return p.data.Notes[0], true
	}
	if len(p.data.Events) == 0 && len(p.data.Steps) > 0 {
		return "no transition event in this run", false
	}
	return "", false
}

// eventLine is an event in words.
func (p *scrubber) eventLine(ev Event) string {
	s := fmt.Sprintf("%s %s at %d: %s", eventGlyph(ev.Kind), ev.Kind, ev.Step, p.eventFacts(ev))
	if ev.Agreement != "" {
		s += " · " + ev.Agreement
	}
	return s
}

func (p *scrubber) statistic(ev Event) string {
	if ev.Kind != kindTurn {
		return num(ev.Statistic)
	}
	return fmt.Sprintf("θ %s ± %s (plain median %s)", degrees(ev.Statistic), degrees(ev.SE), degrees(p.data.Median))
}
