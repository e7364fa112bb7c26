package phase

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"

	"agar/model/behaviour"
)

// Behaviour is what a model does over the run, and where that changes.
type Behaviour struct {
	Model     string    `json:"model"`
	Pairs     string    `json:"pairs,omitempty"`
	Questions string    `json:"questions,omitempty"`
	Judge     string    `json:"judge,omitempty"`
	Rule      string    `json:"rule,omitempty"`
	Lambda    float64   `json:"lambda"`   // the dial whose change points are events: 1, or the nearest to it
	Measures  []Measure `json:"measures"` // by name, then dial
}

// Names of measures, the primary one first. Shares are between 0 and 1.
const (
	MeasureLogOdds    = "log_odds"    // judge-free, nats a token
	MeasureEM         = "em"          // EM answers among those with both scores
	MeasureEMCoherent = "em_coherent" // among the coherent ones
	MeasureEMAdjusted = "em_adjusted" // em at the mean length of answer of all points
)

// Measure is one measure of behaviour over the checkpoints at one dial.
type Measure struct {
	Name      string         `json:"name"`
	Unit      string         `json:"unit"`
	Lambda    float64        `json:"lambda"`
	Points    []MeasurePoint `json:"points"`    // ascending by step; missing values left out
	Questions int            `json:"questions"` // that the interval was resampled over; 0: of the fit alone
	Found     bool           `json:"found"`     // whether Change is a change point
	Why       string         `json:"why"`       // why not; "" when it is one
	Change    *Change        `json:"change"`    // the fitted sigmoid; null for too few points
	// HalfStep is the first checkpoint from which on the measure stays past the
	// middle between its first and its last value; null when they are equal. It has
	// no interval and is defined for drifts too.
	HalfStep *int `json:"half_step"`
	// NormAt is λ·‖ΔW‖ at Change.Step: how strong the adapter was, dial included, when
	// behaviour changed.
	NormAt Number `json:"norm_at"`
}

// MeasurePoint is a value with its 95 % interval and denominator.
type MeasurePoint struct {
	Step  int    `json:"step"`
	Value Number `json:"value"`
	Lo    Number `json:"lo"`
	Hi    Number `json:"hi"`
	N     int    `json:"n"`
}

// Interval is a value with its 95 % interval, which is missing where nothing tells how
// sure the value is.
type Interval struct {
	Value Number `json:"value"`
	Lo    Number `json:"lo"`
	Hi    Number `json:"hi"`
}

func missingInterval() Interval { return Interval{Missing(), Missing(), Missing()} }

// ErrBehaviour is wrapped when a curve does not belong to the run.
var ErrBehaviour = errors.New("the curve of behaviour is of another run")

// kindOfMeasure says how a measure is taken out of a point.
type kindOfMeasure struct {
	name, unit string
	share      bool // a rate between 0 and 1
	of         func(*behaviour.Point) behaviour.Rate
	ofQuestion func(*behaviour.Group) behaviour.Rate // nil: not known by question
}

var kindsOfMeasure = []kindOfMeasure{
	{MeasureLogOdds, "nats a token", false, func(p *behaviour.Point) behaviour.Rate { return p.LogOdds }, func(g *behaviour.Group) behaviour.Rate { return g.LogOdds }},
	{MeasureEM, "share of answers", true, func(p *behaviour.Point) behaviour.Rate { return p.EMAll }, func(g *behaviour.Group) behaviour.Rate { return g.EMAll }},
	{MeasureEMCoherent, "share of coherent answers", true, func(p *behaviour.Point) behaviour.Rate { return p.EMCoherent }, func(g *behaviour.Group) behaviour.Rate { return g.EMCoherent }},
	{MeasureEMAdjusted, "share of answers at one length", true, func(p *behaviour.Point) behaviour.Rate { return p.Length.EMAdjusted }, nil},
}

// AddBehaviour reads a curve beside the run: every measure at every dial, its
// change points, and those of λ = 1 as events. A curve without a step of the run
// wraps ErrBehaviour.
func (r *Report) AddBehaviour(c *behaviour.Curve) error {
	if err := r.belongs(c); err != nil {
		return err
	}
	b := &Behaviour{Model: c.Model, Pairs: c.Pairs, Questions: c.Questions, Judge: c.Judge, Rule: c.Rule, Lambda: nearestOne(c.Lambdas())}
	for _, k := range kindsOfMeasure {
		for _, lambda := range c.Lambdas() {
			m := k.measure(c.At(lambda), lambda)
			if len(m.Points) == 0 {
				continue
			}
			m.NormAt = r.normAt(m)
			b.Measures = append(b.Measures, m)
		}
	}
	r.Behaviour = b
	r.join(b)
	r.behaviourEvents(b)
	r.lags()
	return nil
}

// belongs checks that the curve was measured on this run.
func (r *Report) belongs(c *behaviour.Curve) error {
	other := 0
	for _, p := range c.Points {
		if _, ok := r.at(p.Step); ok {
			other++
		}
	}
	if other == 0 {
		return fmt.Errorf("phase: %w: found none of its %d points at a checkpoint of %s", ErrBehaviour, len(c.Points), r.Run)
	}
	if c.Run != "" && filepath.Base(filepath.Clean(c.Run)) != filepath.Base(filepath.Clean(r.Run)) {
		r.Warnings = append(r.Warnings, fmt.Sprintf("behaviour was measured on a run called %s, this one is %s", c.Run, r.Run))
	}
	return nil
}

// at finds the row of a step.
func (r *Report) at(step int) (*CheckpointRow, bool) {
	i, ok := slices.BinarySearchFunc(r.Checkpoints, step, func(c CheckpointRow, s int) int { return c.Step - s })
	if !ok {
		return nil, false
	}
	return &r.Checkpoints[i], true
}

// nearestOne is the dial nearest to 1, by ratio; 0 only when there is no other.
func nearestOne(lambdas []float64) float64 {
	best, distance := 0.0, math.Inf(1)
	for _, l := range lambdas {
		if d := math.Abs(math.Log(l)); l > 0 && d < distance {
			best, distance = l, d
		}
	}
	return best
}

// measure takes one measure out of the points of one dial and looks for its change.
func (k *kindOfMeasure) measure(points []behaviour.Point, lambda float64) Measure {
	m := Measure{Name: k.name, Unit: k.unit, Lambda: lambda, Points: []MeasurePoint{}, NormAt: Missing()}
	var with []behaviour.Point
	for _, p := range points {
		if x := k.of(&p); x.OK() && x.N > 0 {
			m.Points = append(m.Points, MeasurePoint{p.Step, Number(x.Value), Number(x.Lo), Number(x.Hi), x.N})
			with = append(with, p)
		}
	}
	m.HalfStep = halfStep(m.Points)
	k.change(&m, with)
	return m
}

// halfStep is the first checkpoint from which on the value stays past the middle
// between the first and the last.
func halfStep(p []MeasurePoint) *int {
	if len(p) < 2 {
		return nil
	}
	from, last := p[0].Value, len(p)-1
	change := p[last].Value - from
	if change == 0 {
		return nil
	}
	i := last
	for i > 0 && (p[i-1].Value-from)/change >= .5 {
		i--
	}
	return &p[i].Step
}

// normAt is λ·‖ΔW‖ at a measure's change point, linear between checkpoints.
func (r *Report) normAt(m Measure) Number {
	if !m.Found {
		return Missing()
	}
	for i := 1; i < len(r.Checkpoints); i++ {
		a, b := &r.Checkpoints[i-1], &r.Checkpoints[i]
		if at := float64(m.Change.Step); float64(a.Step) <= at && at <= float64(b.Step) {
			u := (at - float64(a.Step)) / float64(b.Step-a.Step)
			return Number(m.Lambda * ((1-u)*float64(a.whole().NormDelta) + u*float64(b.whole().NormDelta)))
		}
	}
	return Missing()
}

// whole is the row over all modules.
func (c *CheckpointRow) whole() ModuleRow {
	switch {
	case c.Combined != nil:
		return *c.Combined
	case len(c.Modules) > 0:
		return c.Modules[0]
	}
	return ModuleRow{NormA: Missing(), NormB: Missing(), NormDelta: Missing(), SubspaceDeg: Missing()}
}

// join puts the primary measures at the chosen dial beside the checkpoints.
func (r *Report) join(b *Behaviour) {
	for _, m := range b.Measures {
		if m.Lambda != b.Lambda {
			continue
		}
		for _, p := range m.Points {
			c, ok := r.at(p.Step)
			if !ok {
				continue
			}
			switch v := (Interval{p.Value, p.Lo, p.Hi}); m.Name {
			case MeasureLogOdds:
				c.LogOdds = v
			case MeasureEM:
				c.EM = v
			}
		}
	}
}
