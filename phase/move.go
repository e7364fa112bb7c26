package phase

import (
	"math"
	"slices"

	"agar/model/stats"
)

// newMove is the way of a curve y from index a to index b, with the steps at which
// its smoothed values have made half of it.
func newMove(steps []int, y, smooth []float64, a, b int, noise float64) Move {
	rise := smooth[b] - smooth[a]
	share := func(i int) float64 { return (smooth[i] - smooth[a]) / rise }
	// after is the first index from which on more than x of the way is made.
	after := func(x float64) int {
		i := b
		for i > a && share(i-1) > x {
			i--
		}
		return i
	}
	// until is the last index before x of the way is made for the first time.
	until := func(x float64) int {
		i := a
		for i+1 < b && share(i+1) < x {
			i++
		}
		return i
	}
	open := 2 * noise / math.Abs(rise)
	m := Move{
		From: steps[a], To: steps[b], Start: Number(smooth[a]), End: Number(smooth[b]), Begin: steps[after(0.1)], Step: steps[after(0.5)],
		Interval: [2]int{steps[until(0.5-open)], steps[after(min(0.5+open, 1-1e-9))]},
		Quarters: [2]int{steps[after(0.25)], steps[after(0.75)]},
	}
	m.fit(steps[a:b+1], y[a:b+1])
	return m
}

// fit puts a sigmoid through the values of a move, as through those of behaviour.
func (m *Move) fit(steps []int, y []float64) {
	t := make([]float64, len(steps))
	for i, s := range steps {
		t[i] = float64(s)
	}
	f := stats.NewTransitionFitter(t)
	if f == nil {
		return
	}
	fit := f.Fit(y, nil)
	if !fit.Found() {
		return
	}
	m.Fit = &Change{
		Step: Number(fit.At), Lo: Number(fit.Lo), Hi: Number(fit.Hi), From: Number(fit.From), Rise: Number(fit.Rise), RiseSE: Number(fit.RiseSE),
		Takes: Number(stats.Ways10to90 * fit.Width), Gain: Number(fit.Gain), Rho: Number(fit.Rho), Seen: [2]Number{Number(fit.Early), Number(fit.Late)},
	}
}

// events are the moves of a measure that count.
func (m *ProgressMeasure) events() (out []Event) {
	for _, x := range m.counting() {
		out = append(out, Event{
			Kind: KindProgress, Measure: m.Name, Step: x.Step, Statistic: Number(x.Rise()), SE: Number(math.Sqrt2 * float64(m.Noise)), Unit: m.Unit,
			Interval: x.Interval, Prominence: Missing(), Agreement: Agreement{Ks: []int{}, Steps: []int{x.Step}, PlainMax: []int{}, Modules: []string{}, Measures: []string{m.Name}}, Lambda: Missing(),
		})
	}
	return out
}

// counting are the moves that make events: all of the loss on the test, of others
// the largest in the direction that is expected of them.
func (m *ProgressMeasure) counting() []Move {
	way := kindOf(m.Name).moves
	if way == all0 || len(m.Moves) == 0 {
		return m.Moves
	}
	best, at := 0.0, -1
	for i := range m.Moves {
		size := m.Moves[i].Rise()
		switch {
		case way == falls:
			size = -size
		case way == largest0:
			size = math.Abs(size)
		}
		if size > best {
			best, at = size, i
		}
	}
	if at < 0 {
		return nil
	}
	return m.Moves[at : at+1]
}

// Lead is how much earlier a progress measure moves than an accuracy on held-out
// pairs rises.
type Lead struct {
	Measure   string `json:"measure"`
	Step      int    `json:"step"`      // of its move
	Reference string `json:"reference"` // new_accuracy or test_accuracy
	After     int    `json:"after"`     // step of the reference's rise
	Lead      int    `json:"lead"`      // After − Step, in steps; negative when it moves later
	Interval  [2]int `json:"interval"`  // difference of both intervals' far ends
	Share     Number `json:"share"`     // Lead over the last step of the run
	// BeginLead is how much earlier the measure begins to move, by a tenth of its way
	// each, and BeginShare that over the last step.
	BeginLead  int    `json:"begin_lead"`
	BeginShare Number `json:"begin_share"`
}

// leads compares the progress measures with the accuracies on held-out pairs.
func (p *Progress) leads() {
	for _, reference := range []string{newAccuracy, testAccuracy} {
		if ref := p.move(reference); ref != nil {
			p.lead(reference, ref)
		}
	}
}

func (p *Progress) lead(reference string, ref *Move) {
	for i := range p.Measures {
		m := &p.Measures[i]
		x := p.move(m.Name)
		if x == nil || !kindOf(m.Name).leads {
			continue
		}
		p.Leads = append(p.Leads, Lead{
			Measure: m.Name, Step: x.Step, Reference: reference, After: ref.Step, Lead: ref.Step - x.Step,
			Interval: [2]int{ref.Interval[0] - x.Interval[1], ref.Interval[1] - x.Interval[0]}, Share: Number(float64(ref.Step-x.Step) / float64(p.Last)),
			BeginLead: ref.Begin - x.Begin, BeginShare: Number(float64(ref.Begin-x.Begin) / float64(p.Last)),
		})
	}
}

// Measure finds a measure by its name; nil when the run has none.
func (p *Progress) Measure(name string) *ProgressMeasure {
	for i := range p.Measures {
		if p.Measures[i].Name == name {
			return &p.Measures[i]
		}
	}
	return nil
}

// move is the move of a measure that counts most; nil when there is none.
func (p *Progress) move(name string) *Move {
	m := p.Measure(name)
	if m == nil {
		return nil
	}
	all := m.counting()
	if len(all) == 0 {
		return nil
	}
	best := slices.MaxFunc(all, func(a, b Move) int { return sign(math.Abs(a.Rise()) - math.Abs(b.Rise())) })
	return &best
}

// Descent is an epoch-wise double descent (Nakkiran et al. 2020): an error falls,
// rises and falls again as training goes on.
type Descent struct {
	Measure string    `json:"measure"` // test_loss, or test_error, which is 1 − test_accuracy
	Steps   [4]int    `json:"steps"`   // start, first minimum, peak, second minimum
	Values  [4]Number `json:"values"`
	Lower   bool      `json:"lower"` // the second minimum lies below the first
}

// descents looks for three successive moves down, up and down.
func (p *Progress) descents() {
	for _, name := range []string{"test_loss", testAccuracy} {
		m := p.Measure(name)
		if m == nil {
			continue
		}
		moves, shown := m.Moves, name
		if name == testAccuracy {
			moves, shown = errors1(moves), "test_error"
		}
		for i := 0; i+3 <= len(moves); i++ {
			a, b, c := &moves[i], &moves[i+1], &moves[i+2]
			if a.Rise() < 0 && b.Rise() > 0 && c.Rise() < 0 {
				p.Descents = append(p.Descents, Descent{
					Measure: shown, Steps: [4]int{a.From, a.To, b.To, c.To}, Values: [4]Number{a.Start, a.End, b.End, c.End}, Lower: c.End < a.End,
				})
				break
			}
		}
	}
}

// errors1 turns the moves of an accuracy into those of the error, 1 less it.
func errors1(moves []Move) []Move {
	out := slices.Clone(moves)
	for i := range out {
		out[i].Start, out[i].End = 1-out[i].Start, 1-out[i].End
	}
	return out
}
