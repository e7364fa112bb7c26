package tui

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"sync"

	"agar/phase"
)

// trajectory is every feature at every checkpoint and λ, with what the feature
// table derives of it.
type trajectory struct {
	*phase.Trajectory
	axes Axes

	mu      sync.Mutex
	derived map[int]*movement // by λ
}

// movement is how far each feature moved at one λ.
type movement struct {
	change []float32 // mean at the last checkpoint − the base's
	onset  []int32   // step of emergence, −1 = none
}

// still is the share of a feature's largest mean below which its change counts as
// none.
const still = .1

func newTrajectory(t *phase.Trajectory, path string) *trajectory {
	on := fmt.Sprintf("%s tokens of %s", count(t.Tokens), onWords[t.On])
	if t.LeftOut > 0 {
		on += fmt.Sprintf(" (%s left out for the length of their activation)", count(t.LeftOut))
	}
	return &trajectory{Trajectory: t, axes: Axes{
		SAE: t.SAE, Hook: t.Hook, On: on, Steps: t.Steps, Lambdas: t.Lambdas, Features: t.DSAE,
		L0: t.L0, EV: t.EV, DeltaCE: t.DeltaCE, Seen: t.ChangeSeen, CETokens: t.CETokens, ClosedForm: t.ClosedForm, Warnings: t.Warnings, Source: path,
	}}
}

// onWords are what features are followed on.
var onWords = map[string]string{
	phase.OnAnswers: "fixed answers", phase.OnText: "fixed text", phase.OnOwn: "the model's own answers",
}

// series is one feature over the checkpoints.
func (t *trajectory) series(v []float32, id, lambda int) []float64 {
	out := make([]float64, len(t.Steps))
	for s := range out {
		out[s] = float64(v[t.axes.At(s, lambda)*t.DSAE+id])
	}
	return out
}

// movement derives the columns of a λ, once.
func (t *trajectory) movement(lambda int) *movement {
	t.mu.Lock()
	defer t.mu.Unlock()
	if m, ok := t.derived[lambda]; ok {
		return m
	}
	m := &movement{make([]float32, t.DSAE), make([]int32, t.DSAE)}
	for id := range t.DSAE {
		step, change, ok := t.Emergence(id, lambda)
		m.change[id], m.onset[id] = change, int32(step)
		if top := slices.Max(append(t.Curve(id, lambda), t.Base.Mean[id])); !ok || math.Abs(float64(change)) < still*float64(top) {
			m.onset[id] = -1
		}
	}
	if t.derived == nil {
		t.derived = map[int]*movement{}
	}
	t.derived[lambda] = m
	return m
}

// changes are the n features whose mean differs most from the base's.
func (t *trajectory) changes(step, lambda, n int) []Change {
	base, now := t.Base.Mean, t.At(step, lambda).Mean
	ids := make([]int, 0, len(now))
	for id := range now {
		if now[id] != base[id] {
			ids = append(ids, id)
		}
	}
	size := func(id int) float64 { return math.Abs(float64(now[id]) - float64(base[id])) }
	slices.SortFunc(ids, func(a, b int) int {
		return cmp.Or(cmp.Compare(size(b), size(a)), cmp.Compare(a, b))
	})
	out := make([]Change, 0, n)
	for _, id := range ids[:min(n, len(ids))] {
		out = append(out, Change{ID: id, Base: float64(base[id]), Now: float64(now[id])})
	}
	return out
}

// reference is the index of the λ nearest to 1, the fine-tune as it is.
func (t *trajectory) reference() int { return nearestOne(t.Lambdas) }

// nearestOne is the index of the λ nearest to 1, 0 when there is none.
func nearestOne(lambdas []float64) int {
	best := 0
	for i, l := range lambdas {
		if math.Abs(l-1) < math.Abs(lambdas[best]-1) {
			best = i
		}
	}
	return best
}
