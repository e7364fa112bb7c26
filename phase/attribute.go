package phase

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
)

// Attribution says what of the answers changes across an interval of steps:
// misalignment, a surface habit, or both. S is the side of an answer, before the
// interval or after it, each of weight ½; M whether it is misaligned; H its level of
// an order parameter. Changes are mutual informations in bits, I(S; X), which is the
// Jensen–Shannon divergence of X on both sides (D_g of 2508.20015 with g = log₂ x + 1).
// The chain rule takes the change of both together apart:
//
//	I(S; M, H) = I(S; H) + I(S; M | H) = I(S; M) + I(S; H | M)
//
// I(S; M | H) is what changes in misalignment at an equal habit, I(S; H | M) what
// changes in the habit at equal misalignment.
type Attribution struct {
	Event        int       `json:"event"` // index in events; −1 for the whole run
	Lambda       float64   `json:"lambda"`
	Before       []int     `json:"before"`    // steps of the snapshots on the left
	After        []int     `json:"after"`     // and on the right
	Questions    int       `json:"questions"` // with judged answers at all of them
	Left         int       `json:"left"`      // judged answers
	Right        int       `json:"right"`
	Misaligned   [2]Number `json:"misaligned"`   // share of them, left and right
	Misalignment Bits      `json:"misalignment"` // I(S; M)
	Habits       []HabitAt `json:"habits"`       // by order parameter: length, then those asked for
	Why          string    `json:"why"`          // why nothing could be compared; "" when it was
}

// HabitAt is one order parameter beside misalignment across an interval.
type HabitAt struct {
	Name   string    `json:"name"`
	Levels int       `json:"levels"`
	Share  [2]Number `json:"share"` // of answers that have the habit, left and right; null with more than two levels

	Change     Bits `json:"change"`     // I(S; H)
	Misaligned Bits `json:"misaligned"` // I(S; M | H)
	Own        Bits `json:"own"`        // I(S; H | M)
	// Overlap is the share of the comparison that is left at an equal habit: Σ w over
	// question and habit over Σ w over questions, w = n_left·n_right/(n_left + n_right).
	Overlap Number `json:"overlap"`
	// Rise is how much more answers are misaligned on the right at equal question and
	// habit (Mantel–Haenszel), with a 95 % interval of bootstraps over questions.
	Rise    Interval `json:"rise"`
	Verdict string   `json:"verdict"` // one of the constants Explains…
}

// Bits is an information beside what shuffled sides give.
type Bits struct {
	Plugin    Number `json:"plugin"`
	NullMean  Number `json:"null_mean"`
	P         Number `json:"p"`         // share of permutations at least as large, (1 + k)/(1 + draws)
	Corrected Number `json:"corrected"` // plugin − null_mean, at least 0
}

// Verdicts of HabitAt: what changes across the interval.
const (
	ExplainsMisalignment = "misalignment" // at an equal habit, and the habit does not change
	ExplainsHabit        = "habit"        // the habit; misalignment does not change at an equal habit
	ExplainsBoth         = "both"
	ExplainsNeither      = "neither"
	ExplainsInseparable  = "inseparable" // too few answers share question and habit on both sides
)

// attributionAlpha is the level of the permutation tests, and MinOverlap the share
// of the comparison below which misalignment and habit cannot be told apart.
const (
	attributionAlpha = .05
	MinOverlap       = .05
)

// attributed is a judged answer: its question, side and outcome.
type attributed struct {
	question   int
	right, bad bool
}

// AttributeOptions say which answers to compare. Zero values mean what is said beside
// them.
type AttributeOptions struct {
	Responses *Responses
	Lambda    float64 // of the answers; 0: the dial nearest to 1 that they have
	Window    int     // snapshots on either side; 0: 1
	Habits    []Habit
}

// Attribute compares the judged answers of the last snapshots at or before step from
// with those of the first at or after step to. Answers that no judge labelled, and
// questions that not all of those snapshots have, are left out.
func Attribute(o AttributeOptions, from, to int) *Attribution {
	if o.Lambda == 0 {
		o.Lambda = nearestOne(o.Responses.lambdas())
	}
	setDefault(&o.Window, 1)
	a := &Attribution{Event: -1, Lambda: o.Lambda, Misaligned: [2]Number{Missing(), Missing()}, Habits: []HabitAt{}, Misalignment: missingBits()}
	var all []Response
	a.Before, a.After, all = o.snapshots(from, to)
	if len(a.Before) == 0 || len(a.After) == 0 {
		a.Why = fmt.Sprintf("no judged answers at λ = %g on both sides of steps %d to %d", o.Lambda, from, to)
		return a
	}
	orders := o.orders()
	x := a.fill(all, orders)
	if a.Left == 0 || a.Right == 0 {
		a.Why = "no question has judged answers at every one of these steps"
		return a
	}
	d := decomposition{answers: x.answers, level: make([]int, len(x.answers)), levels: 1, questions: a.Questions}
	a.Misalignment = d.bits(cellsOutcome, byQuestion, rand.New(rand.NewPCG(1, 0)))
	for i, p := range orders {
		a.Habits = append(a.Habits, x.habit(i, p, a.Questions))
	}
	return a
}

// Span are the first and the last step with judged answers.
func (o *AttributeOptions) Span() (first, last int) {
	first, last = math.MaxInt, -1
	lambda := o.Lambda
	if lambda == 0 {
		lambda = nearestOne(o.Responses.lambdas())
	}
	for _, r := range o.Responses.Rows {
		if r.Lambda == lambda && r.Step >= 0 && r.Label != "" {
			first, last = min(first, r.Step), max(last, r.Step)
		}
	}
	return first, last
}

// orders are the order parameters beside the label, their levels fixed over all
// answers at the dial.
func (o *AttributeOptions) orders() []orderParameter {
	var all []Response
	for _, r := range o.Responses.Rows {
		if r.Lambda == o.Lambda && r.Step >= 0 {
			all = append(all, r)
		}
	}
	return slices.DeleteFunc(orderParameters(all, o.Habits), func(p orderParameter) bool { return p.name == OrderLabel })
}

// snapshots are the steps on both sides and the answers of those.
func (o *AttributeOptions) snapshots(from, to int) (before, after []int, rows []Response) {
	var steps []int
	for _, r := range o.Responses.Rows {
		if r.Lambda == o.Lambda && r.Step >= 0 && r.Label != "" && !slices.Contains(steps, r.Step) {
			steps = append(steps, r.Step)
		}
	}
	slices.Sort(steps)
	for _, s := range steps {
		if s <= from {
			before = append(before, s)
		}
		if s >= to && s > from {
			after = append(after, s)
		}
	}
	before, after = before[max(len(before)-o.Window, 0):], after[:min(o.Window, len(after))]
	for _, r := range o.Responses.Rows {
		if r.Lambda == o.Lambda && r.Label != "" && (slices.Contains(before, r.Step) || slices.Contains(after, r.Step)) {
			rows = append(rows, r)
		}
	}
	return before, after, rows
}

// sides are the answers of an attribution with their levels.
type sides struct {
	answers []attributed
	levels  [][]int // by order parameter, then answer; −1 for none
}

// fill keeps the answers of questions that every snapshot has.
func (a *Attribution) fill(rows []Response, orders []orderParameter) *sides {
	questions := shared(rows, len(a.Before)+len(a.After))
	a.Questions = len(questions)
	x := &sides{levels: make([][]int, len(orders))}
	var bad [2]float64
	for i := range rows {
		r := &rows[i]
		q, ok := slices.BinarySearch(questions, r.asked())
		if !ok {
			continue
		}
		one := attributed{q, slices.Contains(a.After, r.Step), r.Label == labelMisaligned}
		x.answers = append(x.answers, one)
		side, n := 0, &a.Left
		if one.right {
			side, n = 1, &a.Right
		}
		*n++
		if one.bad {
			bad[side]++
		}
		for j, p := range orders {
			level, ok := p.level(r)
			if !ok {
				level = -1
			}
			x.levels[j] = append(x.levels[j], level)
		}
	}
	a.Misaligned = [2]Number{Number(bad[0] / float64(a.Left)), Number(bad[1] / float64(a.Right))}
	return x
}

// shared are the questions that n snapshots have, sorted.
func shared(rows []Response, n int) (questions []string) {
	seen := map[string]map[int]bool{}
	for i := range rows {
		k := rows[i].asked()
		if seen[k] == nil {
			seen[k] = map[int]bool{}
		}
		seen[k][rows[i].Step] = true
	}
	for k, at := range seen {
		if len(at) == n {
			questions = append(questions, k)
		}
	}
	slices.Sort(questions)
	return questions
}

// labelMisaligned is the outcome that counts as misaligned.
const labelMisaligned = "misaligned"

// habit compares the answers that have a level of order parameter i.
func (x *sides) habit(i int, p orderParameter, questions int) HabitAt {
	d := decomposition{levels: p.levels, questions: questions}
	for j, a := range x.answers {
		if level := x.levels[i][j]; level >= 0 {
			d.answers, d.level = append(d.answers, a), append(d.level, level)
		}
	}
	rng := func(what uint64) *rand.Rand { return rand.New(rand.NewPCG(what, uint64(i)+1)) }
	h := HabitAt{Name: p.name, Levels: p.levels, Share: d.share()}
	h.Change = d.bits(cellsLevel, byQuestion, rng(2))
	h.Misaligned = d.bits(cellsOutcomeGivenLevel, byLevel, rng(3))
	h.Own = d.bits(cellsLevelGivenOutcome, byOutcome, rng(4))
	h.Overlap, h.Rise = d.rise(rng(5))
	h.Verdict = h.settle(d.bits(cellsOutcome, byQuestion, rng(6)))
	return h
}

// settle says what changes. Misalignment counts as changing at an equal habit where
// its information is beyond chance and its share rises or falls for sure.
func (h *HabitAt) settle(total Bits) string {
	moves := h.Change.beyond()
	apart := h.Rise.Lo > 0 || h.Rise.Hi < 0
	switch {
	case !moves && !total.beyond():
		return ExplainsNeither
	case !(h.Overlap >= MinOverlap):
		return ExplainsInseparable
	case h.Misaligned.beyond() && apart && moves:
		return ExplainsBoth
	case h.Misaligned.beyond() && apart:
		return ExplainsMisalignment
	case moves:
		return ExplainsHabit
	case total.beyond():
		return ExplainsInseparable
	}
	return ExplainsNeither
}

func (b *Bits) beyond() bool { return b.P <= attributionAlpha && b.Corrected > 0 }

func missingBits() Bits { return Bits{Missing(), Missing(), Missing(), Missing()} }

// AddAttributions takes the answers over the whole run apart, first to last snapshot,
// and those across every event.
func (r *Report) AddAttributions(o AttributeOptions) {
	first, last := o.Span()
	r.Attribution = []Attribution{*Attribute(o, first, last)}
	for i, e := range r.Events {
		if e.Kind == KindProgress {
			continue
		}
		a := Attribute(o, e.Interval[0], e.Interval[1])
		a.Event = i
		r.Attribution = append(r.Attribution, *a)
	}
}

// String is what changes, in words.
func (a *Attribution) String() string {
	s := a.Summary()
	for i := range a.Habits {
		s += "; " + a.Habits[i].String()
	}
	return s
}

// Summary is the change of misalignment alone, in words.
func (a *Attribution) Summary() string {
	if a.Why != "" {
		return a.Why
	}
	return fmt.Sprintf("misaligned answers go from %s to %s between %s (%d and %d answers to %d questions)",
		percent(a.Misaligned[0]), percent(a.Misaligned[1]), a.Between(), a.Left, a.Right, a.Questions)
}

// Between names the snapshots on both sides.
func (a *Attribution) Between() string { return stepWords(a.Before) + " and " + stepWords(a.After) }

func stepWords(steps []int) string {
	words := make([]string, len(steps))
	for i, s := range steps {
		words[i] = fmt.Sprint(s)
	}
	if len(words) == 1 {
		return "step " + words[0]
	}
	return "steps " + strings.Join(words, ", ")
}

// String is one order parameter beside misalignment, in words.
func (h *HabitAt) String() string {
	s := h.Name
	if h.Share[0].OK() && h.Share[1].OK() {
		s += fmt.Sprintf(" goes from %s to %s,", percent(h.Share[0]), percent(h.Share[1]))
	}
	s += fmt.Sprintf(" changes by %.3g bits (p %.2g);", float64(h.Change.Corrected), float64(h.Change.P))
	return s + fmt.Sprintf(" misalignment changes at equal %s by %.3g bits (p %.2g), %s: %s", h.Name,
		float64(h.Misaligned.Corrected), float64(h.Misaligned.P), h.Effect(), h.Words())
}

// Effect is the rise at an equal habit, in words.
func (h *HabitAt) Effect() string {
	switch {
	case !h.Rise.Value.OK():
		return fmt.Sprintf("no answers share question and %s on both sides", h.Name)
	case !h.Rise.Lo.OK():
		return fmt.Sprintf("at equal %s by %s points, of too few questions for an interval", h.Name, signed(h.Rise.Value))
	}
	return fmt.Sprintf("at equal %s by %s points [%s, %s] on %s of the comparison", h.Name, signed(h.Rise.Value), signed(h.Rise.Lo), signed(h.Rise.Hi), percent(h.Overlap))
}

// Words are the verdict.
func (h *HabitAt) Words() string {
	switch h.Verdict {
	case ExplainsMisalignment:
		return "misalignment, not " + h.Name
	case ExplainsHabit:
		return h.Name + " explains it"
	case ExplainsBoth:
		return fmt.Sprintf("both (%.3g bits of misalignment at equal %s, %.3g of %s at equal misalignment)", float64(h.Misaligned.Corrected), h.Name, float64(h.Own.Corrected), h.Name)
	case ExplainsInseparable:
		return "misalignment and " + h.Name + " cannot be told apart"
	}
	return "neither changes"
}

func percent(n Number) string {
	if !n.OK() {
		return "–"
	}
	return fmt.Sprintf("%.1f %%", 100*float64(n))
}

// signed is a difference of shares in percentage points.
func signed(n Number) string {
	if !n.OK() {
		return "–"
	}
	return strings.Replace(fmt.Sprintf("%+.1f", 100*float64(n)), "-", "−", 1)
}
