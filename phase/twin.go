package phase

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// Twin is the matched benign run that was put beside this one.
type Twin struct {
	Run      string      `json:"run"`
	Events   []Event     `json:"events"`   // of the twin, as it has them
	Modules  []TwinDelta `json:"modules"`  // how alike both adapters are
	Warnings []string    `json:"warnings"` // where the twin is no match
}

// TwinDelta compares one module of both runs at the last step that both have.
// Only ΔW can be compared: (A, B) and (−A, −B) are the same adapter, so the sign of
// B means nothing across runs.
type TwinDelta struct {
	Name      string `json:"name"`
	Step      int    `json:"step"`
	NormDelta Number `json:"norm_delta"`      // ‖ΔW‖ of this run
	TwinNorm  Number `json:"norm_delta_twin"` // of the twin
}

// Labels of an event beside the twin.
const (
	// TwinShared: the twin has an event of the same kind within the interval.
	TwinShared = "generic fine-tuning"
	// TwinOwn: the twin was observed there and has none.
	TwinOwn = "not in the twin"
	// TwinBlind: the twin has none, but could not have shown one; Report.Blind says why.
	TwinBlind = "the twin could not show it"
	// TwinUnknown: the twin was not observed there, or not by this measure.
	TwinUnknown = "twin not measured"
)

// TwinAt is what the twin shows at an event of this run.
type TwinAt struct {
	Label     string `json:"label"`
	Step      *int   `json:"step"`      // of the twin's event; null without one
	Statistic Number `json:"statistic"` // of that event
	SE        Number `json:"se"`
	// Here is what the twin has at this run's step: of a turn its debiased angle at
	// the same k, of a gradient peak the smoothed norm, of behaviour the measure's
	// rise up to there (value at the interval's end less that at its start); null
	// where it has none.
	Here   Number `json:"here"`
	HereSE Number `json:"here_se"`
}

// ErrTwin is wrapped for a run that cannot be the twin of another.
var ErrTwin = errors.New("not a twin")

// ErrSameFile is wrapped when one file is about to be compared with itself.
var ErrSameFile = errors.New("the same file twice")

// AddTwin puts what the twin shows beside every event. Both reports are of the same
// base and modules and, for behaviour, have their curves already. A twin that
// shares a file with this run wraps ErrSameFile, one of other modules ErrTwin.
func (r *Report) AddTwin(t *Report) error {
	if err := r.matches(t); err != nil {
		return err
	}
	x := &Twin{Run: t.Run, Events: t.Events, Modules: r.twinDeltas(t), Warnings: r.unmatched(t)}
	r.Twin = x
	for i := range r.Events {
		at := r.beside(&r.Events[i], t)
		r.Events[i].Twin = &at
	}
	return nil
}

// matches refuses what is no twin.
func (r *Report) matches(t *Report) error {
	for _, c := range r.Checkpoints {
		other, ok := t.at(c.Step)
		if ok && !c.Zero && c.SHA256 != "" && c.SHA256 == other.SHA256 {
			return fmt.Errorf("phase: %w: checkpoint %d of %s and of %s have the SHA-256 %s", ErrSameFile, c.Step, r.Run, t.Run, c.SHA256)
		}
	}
	names := func(r *Report) (out []string) {
		for _, m := range r.Modules {
			out = append(out, m.Name)
		}
		return out
	}
	if a, b := names(r), names(t); !slices.Equal(a, b) {
		return fmt.Errorf("phase: %w: %s adapts %v, %s %v", ErrTwin, r.Run, a, t.Run, b)
	}
	return nil
}

// unmatched says in what else than the data the twin differs.
func (r *Report) unmatched(t *Report) []string {
	out := []string{}
	if r.BaseModel != t.BaseModel {
		out = append(out, fmt.Sprintf("the twin's base is %q, this run's %q", t.BaseModel, r.BaseModel))
	}
	for i, m := range r.Modules {
		if o := t.Modules[i]; m.Rank != o.Rank || m.Scale.OK() && m.Scale != o.Scale {
			out = append(out, fmt.Sprintf("%s: the twin has rank %d and s = %v, this run %d and %v", m.Name, o.Rank, float64(o.Scale), m.Rank, float64(m.Scale)))
		}
	}
	rate := map[int]Number{}
	for _, l := range t.Log {
		rate[l.Step] = l.LearningRate
	}
	for _, l := range r.Log {
		o, ok := rate[l.Step]
		if ok && o.OK() && l.LearningRate.OK() && math.Abs(float64(o-l.LearningRate)) > 1e-6*math.Abs(float64(l.LearningRate))+1e-12 {
			out = append(out, fmt.Sprintf("the twin's learning rate at step %d is %.4g, this run's %.4g", l.Step, float64(o), float64(l.LearningRate)))
			break
		}
	}
	if a, b := r.lastStep(), t.lastStep(); a != b {
		out = append(out, fmt.Sprintf("the twin ends at step %d, this run at %d", b, a))
	}
	return out
}

func (r *Report) lastStep() int { return r.Checkpoints[len(r.Checkpoints)-1].Step }

// twinDeltas compares the norms at the last step that both have.
func (r *Report) twinDeltas(t *Report) []TwinDelta {
	for i := len(r.Checkpoints) - 1; i >= 0; i-- {
		c := &r.Checkpoints[i]
		o, ok := t.at(c.Step)
		if !ok {
			continue
		}
		out := make([]TwinDelta, len(c.Modules))
		for j, m := range c.Modules {
			out[j] = TwinDelta{m.Name, c.Step, m.NormDelta, o.Modules[j].NormDelta}
		}
		return out
	}
	return []TwinDelta{}
}

// beside labels an event by what the twin has there.
func (r *Report) beside(e *Event, t *Report) TwinAt {
	x := TwinAt{Label: TwinOwn, Statistic: Missing(), SE: Missing()}
	x.Here, x.HereSE = t.here(e)
	switch {
	case !t.observed(e, r.within(e)):
		x.Label = TwinUnknown
	case t.Blind(e.Kind) != "":
		x.Label = TwinBlind
	}
	for i := range t.Events {
		o := &t.Events[i]
		if o.Kind == e.Kind && (e.Kind != KindProgress || o.Measure == e.Measure) && overlap(r.within(e), t.within(o)) {
			x.Label, x.Step, x.Statistic, x.SE = TwinShared, &o.Step, o.Statistic, o.SE
			break
		}
	}
	return x
}

// observed tells whether an event like e within the steps at would have been seen
// in this run: it was looked for over all of them, by the same measure.
func (t *Report) observed(e *Event, at [2]int) bool {
	first, last := 0, -1
	grow := func(step int) {
		if last < 0 {
			first = step
		}
		last = step
	}
	switch e.Kind {
	case KindTurn:
		for _, c := range t.Checkpoints {
			if t.debiased(&c, e) != nil {
				grow(c.Step)
			}
		}
	case KindGradPeak:
		for _, l := range t.Log {
			if l.GradSmooth.OK() {
				grow(l.Step)
			}
		}
	case KindProgress:
		if t.Progress != nil {
			if m := t.Progress.Measure(e.Measure); m != nil && len(m.Steps) > 0 {
				grow(m.Steps[0])
				grow(m.Steps[len(m.Steps)-1])
			}
		}
	case KindBehaviour:
		if m := t.measured(e); m != nil && m.Change != nil {
			grow(m.Points[0].Step)
			grow(m.Points[len(m.Points)-1].Step)
		}
	}
	return last >= 0 && first <= e.Step && e.Step <= last && at[0] <= last
}

// debiased is the angle of e's module at the k of e; nil where no window of that
// length fits into the run. The angle of a path that does not move is lost, which is
// an observation too.
func (t *Report) debiased(c *CheckpointRow, e *Event) *Estimate {
	m := c.row(e.Module)
	if m == nil {
		return nil
	}
	k := e.K
	if _, ok := m.Debiased[k]; !ok {
		return nil
	}
	if x := m.Debiased[k]; x.Value.OK() || c.Step-t.Checkpoints[0].Step >= k*2/3 && t.lastStep()-c.Step >= min(k, 4*t.Unit) {
		return &x
	}
	return nil
}

// row finds a module's row.
func (c *CheckpointRow) row(name string) *ModuleRow {
	if name == Combined {
		return c.Combined
	}
	for i := range c.Modules {
		if c.Modules[i].Name == name {
			return &c.Modules[i]
		}
	}
	return nil
}

// measured finds the measure of an event of behaviour, at its dial.
func (t *Report) measured(e *Event) *Measure {
	if t.Behaviour == nil {
		return nil
	}
	for i := range t.Behaviour.Measures {
		if m := &t.Behaviour.Measures[i]; m.Name == e.Measure && m.Lambda == float64(e.Lambda) {
			return m
		}
	}
	return nil
}

// here is what this run, as a twin, has at the step of e.
func (t *Report) here(e *Event) (value, se Number) {
	switch e.Kind {
	case KindTurn:
		if c, ok := t.at(e.Step); ok {
			if x := t.debiased(c, e); x != nil {
				return x.Value, x.SE
			}
		}
	case KindGradPeak:
		for _, l := range t.Log {
			if l.Step == e.Step {
				return l.GradSmooth, Missing()
			}
		}
	case KindBehaviour:
		if m := t.measured(e); m != nil {
			return m.upTo(e.Interval[1]) - m.upTo(e.Interval[0]), Missing()
		}
	}
	return Missing(), Missing()
}

// upTo is the last value measured at or before a step; missing before the first.
func (m *Measure) upTo(step int) Number {
	v := Missing()
	for _, p := range m.Points {
		if p.Step <= step {
			v = p.Value
		}
	}
	return v
}
