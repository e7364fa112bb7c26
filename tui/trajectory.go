package tui

import (
	"math"
	"slices"
	"sync"
)

// trajectory is every feature at every checkpoint and λ, with what the feature
// table derives of it.
type trajectory struct {
	axes          Axes
	mean, density []float32 // [step][λ][feature]

	mu      sync.Mutex
	derived map[int]*movement // by λ
}

// movement is how far each feature moved at one λ.
type movement struct {
	delta  []float32 // mean at the last checkpoint − at the first
	onset  []int32   // step, −1 = none
	rising []bool
}

// at is the features of a checkpoint and λ.
func (t *trajectory) at(v []float32, step, lambda int) []float32 {
	i := t.axes.At(step, lambda) * t.axes.Features
	return v[i : i+t.axes.Features]
}

// series is one feature over the checkpoints.
func (t *trajectory) series(v []float32, id, lambda int) []float64 {
	out := make([]float64, len(t.axes.Steps))
	for s := range out {
		out[s] = float64(t.at(v, s, lambda)[id])
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
	n := t.axes.Features
	m := &movement{make([]float32, n), make([]int32, n), make([]bool, n)}
	for id := range n {
		ys := t.series(t.mean, id, lambda)
		m.delta[id] = float32(ys[len(ys)-1] - ys[0])
		step, rising := onset(t.axes.Steps, ys)
		m.onset[id], m.rising[id] = int32(step), rising
	}
	if t.derived == nil {
		t.derived = map[int]*movement{}
	}
	t.derived[lambda] = m
	return m
}

// onset is the first step at which ys has gone half of its largest change from
// its first value, and whether it rises there. It is −1 when the largest change is
// below a tenth of the largest value: the feature does not take part.
func onset(steps []int, ys []float64) (step int, rising bool) {
	if len(ys) == 0 {
		return -1, false
	}
	far, top := 0., 0.
	for _, y := range ys {
		if d := y - ys[0]; math.Abs(d) > math.Abs(far) {
			far = d
		}
		top = max(top, y)
	}
	if far == 0 || math.Abs(far) < .1*top {
		return -1, false
	}
	for i, y := range ys {
		if (y-ys[0])/far >= .5 {
			return steps[i], far > 0
		}
	}
	return -1, false
}

// changes are the n features whose mean differs most from the first checkpoint's.
func (t *trajectory) changes(step, lambda, n int) []Change {
	first, now := t.at(t.mean, 0, lambda), t.at(t.mean, step, lambda)
	ids := make([]int, 0, len(now))
	for id := range now {
		if now[id] != first[id] {
			ids = append(ids, id)
		}
	}
	size := func(id int) float64 { return math.Abs(float64(now[id]) - float64(first[id])) }
	slices.SortFunc(ids, func(a, b int) int {
		if d := size(b) - size(a); d != 0 {
			return int(math.Copysign(1, d))
		}
		return a - b
	})
	out := make([]Change, 0, n)
	for _, id := range ids[:min(n, len(ids))] {
		out = append(out, Change{ID: id, First: float64(first[id]), Now: float64(now[id])})
	}
	return out
}

// reference is the index of the λ nearest to 1, the fine-tune as it is.
func (t *trajectory) reference() int {
	best := 0
	for i, l := range t.axes.Lambdas {
		if math.Abs(l-1) < math.Abs(t.axes.Lambdas[best]-1) {
			best = i
		}
	}
	return best
}
