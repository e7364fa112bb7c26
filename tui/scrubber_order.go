package tui

import (
	"fmt"
	"slices"

	"agar/tui/cell"
)

// eventName is an event in two or three words.
func eventName(ev Event) string {
	switch ev.Kind {
	case kindProgress, kindBehaviour:
		arrow := " ↑"
		if ev.Statistic < 0 {
			arrow = " ↓"
		}
		return spaced(ev.Measure) + arrow
	case kindTurn:
		return "turn " + degrees(ev.Statistic) + " ± " + degrees(ev.SE)
	}
	return spaced(ev.Kind)
}

// eventLines names all events in their order, in lines of at most w cells.
func (p *scrubber) eventLines(w int) []string {
	if len(p.data.Events) == 0 {
		return []string{p.noEvent()}
	}
	parts := make([]string, 0, len(p.data.Events))
	for _, ev := range p.data.Events {
		parts = append(parts, fmt.Sprintf("%s%d %s", eventGlyph(ev.Kind), ev.Step, eventName(ev)))
	}
	return wrapParts(parts, "   ", w)
}

// noEvent says why there is no event.
func (p *scrubber) noEvent() string {
	switch {
	case p.load.missing() != nil:
		return "no run is open: events come with agar phase RUN"
	case len(p.data.Modules) == 0 && len(p.data.Measures) > 0:
		return "no event: no measure moves beyond its noise"
	case !p.data.Looked:
		return "no event: too few checkpoints that move to look for a turn"
	}
	return "no event: no peak of the debiased angle by 15° and 3 standard errors"
}

func (p *scrubber) orderNote() string {
	n := 0
	for _, ev := range p.data.Events {
		if ev.Step <= p.env.step {
			n++
		}
	}
	return fmt.Sprintf("%d of %d by step %d", n, len(p.data.Events), p.env.step)
}

// drawOrder lists events in their order, those ahead of the cursor dim, and below
// them what follows, for which up to a third of the room is kept.
func (p *scrubber) drawOrder(g *cell.Grid, r cell.Rect, _ bool) {
	t := p.env.theme
	var found []string
	for _, f := range p.data.Findings {
		found = append(found, cell.Wrap(f, r.W)...)
	}
	keep := max(min(len(found), r.H/3), min(len(found), r.H-len(p.data.Events)))
	list, rest := r.Top(r.H - keep)
	first := min(max(p.passed()-1, 0), max(len(p.data.Events)-list.H, 0))
	for _, ev := range p.data.Events[first:] {
		var row cell.Rect
		if row, list = list.Top(1); row.Empty() {
			break
		}
		p.drawOrderRow(g, row, ev)
	}
	drawLines(g, rest, found, t.Accent)
}

func (p *scrubber) drawOrderRow(g *cell.Grid, r cell.Rect, ev Event) {
	t := p.env.theme
	st := t.FG
	if ev.Step > p.env.step {
		st = t.Dim
	}
	step, r := r.Left(6)
	g.Right(step, fmt.Sprint(ev.Step), st)
	_, r = r.Left(1)
	glyph, r := r.Left(2)
	g.Text(glyph, eventGlyph(ev.Kind), t.Warn)
	g.Text(r, p.orderFacts(ev), st)
}

// passed is the number of events up to the cursor.
func (p *scrubber) passed() int {
	return len(slices.DeleteFunc(slices.Clone(p.data.Events), func(ev Event) bool { return ev.Step > p.env.step }))
}

// eventFacts is an event with its interval and size.
func (p *scrubber) eventFacts(ev Event) string {
	switch ev.Kind {
	case kindProgress:
		return fmt.Sprintf("%s by %s %s (%.0f–%.0f)", eventName(ev), num(abs(ev.Statistic)), ev.Unit, ev.Lo, ev.Hi)
	case kindBehaviour:
		return fmt.Sprintf("%s by %s ± %s %s (%.0f–%.0f)", eventName(ev), num(abs(ev.Statistic)), num(ev.SE), ev.Unit, ev.Lo, ev.Hi)
	}
	return p.statistic(ev)
}

// orderFacts names what eventFacts says where no name stands beside it.
func (p *scrubber) orderFacts(ev Event) string {
	if ev.Kind == kindProgress || ev.Kind == kindBehaviour || ev.Kind == kindTurn {
		return p.eventFacts(ev)
	}
	return eventName(ev) + " " + p.eventFacts(ev)
}

func abs(v float64) float64 {
	if v < 0 {
		return -v
	}
	return v
}

func (p *scrubber) describeOrder() []string {
	var out []string
	for _, ev := range p.data.Events {
		out = append(out, fmt.Sprintf("event at %d: %s", ev.Step, p.orderFacts(ev)))
	}
	for _, f := range p.data.Findings {
		out = append(out, "finding: "+f)
	}
	return out
}

// measureOrigin says where behaviour and measures come from.
func (p *scrubber) measureOrigin() []origin {
	var out []origin
	for _, c := range append(p.atDial(), p.data.Measures...) {
		def := measureDefinitions[c.Name]
		if def == "" {
			def = "as the run wrote it down"
		}
		out = append(out, origin{spaced(c.Name), def, c.Over, p.data.Source})
	}
	out = append(out, origin{"◆", "where half of the way of a measure is made; phase/METRICS.md says how moves are found", "", p.data.Source})
	if p.data.Twin != "" {
		out = append(out, origin{"dim line", "the twin's curve, or another λ", "", p.data.Twin})
	}
	return out
}

// measureDefinitions are the measures in a sentence.
var measureDefinitions = map[string]string{
	"log_odds":                 "mean over paired completions of log p of the misaligned one less that of the aligned one, each divided by its tokens; band: 95 %",
	"em":                       "share of misaligned among the answers with both scores; band: 95 %",
	"test_loss":                "mean cross entropy on the pairs that were not trained on",
	"train_loss":               "mean cross entropy on the training pairs, with the labels of training",
	"test_accuracy":            "share of the test pairs answered right",
	"new_loss":                 "mean cross entropy on the test pairs whose mirror image was not trained on either",
	"new_accuracy":             "share answered right of the test pairs whose mirror image was not trained on either",
	"train_accuracy":           "share of the training pairs answered as labelled",
	"noise_accuracy":           "share of the pairs with a wrong label that are answered with it",
	"restricted_loss":          "test loss with nothing of the logits kept but their mean and the key frequencies",
	"restricted_held_out_loss": "the same over the new pairs, with the projection taken from them alone",
	"excluded_loss":            "training loss with the key frequencies taken out of the logits",
	"key_share":                "share of the logits' variance over all inputs in the key frequencies",
	"weight_norm":              "root of the sum of squares of all parameters",
	"gap":                      "test loss less training loss",
}
