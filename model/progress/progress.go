package progress

// Event is one report of a running job.
type Event struct {
	Job     string             `json:"job,omitempty"`     // the command, "capture" or "sae train"
	Stage   string             `json:"stage,omitempty"`   // the part of it under way
	Step    int64              `json:"step"`              // how far, in Unit
	Total   int64              `json:"total,omitempty"`   // where it ends, 0 when unknown
	Unit    string             `json:"unit,omitempty"`    // tokens, steps, checkpoints, …
	Values  map[string]float64 `json:"values,omitempty"`  // current figures by name
	Message string             `json:"message,omitempty"` // one sentence for a person
}

// Fraction is Step/Total clipped to [0, 1]; ok is false when Total is unknown.
func (e Event) Fraction() (f float64, ok bool) {
	if e.Total <= 0 {
		return 0, false
	}
	return min(max(float64(e.Step)/float64(e.Total), 0), 1), true
}

// Func receives events. It is called from one goroutine at a time and must
// return quickly. A nil Func is legal and drops every event.
type Func func(Event)

// Emit hands e to f when there is one.
func (f Func) Emit(e Event) {
	if f != nil {
		f(e)
	}
}

// Named returns a Func that fills in Job where an event has none.
func (f Func) Named(job string) Func {
	if f == nil {
		return nil
	}
	return func(e Event) {
		if e.Job == "" {
			e.Job = job
		}
		f(e)
	}
}
