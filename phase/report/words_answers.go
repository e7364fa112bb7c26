package report

import (
	"fmt"
	"slices"
	"strings"
)

// answers says in words what explains what changes over the run and across each event;
// the numbers are in the table of attributions.
func (w *writer) answers() {
	if s := w.d.Run.Shift; s != nil && len(s.At) > 0 {
		for _, name := range s.Orders {
			if i := s.Strongest(name); i >= 0 {
				o, j := s.At[i].Order(name), slices.Index(s.Orders, name)
				text := fmt.Sprintf("`%s` changes most between steps %d and %d: %s bits (p %s there, not corrected for the choice among %d boundaries)", name, s.At[i].Before, s.At[i].After, num(o.JS.Corrected, 3), num(o.JS.P, 3), len(s.At))
				if f := o.JS.Fraction; f.Value.OK() {
					text += fmt.Sprintf(", which is a share of %s of the change of whole answers", interval(f, 2))
				}
				w.add(secAnswers, []string{fmt.Sprintf("run.shift.at.%d.orders.%d", i, j)}, "%s.", text)
			}
		}
	}
	if t := w.d.Run.Thresholds; t != nil {
		w.add(secAnswers, []string{"run.thresholds"}, "%s.", t)
	}
	for i, a := range w.d.Run.Attribution {
		keys := []string{fmt.Sprintf("run.attribution.%d", i)}
		if a.Why != "" {
			w.add(secAnswers, keys, "%s: %s.", w.d.across(a.Event), a.Why)
			continue
		}
		var words []string
		for _, h := range a.Habits {
			words = append(words, h.Words())
		}
		w.add(secAnswers, keys, "%s: %s.", w.d.across(a.Event), strings.Join(words, "; "))
	}
	if len(w.d.Run.Attribution) > 0 && len(w.d.Settings.Habits) == 0 {
		w.add(secAnswers, []string{"settings.habits"}, "No habit was named: only the length of answers could be told from misalignment.")
	}
}

// across is what an attribution is about.
func (d *Data) across(event int) string {
	if event < 0 {
		return "Over the whole run"
	}
	e := d.Run.Events[event]
	return fmt.Sprintf("Across %s at step %d", kindName(e.Kind), e.Step)
}
