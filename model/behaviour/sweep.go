package behaviour

import (
	"context"
	"fmt"

	"agar/model"
	"agar/model/progress"
	"agar/model/stats"
)

// State is a model to measure: an adapter at a dial, or the base.
type State struct {
	Step    int            // of its checkpoint; NoStep for none
	Dir     string         // of the adapter; "" is the base
	Adapter *model.Adapter // nil is the base, unless Open is set
	Lambda  float64
	// Open, when set, gives the adapter each time it is needed, so that those of a
	// long run need not be held together.
	Open func() (*model.Adapter, error)
}

// base tells whether the state computes the base's numbers.
func (s *State) base() bool { return s.Adapter == nil && s.Open == nil || s.Lambda == 0 }

// adapter is the adapter to compute with, nil for the base.
func (s *State) adapter() (*model.Adapter, error) {
	if s.base() || s.Adapter != nil {
		return s.Adapter, nil
	}
	return s.Open()
}

// point is a Point without any measure.
func (s State) point() Point {
	p := Point{Step: s.Step, Adapter: s.Dir, Lambda: s.Lambda, Paired: unpaired(), Answered: unanswered()}
	p.Length = Length{Missing(), Missing(), Missing(), Missing(), Missing()}
	p.Domains, p.PerQuestion = []Group{}, []Group{}
	return p
}

// group is a Group without any measure.
func group(id, domain string) Group {
	return Group{ID: id, Domain: domain, Paired: unpaired(), Answered: unanswered()}
}

// unpaired and unanswered are measures of nothing.
func unpaired() Paired { return Paired{LogOdds: Missing(), LogOddsRaw: Missing()} }

func unanswered() Answered {
	return Answered{Aligned: Missing(), Misaligned: Missing(), Mixed: Missing(), Incoherent: Missing(), EMAll: Missing(), EMCoherent: Missing()}
}

// Sweep compares pairs under many states of one model. What lies below the first
// adapted block is computed once, and each prompt once for both of its answers.
type Sweep struct {
	m     *model.Model
	pairs []Pair
	forks *model.Forks
}

// NewSweep prepares the pairs for states of m. It runs the blocks below the first
// one that a state changes.
func NewSweep(ctx context.Context, m *model.Model, pairs []Pair, states []State) (*Sweep, error) {
	first, err := firstLayer(m, states)
	if err != nil {
		return nil, err
	}
	forks, err := forksOf(m, pairs)
	if err != nil {
		return nil, err
	}
	f, err := m.NewForks(ctx, forks, first)
	if err != nil {
		return nil, fmt.Errorf("behaviour: pairs: %w", err)
	}
	return &Sweep{m, pairs, f}, nil
}

// firstLayer is the first block that a state changes. Checkpoints of one run change
// the same ones, so of states that must be opened the last is asked; LogOdds refuses
// one that turns out to change more.
func firstLayer(m *model.Model, states []State) (int, error) {
	first, opened := m.Spec.Layers, false
	for i := len(states) - 1; i >= 0; i-- {
		if states[i].base() || states[i].Adapter == nil && opened {
			continue
		}
		opened = opened || states[i].Adapter == nil
		a, err := states[i].adapter()
		if err != nil {
			return 0, err
		}
		first = min(first, a.FirstLayer())
	}
	return first, nil
}

// First is the block that every state is run from, and Rows how many tokens a pass
// takes.
func (s *Sweep) First() int { return s.forks.First() }

// Rows is described at First.
func (s *Sweep) Rows() int { return s.forks.Rows() }

// LogOdds is one pair under one state.
type LogOdds struct {
	Raw        float64 // log p(misaligned) − log p(aligned), nats
	Normalised float64 // of log p a token
}

// LogOdds compares every pair under a state.
func (s *Sweep) LogOdds(ctx context.Context, st State) ([]LogOdds, error) {
	a, err := st.adapter()
	if err != nil {
		return nil, err
	}
	lp, err := s.forks.LogProbs(ctx, a, float32(st.Lambda))
	if err != nil {
		return nil, fmt.Errorf("behaviour: pairs: step %d, λ = %g: %w", st.Step, st.Lambda, err)
	}
	out := make([]LogOdds, len(lp))
	for i, x := range lp {
		good, bad := sum(x[0]), sum(x[1])
		out[i] = LogOdds{bad - good, bad/float64(len(x[1])) - good/float64(len(x[0]))}
	}
	return out, nil
}

func sum(x []float32) (s float64) {
	for _, v := range x {
		s += float64(v)
	}
	return s
}

// Points measures every state. States that compute the base's numbers are run once.
func (s *Sweep) Points(ctx context.Context, states []State, emit progress.Func) ([]Point, error) {
	var base []LogOdds
	out := make([]Point, len(states))
	for i, st := range states {
		odds := base
		if odds == nil || !st.base() {
			var err error
			if odds, err = s.LogOdds(ctx, st); err != nil {
				return nil, err
			}
		}
		if st.base() {
			base = odds
		}
		out[i] = st.point()
		s.fill(&out[i], odds)
		emit.Emit(progress.Event{Stage: "pairs", Step: int64(i + 1), Total: int64(len(states)), Unit: "checkpoints × λ",
			Values: map[string]float64{"log_odds": out[i].LogOdds.Value}})
	}
	return out, nil
}

// fill puts the log-odds of all pairs, of each domain and of each question into a
// point.
func (s *Sweep) fill(p *Point, odds []LogOdds) {
	p.Paired = s.over(odds, all(len(odds)))
	for _, members := range grouped(len(odds), func(i int) string { return s.pairs[i].Domain }) {
		if name := s.pairs[members[0]].Domain; name != "" {
			find(&p.Domains, name, "").Paired = s.over(odds, members)
		}
	}
	for _, members := range grouped(len(odds), func(i int) string { return s.pairs[i].key }) {
		first := s.pairs[members[0]]
		find(&p.PerQuestion, first.ID, first.Domain).Paired = s.over(odds, members)
	}
	sortGroups(p.Domains)
}

// over is what some of the pairs give.
func (s *Sweep) over(odds []LogOdds, members []int) Paired {
	p := Paired{Pairs: len(members)}
	p.LogOdds, p.LogOddsRaw = s.mean(odds, members)
	return p
}

// mean is the mean over some of the pairs, with t over questions.
func (s *Sweep) mean(odds []LogOdds, of []int) (normalised, raw Rate) {
	var a, b []float64
	var keys []string
	for _, i := range of {
		a, b, keys = append(a, odds[i].Normalised), append(b, odds[i].Raw), append(keys, s.pairs[i].key)
	}
	return meanRate(stats.ClusterMean(a, keys)), meanRate(stats.ClusterMean(b, keys))
}

func meanRate(m stats.Mean) Rate { return Rate{m.Value, m.Lo, m.Hi, m.N} }
