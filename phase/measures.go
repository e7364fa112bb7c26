package phase

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"agar/model/stats"
	"agar/model/train"
)

// Progress is what a run wrote down of itself in measures.jsonl, when each measure
// moves, and by how much the progress measures lead the accuracy on the test.
type Progress struct {
	Source   string            `json:"source"` // the file
	Last     int               `json:"last"`   // last step measured, the length of the run
	Measures []ProgressMeasure `json:"measures"`
	Leads    []Lead            `json:"leads"`
	Descents []Descent         `json:"double_descents"`
}

// ProgressMeasure is one measure over the run.
type ProgressMeasure struct {
	Name   string   `json:"name"`
	Unit   string   `json:"unit"`
	Scale  Scale    `json:"scale"` // on which shares of a move count
	Steps  []int    `json:"steps"` // ascending
	Values []Number `json:"values"`
	Noise  Number   `json:"noise"` // standard deviation of one value about its neighbours; null for too few
	Moves  []Move   `json:"moves"` // in order
}

// Move is one way of a curve from one level to another, between two turning points
// or ends of the run.
type Move struct {
	From     int     `json:"from"` // step of the level before
	To       int     `json:"to"`   // step of the level after
	Start    Number  `json:"start"`
	End      Number  `json:"end"`
	Begin    int     `json:"begin"`    // step from which on more than a tenth of the way is made, on the measure's scale
	Step     int     `json:"step"`     // from which on more than half of the way is made
	Interval [2]int  `json:"interval"` // within which noise leaves Step open
	Quarters [2]int  `json:"quarters"` // steps from which on a quarter and three quarters are made
	Fit      *Change `json:"fit"`      // the sigmoid that describes the move; null when none does
}

// Rise is how far the curve goes; negative for a fall.
func (m *Move) Rise() float64 { return float64(m.End - m.Start) }

// progressKind says what is known of a measure: its unit, and which of its moves is
// the one that counts.
type progressKind struct {
	name, unit string
	scale      Scale
	moves      direction
	leads      bool // its lead over test_accuracy is reported
}

// direction chooses moves.
type direction int

const (
	largest0 direction = iota // the largest
	rises                     // the largest rise
	falls                     // the largest fall
	all0                      // every one
)

// progressKinds are the measures that METRICS.md defines, in the order of reports.
var progressKinds = []progressKind{
	{"train_loss", "nats", Probability, falls, false},
	{"train_accuracy", "share of pairs", Linear, rises, false},
	{"noise_accuracy", "share of wrong labels", Linear, rises, false},
	{"excluded_loss", "nats", Probability, rises, true},
	{"restricted_loss", "nats", Probability, falls, true},
	{"restricted_held_out_loss", "nats", Probability, falls, true},
	{"key_share", "share of variance", Linear, rises, true},
	{"weight_norm", "L2 norm", Linear, falls, true},
	{"gap", "nats", Linear, falls, true},
	{"test_loss", "nats", Probability, all0, false},
	{testAccuracy, "share of pairs", Linear, rises, false},
	{"new_loss", "nats", Probability, falls, false},
	{newAccuracy, "share of pairs", Linear, rises, false},
}

// What the progress measures are to lead: accuracies on pairs that were not trained
// on, all of them, and those whose mirror image was not either.
const (
	testAccuracy = "test_accuracy"
	newAccuracy  = "new_accuracy"
)

// kindOf is what is known of a measure by its name.
func kindOf(name string) progressKind {
	for _, k := range progressKinds {
		if k.name == name {
			return k
		}
	}
	return progressKind{name: name, scale: Linear}
}

// AddMeasures reads the measures of a run: their moves, events for those that
// count, leads and double descents.
func (r *Report) AddMeasures(source string, rows []train.Measures) error {
	if len(rows) == 0 {
		return fmt.Errorf("phase: %s: found no measures, expected a line a step", source)
	}
	p := &Progress{Source: source, Last: rows[len(rows)-1].Step, Leads: []Lead{}, Descents: []Descent{}}
	for _, name := range measureNames(rows) {
		p.Measures = append(p.Measures, progressMeasure(name, rows))
	}
	r.Progress = p
	var events []Event
	for i := range p.Measures {
		events = append(events, p.Measures[i].events()...)
	}
	slices.SortStableFunc(events, func(a, b Event) int { return a.Step - b.Step })
	r.Events = append(r.Events, events...)
	p.leads()
	p.descents()
	return nil
}

// measureNames are the known measures in their order, then the others by name.
func measureNames(rows []train.Measures) (out []string) {
	seen := map[string]bool{}
	for _, row := range rows {
		for name := range row.Values {
			seen[name] = true
		}
	}
	for _, k := range progressKinds {
		if seen[k.name] {
			out = append(out, k.name)
			delete(seen, k.name)
		}
	}
	return append(out, slices.Sorted(maps.Keys(seen))...)
}

// progressMeasure collects a measure's values and finds its moves.
func progressMeasure(name string, rows []train.Measures) ProgressMeasure {
	kind := kindOf(name)
	m := ProgressMeasure{Name: name, Unit: kind.unit, Scale: kind.scale, Steps: []int{}, Values: []Number{}, Noise: Missing(), Moves: []Move{}}
	var y []float64
	for _, row := range rows {
		if v, ok := row.Values[name]; ok && Number(v).OK() {
			m.Steps, m.Values = append(m.Steps, row.Step), append(m.Values, Number(v))
			y = append(y, v)
		}
	}
	if len(y) < stats.MinTransitionPoints {
		return m
	}
	noise := curveNoise(y)
	m.Noise = Number(noise)
	smooth := running(y, smoothPoints, stats.Median)
	turns := turningPoints(smooth, max(minSwing*spread(smooth), swingNoise*noise))
	for i := 1; i < len(turns); i++ {
		m.Moves = append(m.Moves, newMove(kind.scale, m.Steps, y, smooth, turns[i-1], turns[i], noise))
	}
	return m
}

// What a curve must do to have moved: smoothPoints values are smoothed over by
// their median, and the smoothed curve swings by minSwing of its range and
// swingNoise times the noise of a value.
const (
	smoothPoints = 5
	minSwing     = 0.05
	swingNoise   = 5
)

// curveNoise is the robust standard deviation of values about the line through
// their neighbours.
func curveNoise(y []float64) float64 {
	var d []float64
	for i := 1; i+1 < len(y); i++ {
		d = append(d, y[i]-(y[i-1]+y[i+1])/2)
	}
	return stats.MAD(d) / math.Sqrt(1.5)
}

func spread(y []float64) float64 {
	lo, hi := y[0], y[0]
	for _, v := range y {
		lo, hi = min(lo, v), max(hi, v)
	}
	return hi - lo
}

// turningPoints are the indices of the extremes between which y swings by at least
// swing, the first and the last included. A curve that never swings so far has none.
func turningPoints(y []float64, swing float64) (out []int) {
	lo, hi, way := 0, 0, 0 // extremes since the last turning point, and which way y goes
	if swing <= 0 {
		return nil
	}
	for i, v := range y {
		if v > y[hi] {
			hi = i
		}
		if v < y[lo] {
			lo = i
		}
		switch {
		case way <= 0 && v-y[lo] >= swing:
			out, way, hi = append(out, lo), 1, i
		case way >= 0 && y[hi]-v >= swing:
			out, way, lo = append(out, hi), -1, i
		}
	}
	switch way {
	case 1:
		out = append(out, hi)
	case -1:
		out = append(out, lo)
	}
	return out
}
