package phase

import "math"

// Lag is how much later behaviour changed than something of the adapter or the
// gradient did.
type Lag struct {
	Measure   string `json:"measure"`   // of the behaviour
	Behaviour int    `json:"behaviour"` // step of its change point
	Kind      string `json:"kind"`      // of the other event: turn or grad_peak
	Module    string `json:"module"`    // "" for grad_peak
	Step      int    `json:"step"`      // of the other event
	Lag       int    `json:"lag"`       // Behaviour − Step, in steps
	Interval  [2]int `json:"interval"`  // difference of both intervals' far ends
	Order     string `json:"order"`     // after, before or together
}

// Orders of behaviour and another event. Together means that the intervals leave it
// open.
const (
	OrderAfter    = "after"
	OrderBefore   = "before"
	OrderTogether = "together"
)

// within is the interval of an event for comparisons with another one: that of a
// turn or of a peak of the gradient is widened by the spacing of the checkpoints,
// to which turns are placed (METRICS.md); that of behaviour is one of 95 % already.
func (r *Report) within(e *Event) [2]int {
	if e.Kind == KindBehaviour || e.Kind == KindProgress {
		return e.Interval
	}
	return [2]int{e.Interval[0] - r.Spacing, e.Interval[1] + r.Spacing}
}

// lags compares every change of behaviour with every turn and gradient peak.
func (r *Report) lags() {
	r.Lags = []Lag{}
	for i := range r.Events {
		b := &r.Events[i]
		if b.Kind != KindBehaviour {
			continue
		}
		for j := range r.Events {
			if e := &r.Events[j]; e.Kind != KindBehaviour && e.Kind != KindProgress {
				r.Lags = append(r.Lags, r.lag(b, e))
			}
		}
	}
}

func (r *Report) lag(b, e *Event) Lag {
	at, other := r.within(b), r.within(e)
	l := Lag{
		Measure: b.Measure, Behaviour: b.Step, Kind: e.Kind, Module: e.Module, Step: e.Step, Lag: b.Step - e.Step,
		Interval: [2]int{at[0] - other[1], at[1] - other[0]}, Order: OrderTogether,
	}
	switch {
	case l.Interval[0] > 0:
		l.Order = OrderAfter
	case l.Interval[1] < 0:
		l.Order = OrderBefore
	}
	return l
}

// behaviourEvents makes the change points at the chosen dial events: one a
// transition, the primary measure first; what another measure shows within its
// interval is agreement.
func (r *Report) behaviourEvents(b *Behaviour) {
	var out []Event
	for _, m := range b.Measures {
		if m.Lambda != b.Lambda || !m.Found {
			continue
		}
		e := m.event()
		if same := sharing(out, e.Interval); same != nil {
			same.Agreement.Measures = append(same.Agreement.Measures, m.Name)
			same.Agreement.Steps = append(same.Agreement.Steps, e.Step)
			continue
		}
		out = append(out, e)
	}
	r.Events = append(r.Events, out...)
}

// sharing finds the event whose interval overlaps another.
func sharing(events []Event, x [2]int) *Event {
	for i := range events {
		if overlap(events[i].Interval, x) {
			return &events[i]
		}
	}
	return nil
}

func overlap(a, b [2]int) bool { return a[0] <= b[1] && b[0] <= a[1] }

// event is a found change point as an event.
func (m *Measure) event() Event {
	c := m.Change
	at := int(math.Round(float64(c.Step)))
	return Event{
		Kind: KindBehaviour, Measure: m.Name, Lambda: Number(m.Lambda), Step: at, Statistic: c.Rise, SE: c.RiseSE, Unit: m.Unit,
		Interval: [2]int{int(math.Floor(float64(c.Lo))), int(math.Ceil(float64(c.Hi)))}, Prominence: Missing(),
		Agreement: Agreement{Ks: []int{}, Steps: []int{at}, PlainMax: []int{}, Modules: []string{}, Measures: []string{m.Name}},
	}
}
