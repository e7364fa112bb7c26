package tui

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"agar/tui/cell"
)

// card is a panel of curves: which measures it draws, the first one's colour
// strongest.
type card struct {
	id, name, title string
	curves          []string
}

// Sets of charts that m goes through; those without data are left out.
const (
	setGeometry  = "geometry"
	setBehaviour = "behaviour"
	setMeasures  = "measures"
)

// behaviourCards are drawn at one λ, with the others dim.
var behaviourCards = []card{
	{"log_odds", "log-odds", "Log-odds misaligned", []string{"log_odds"}},
	{"em", "misaligned", "Misaligned share", []string{"em"}},
}

// measureCards are the measures of a run, two that compare in one chart.
var measureCards = []card{
	{"m.loss", "losses", "Loss test | train", []string{"test_loss", "train_loss"}},
	{"m.accuracy", "accuracies", "Acc. new | test | train", []string{"new_accuracy", "test_accuracy", "train_accuracy"}},
	{"m.restricted", "restricted", "Restr. | held out", []string{"restricted_loss", "restricted_held_out_loss"}},
	{"m.excluded", "excluded", "Excluded loss", []string{"excluded_loss"}},
	{"m.share", "key share", "Key share", []string{"key_share"}},
	{"m.norm", "weight norm", "Weight norm", []string{"weight_norm"}},
	{"m.new", "loss on new", "Loss on new pairs", []string{"new_loss"}},
	{"m.noise", "noise learnt", "Wrong labels learnt", []string{"noise_accuracy"}},
	{"m.gap", "gap", "Gap test − train", []string{"gap"}},
}

// cardsOf are the cards that have a curve, and one for each curve that is on none.
func cardsOf(cards []card, have []Curve, rest bool) (out []card) {
	shown := map[string]bool{}
	for _, c := range cards {
		if slices.ContainsFunc(have, func(x Curve) bool { return slices.Contains(c.curves, x.Name) }) {
			out = append(out, c)
		}
		for _, name := range c.curves {
			shown[name] = true
		}
	}
	for _, x := range have {
		if rest && !shown[x.Name] {
			shown[x.Name] = true
			out = append(out, card{"m." + x.Name, spaced(x.Name), spaced(x.Name), []string{x.Name}})
		}
	}
	return out
}

// refresh makes the panels anew for the data: those of behaviour and measures are
// there when there is something to draw.
func (p *scrubber) refresh() {
	at := p.focused().id
	panels := slices.Clone(p.fixed)
	add := func(cards []card, have func() []Curve) {
		for _, c := range cards {
			panels = append(panels, p.cardPanel(c, have))
		}
	}
	add(cardsOf(behaviourCards, p.data.Behaviour, false), p.atDial)
	add(cardsOf(measureCards, p.data.Measures, true), func() []Curve { return p.data.Measures })
	if len(p.data.Findings) > 0 || len(p.data.Measures) > 0 {
		panels = append(panels, panel{id: "order", name: "order", title: func() string { return "Order of events" }, note: p.orderNote, draw: p.drawOrder, describe: p.describeOrder, origin: p.measureOrigin})
	}
	p.panels, p.focus = panels, 0
	if sets := p.sets(); !slices.Contains(sets, p.set) {
		p.set = sets[0]
	}
	p.setFocus(at)
}

// sets are the sets of charts that have data, the one to begin with first.
func (p *scrubber) sets() (out []string) {
	if len(p.data.Behaviour) > 0 {
		out = append(out, setBehaviour)
	}
	if len(p.data.Modules) > 0 || len(p.data.Measures) == 0 {
		out = append(out, setGeometry)
	}
	if len(p.data.Measures) > 0 {
		out = append(out, setMeasures)
	}
	return out
}

func (p *scrubber) nextSet() {
	sets := p.sets()
	p.set = sets[(slices.Index(sets, p.set)+1)%len(sets)]
	p.place()
	p.env.say("charts: " + p.set)
}

func (p *scrubber) oneSet() string {
	if len(p.sets()) < 2 {
		return "there is one set of charts; agar phase RUN --behaviour adds behaviour, a run's measures.jsonl measures"
	}
	return ""
}

// charts are the panels of the set, most important first.
func (p *scrubber) charts(small bool) []string {
	var cards []card
	switch p.set {
	case setBehaviour:
		cards = cardsOf(behaviourCards, p.data.Behaviour, false)
	case setMeasures:
		cards = cardsOf(measureCards, p.data.Measures, true)
	}
	var ids []string
	for _, c := range cards {
		ids = append(ids, c.id)
	}
	switch {
	case p.set == setBehaviour && small:
		return append(ids, "debiased", "grad")
	case p.set == setBehaviour:
		return append(ids, "norm", "debiased", "grad", "loss")
	case p.set == setMeasures:
		return ids
	case small:
		return []string{"loss", "debiased", "grad", "pca"}
	}
	return []string{"loss", "grad", "norm", "turn", "debiased", "pca"}
}

// layout places the panels of the set.
func (p *scrubber) layout(w, h int) (map[string]cell.Rect, string) {
	small := w < 110
	s := phaseShape{charts: p.charts(small), below: "changes", list: min(max(len(p.eventLines(w-4)), 1), 3)}
	if p.set == setMeasures && len(p.env.axes.Steps) == 0 {
		s.below = "order"
	}
	return layoutPhase(w, h, s)
}

// cardPanel is a panel that draws a card.
func (p *scrubber) cardPanel(c card, have func() []Curve) panel {
	lines := func() []*Curve { return pickCurves(have(), c.curves) }
	return panel{
		id: c.id, name: c.name, title: func() string { return p.cardTitle(c, lines()) }, note: func() string { return p.cardNote(lines()) },
		draw:     func(g *cell.Grid, r cell.Rect, _ bool) { p.drawCard(g, r, lines()) },
		describe: func() []string { return p.describeCard(lines()) },
		origin:   p.measureOrigin,
	}
}

// pickCurves are the curves of some names, in the order of the names.
func pickCurves(have []Curve, names []string) (out []*Curve) {
	for _, name := range names {
		for i := range have {
			if have[i].Name == name {
				out = append(out, &have[i])
			}
		}
	}
	return out
}

func (p *scrubber) cardTitle(c card, lines []*Curve) string {
	s := c.title
	if len(lines) > 0 && !math.IsNaN(lines[0].Lambda) {
		s += " λ=" + dial(lines[0].Lambda)
	}
	return s
}

// cardNote is the values at the cursor, in the order of the title, of behaviour with
// the step that was judged last where it is not the cursor's; the unit of shares stands
// once.
func (p *scrubber) cardNote(lines []*Curve) string {
	parts := make([]string, len(lines))
	for i, c := range lines {
		parts[i] = c.format(atStep(c.Values, c.Steps, p.env.step)) + c.judgedAt(p.env.step)
		if i < len(lines)-1 {
			parts[i] = strings.TrimSuffix(parts[i], " %")
		}
	}
	return strings.Join(parts, " | ")
}

// judgedAt names the step that behaviour was judged at last at or before a step, ""
// when it is that step.
func (c *Curve) judgedAt(step int) string {
	if i := indexAt(c.Steps, step); c.held() && len(c.Steps) > 0 && c.Steps[0] <= step && c.Steps[i] != step {
		return fmt.Sprintf(" @%d", c.Steps[i])
	}
	return ""
}

// held tells whether the curve is of behaviour, which is judged at some checkpoints.
func (c *Curve) held() bool { return !math.IsNaN(c.Lambda) }

// format writes a value of the curve: shares in percent.
func (c *Curve) format(v float64) string {
	if strings.HasPrefix(c.Unit, "share") && v >= .9995 {
		return "100 %"
	}
	if strings.HasPrefix(c.Unit, "share") {
		return percent(v)
	}
	return num(v)
}

// drawCard draws curves over their bands, the twin's and other dials' dim below.
func (p *scrubber) drawCard(g *cell.Grid, r cell.Rect, lines []*Curve) {
	if p.drawUnread(g, r) || len(lines) == 0 {
		return
	}
	t := p.env.theme
	var all []series
	faint := func(c *Curve) {
		all = append(all, series{steps: c.Steps, ys: c.Values, style: t.Dim.With(cell.Faint), hold: c.held()})
	}
	for _, c := range p.otherDials(lines[0]) {
		faint(c)
	}
	for _, c := range lines {
		if c.Twin != nil {
			faint(c.Twin)
		}
	}
	for i := len(lines) - 1; i >= 0; i-- {
		c := lines[i]
		all = append(all, series{steps: c.Steps, ys: c.Values, lo: c.Lo, hi: c.Hi, style: t.Series[(2*i)%len(t.Series)], hold: c.held()})
	}
	ch := p.chart(all, lines[0].format)
	ch.steps = p.span(lines)
	ch.events = p.eventsOf(lines)
	ch.draw(g, r, p.env)
}

// span is the checkpoints with the ends of what was measured.
func (p *scrubber) span(lines []*Curve) []int {
	out := slices.Clone(p.data.Steps)
	for _, c := range lines {
		out = append(out, c.Steps[0], c.Steps[len(c.Steps)-1])
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// otherDials are the curves of the same measure at the other λ.
func (p *scrubber) otherDials(c *Curve) (out []*Curve) {
	for i := range p.data.Behaviour {
		if o := &p.data.Behaviour[i]; o.Name == c.Name && o.Lambda != c.Lambda {
			out = append(out, o)
		}
	}
	return out
}

// eventsOf are the events of the curves drawn; all but progress where they have
// none of their own.
func (p *scrubber) eventsOf(lines []*Curve) (out []Event) {
	for _, ev := range p.data.Events {
		if slices.ContainsFunc(lines, func(c *Curve) bool { return c.Name == ev.Measure }) || ev.Kind == kindTurn || ev.Kind == kindGradPeak {
			out = append(out, ev)
		}
	}
	return out
}

// Kinds of events.
const (
	kindTurn      = "turn"
	kindGradPeak  = "grad_peak"
	kindBehaviour = "behaviour"
	kindProgress  = "progress"
)

// behaviourLambdas are the dials that behaviour was measured at.
func (p *scrubber) behaviourLambdas() (out []float64) {
	for _, c := range p.data.Behaviour {
		out = append(out, c.Lambda)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// dialled is the λ that behaviour is drawn at: the one nearest to the dial of the
// trajectory, or its own where there is none.
func (p *scrubber) dialled() float64 {
	have := p.behaviourLambdas()
	if len(have) == 0 {
		return math.NaN()
	}
	if ax := p.env.axes.Lambdas; len(ax) > 0 {
		want := ax[p.env.lambdaIndex()]
		return slices.MinFunc(have, func(a, b float64) int { return sign(math.Abs(a-want) - math.Abs(b-want)) })
	}
	if p.lambda < 0 {
		p.lambda = nearestOne(have)
	}
	return have[min(p.lambda, len(have)-1)]
}

func sign(v float64) int {
	switch {
	case v < 0:
		return -1
	case v > 0:
		return 1
	}
	return 0
}

// atDial are the curves of behaviour at the dial.
func (p *scrubber) atDial() (out []Curve) {
	at := p.dialled()
	for _, c := range p.data.Behaviour {
		if c.Lambda == at {
			out = append(out, c)
		}
	}
	return out
}

func (p *scrubber) describeCard(lines []*Curve) []string {
	var out []string
	for _, c := range lines {
		name := spaced(c.Name)
		if !math.IsNaN(c.Lambda) {
			name += " at λ " + dial(c.Lambda)
		}
		out = append(out, fmt.Sprintf("%s at cursor: %s%s (%s)", name, c.format(atStep(c.Values, c.Steps, p.env.step)), strings.Replace(c.judgedAt(p.env.step), " @", ", judged at ", 1), c.Unit))
		for i, s := range c.Steps {
			line := fmt.Sprintf("%s at %d: %s", name, s, c.format(c.Values[i]))
			if c.Lo != nil {
				line += fmt.Sprintf(" (%s to %s)", c.format(c.Lo[i]), c.format(c.Hi[i]))
			}
			if c.Twin != nil {
				line += ", twin " + c.format(atStep(c.Twin.Values, c.Twin.Steps, s))
			}
			out = append(out, line)
		}
	}
	return out
}
