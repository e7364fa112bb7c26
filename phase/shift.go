package phase

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"agar/model/progress"
	"agar/model/stats"
)

// Shift is how the distribution of answers changes over the run, and how much of
// that each order parameter captures.
type Shift struct {
	Lambda    float64   `json:"lambda"`
	Window    int       `json:"window"`    // snapshots on either side of a boundary
	Questions int       `json:"questions"` // with answers at every snapshot
	Answers   int       `json:"answers"`   // of those
	Scored    bool      `json:"scored"`    // whether their likelihoods under the snapshots are known
	Orders    []string  `json:"orders"`    // the order parameters
	At        []ShiftAt `json:"at"`        // by boundary
}

// ShiftAt is one boundary between two snapshots.
type ShiftAt struct {
	Before  int            `json:"before"`  // last step on the left
	After   int            `json:"after"`   // first step on the right
	Answers *Dissimilarity `json:"answers"` // of the answers themselves; null where they were not scored
	Orders  []OrderAt      `json:"orders"`
}

// ShiftOptions say how to compare. Zero values mean what is said beside them.
type ShiftOptions struct {
	Responses *Responses
	Lambda    float64 // of the answers; 0: the dial nearest to 1 that they have
	Window    int     // snapshots on either side; 0: 2
	Habits    []Habit // further order parameters: whether an answer matches
	Score     Scoring // nil: order parameters alone
	Progress  progress.Func
}

// Scoring gives log P_t(answer|question) in nats of answers at a step, one a given
// answer.
type Scoring interface {
	Score(ctx context.Context, step int, answers []Response) ([]float64, error)
}

// ErrResponses is wrapped for answers that cannot be compared.
var ErrResponses = errors.New("answers that cannot be compared")

// shifter is one run of Shifted.
type shifter struct {
	ShiftOptions
	steps     []int
	questions []string
	by        [][]Response  // [step] answers, of questions that every step has
	logp      [][][]float64 // [step of the answers][step of the state − lowest][answer]; nil: not scored
	out       *Shift
}

// Shifted compares the answers before and after every boundary between snapshots.
func Shifted(ctx context.Context, o ShiftOptions) (*Shift, error) {
	if o.Window == 0 {
		o.Window = 2
	}
	if o.Lambda == 0 {
		o.Lambda = nearestOne(o.Responses.lambdas())
	}
	s := &shifter{ShiftOptions: o}
	if err := s.sort(); err != nil {
		return nil, err
	}
	if o.Score != nil {
		if err := s.score(ctx); err != nil {
			return nil, err
		}
	}
	s.out = &Shift{Lambda: o.Lambda, Window: o.Window, Questions: len(s.questions), Scored: o.Score != nil, At: []ShiftAt{}}
	for _, x := range s.by {
		s.out.Answers += len(x)
	}
	orders := orderParameters(slices.Concat(s.by...), o.Habits)
	for _, p := range orders {
		s.out.Orders = append(s.out.Orders, p.name)
	}
	for at := o.Window; at+o.Window <= len(s.steps); at++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		s.out.At = append(s.out.At, s.boundary(at, orders))
	}
	return s.out, nil
}

// sort groups the answers by step and keeps the questions that every step has.
func (s *shifter) sort() error {
	seen := map[string]map[int]int{}
	for _, r := range s.Responses.Rows {
		if r.Lambda != s.Lambda || r.Step < 0 {
			continue
		}
		if seen[r.key()] == nil {
			seen[r.key()] = map[int]int{}
		}
		seen[r.key()][r.Step]++
		if !slices.Contains(s.steps, r.Step) {
			s.steps = append(s.steps, r.Step)
		}
	}
	slices.Sort(s.steps)
	for q, at := range seen {
		if len(at) == len(s.steps) {
			s.questions = append(s.questions, q)
		}
	}
	slices.Sort(s.questions)
	if len(s.steps) < 2*s.Window || len(s.questions) == 0 {
		return fmt.Errorf("phase: %s: %w: found %d steps at λ = %g and %d questions that all have, expected at least %d steps and one question",
			s.Responses.Path, ErrResponses, len(s.steps), s.Lambda, len(s.questions), 2*s.Window)
	}
	s.by = make([][]Response, len(s.steps))
	for _, r := range s.Responses.Rows {
		if _, ok := slices.BinarySearch(s.questions, r.key()); ok && r.Lambda == s.Lambda && r.Step >= 0 {
			i, _ := slices.BinarySearch(s.steps, r.Step)
			s.by[i] = append(s.by[i], r)
		}
	}
	return nil
}

func (s *shifter) question(r *Response) int {
	i, _ := slices.BinarySearch(s.questions, r.key())
	return i
}

// score asks for the likelihood of every answer under the snapshots that share a
// window with its own.
func (s *shifter) score(ctx context.Context) error {
	s.logp = make([][][]float64, len(s.steps))
	for i := range s.steps {
		s.logp[i] = make([][]float64, len(s.steps))
		for t := max(i-2*s.Window+1, 0); t < min(i+2*s.Window, len(s.steps)); t++ {
			x, err := s.Score.Score(ctx, s.steps[t], s.by[i])
			if err != nil {
				return fmt.Errorf("phase: answers of step %d under step %d: %w", s.steps[i], s.steps[t], err)
			}
			s.logp[i][t] = x
		}
		s.Progress.Emit(progress.Event{Stage: "answers", Step: int64(i + 1), Total: int64(len(s.steps)), Unit: "snapshots"})
	}
	return nil
}

// boundary compares the window before snapshot at with that from it on.
func (s *shifter) boundary(at int, orders []orderParameter) ShiftAt {
	out := ShiftAt{Before: s.steps[at-1], After: s.steps[at], Orders: []OrderAt{}}
	var whole []dissimilar
	if s.logp != nil {
		whole = s.whole(at)
		d := overQuestions(whole)
		out.Answers = &d
	}
	for i, p := range orders {
		var x []sided
		for t := at - s.Window; t < at+s.Window; t++ {
			for j := range s.by[t] {
				if level, ok := p.level(&s.by[t][j]); ok {
					x = append(x, sided{level, s.question(&s.by[t][j]), t >= at})
				}
			}
		}
		out.Orders = append(out.Orders, orderAt(p.name, x, p.levels, len(s.questions), whole, rand.New(rand.NewPCG(uint64(at), uint64(i)))))
	}
	return out
}

// whole is D_g of the answers by question: the mean over the answers of each side of
// g at the probability of their own side.
func (s *shifter) whole(at int) []dissimilar {
	sum := make([][2]dissimilar, len(s.questions))
	n := make([][2]float64, len(s.questions))
	for t := at - s.Window; t < at+s.Window; t++ {
		for j := range s.by[t] {
			left, right := s.likelihood(t, j, at-s.Window, at), s.likelihood(t, j, at, at+s.Window)
			side, p := 0, sideOf(left, right)
			if t >= at {
				side, p = 1, sideOf(right, left)
			}
			q := s.question(&s.by[t][j])
			sum[q][side].add(kernels(p), 1)
			n[q][side]++
		}
	}
	out := make([]dissimilar, len(s.questions))
	for q := range out {
		out[q].add(sum[q][0], .5/n[q][0])
		out[q].add(sum[q][1], .5/n[q][1])
	}
	return out
}

// likelihood is the logarithm of an answer's mean probability under snapshots
// [from, to).
func (s *shifter) likelihood(t, j, from, to int) float64 {
	var x []float64
	for u := from; u < to; u++ {
		x = append(x, s.logp[t][u][j])
	}
	return logMeanExp(x)
}

// overQuestions is the mean over questions with Student's t.
func overQuestions(x []dissimilar) Dissimilarity {
	var value, lo, hi dissimilar
	for i := range value {
		column := make([]float64, len(x))
		for q, d := range x {
			column[q] = d[i]
		}
		m := stats.ClusterMean(column, nil)
		value[i], lo[i], hi[i] = m.Value, m.Lo, m.Hi
	}
	return value.named(lo, hi)
}

// Strongest is the index in At of the boundary at which an order parameter's
// corrected JS is largest; −1 without one.
func (s *Shift) Strongest(name string) int {
	best, top := -1, math.Inf(-1)
	for i := range s.At {
		if o := s.At[i].Order(name); o != nil && o.JS.Corrected.OK() && float64(o.JS.Corrected) > top {
			best, top = i, float64(o.JS.Corrected)
		}
	}
	return best
}

// Order finds an order parameter; nil without it.
func (a *ShiftAt) Order(name string) *OrderAt {
	for i := range a.Orders {
		if a.Orders[i].Name == name {
			return &a.Orders[i]
		}
	}
	return nil
}
