package phase

import (
	"math"
	"slices"

	"agar/model/stats"
)

// Scale says on what shares of a move are counted.
type Scale string

// The scales.
const (
	Linear Scale = "linear" // the measure as it is
	// Probability is e^(−loss) of a mean cross entropy: the geometric mean of the
	// probability given to the right answers, which accuracies can be compared with.
	// It ends at 1 and at 0, so that what a loss does far beyond chance, or close to
	// nothing, does not decide when it moves.
	Probability Scale = "probability"
)

// way is how far it is from a to b.
func (s Scale) way(a, b float64) float64 {
	if s == Probability {
		return math.Exp(-a) - math.Exp(-b)
	}
	return b - a
}

// level is the value at which a share x of the way from a to b is made.
func (s Scale) level(a, b, x float64) float64 {
	if s == Probability {
		return -math.Log(math.Exp(-a) + x*(math.Exp(-b)-math.Exp(-a)))
	}
	return a + x*(b-a)
}

// newMove is the way of a curve y from index a to index b, with the steps at which
// its smoothed values have made half of it.
func newMove(scale Scale, steps []int, y, smooth []float64, a, b int, noise float64) Move {
	w := moving{smooth: smooth, a: a, b: b, up: smooth[b] > smooth[a]}
	at := func(share float64) float64 { return scale.level(smooth[a], smooth[b], share) }
	m := Move{
		From: steps[a], To: steps[b], Start: Number(smooth[a]), End: Number(smooth[b]), Begin: steps[w.after(at(0.1))], Step: steps[w.after(at(0.5))],
		Interval: [2]int{steps[w.until(w.shift(at(0.5), -2*noise))], steps[w.after(w.shift(at(0.5), 2*noise))]},
		Quarters: [2]int{steps[w.after(at(0.25))], steps[w.after(at(0.75))]},
	}
	m.fit(steps[a:b+1], y[a:b+1])
	return m
}

// moving is a smoothed curve on its way up or down from index a to index b.
type moving struct {
	smooth []float64
	a, b   int
	up     bool
}

// beyond says that the curve at i has passed a level.
func (w *moving) beyond(i int, level float64) bool {
	if w.up {
		return w.smooth[i] > level
	}
	return w.smooth[i] < level
}

// shift is a level further on the way by d, within it.
func (w *moving) shift(level, d float64) float64 {
	from, to := w.smooth[w.a], w.smooth[w.b]
	if !w.up {
		d, from, to = -d, to, from
	}
	return max(from, min(level+d, to))
}

// after is the first index from which on a level has been passed.
func (w *moving) after(level float64) int {
	i := w.b
	for i > w.a && w.beyond(i-1, level) {
		i--
	}
	return i
}

// until is the last index before a level is passed for the first time.
func (w *moving) until(level float64) int {
	i := w.a
	for i+1 < w.b && !w.beyond(i+1, level) {
		i++
	}
	return i
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

// way is how far a move goes on the measure's scale.
func (m *ProgressMeasure) way(x *Move) float64 { return m.Scale.way(float64(x.Start), float64(x.End)) }

// counting are the moves that make events: all of the loss on the test, of others
// the largest in the direction that is expected of them.
func (m *ProgressMeasure) counting() []Move {
	way := kindOf(m.Name).moves
	if way == all0 || len(m.Moves) == 0 {
		return m.Moves
	}
	best, at := 0.0, -1
	for i := range m.Moves {
		size := m.way(&m.Moves[i])
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
	best := slices.MaxFunc(all, func(a, b Move) int { return sign(math.Abs(m.way(&a)) - math.Abs(m.way(&b))) })
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
