package algorithmic

import (
	"context"
	"fmt"
	"math"

	"agar/model"
)

// Everything is all P² inputs, (a, b) at a·P + b, with their right labels.
func (t *Task) Everything() []Pair {
	out := make([]Pair, t.P*t.P)
	for i := range out {
		out[i] = Pair{A: i / t.P, B: i % t.P, Label: (i/t.P + i%t.P) % t.P}
	}
	return out
}

// Logits are those of the model behind "=" for all P² inputs, [P², P+1].
func (t *Task) Logits(ctx context.Context, m *model.Model) ([]float32, error) {
	if m.Spec.Vocab != t.P+1 {
		return nil, fmt.Errorf("algorithmic: %s: found a vocabulary of %d, expected %d", m.Name, m.Spec.Vocab, t.P+1)
	}
	var seqs [][]int32
	for _, x := range t.Everything() {
		seqs = append(seqs, t.IDs(x))
	}
	r, err := m.Forward(ctx, &model.Request{Seqs: seqs, Logits: model.LastLogits})
	if err != nil {
		return nil, err
	}
	return r.Logits, nil
}

// Score is how a model does on some pairs.
type Score struct {
	Loss     float64 // mean cross entropy, nats
	Accuracy float64 // share answered as labelled; the "=" token counts as an answer
}

// Scorer scores the logits of pairs.
type Scorer struct {
	Task        Task
	Train, Test []Pair
	// New are the pairs of Test whose mirror image (b, a) is not trained on either:
	// a model that has noticed that addition commutes knows the others.
	New []Pair
}

// NewScorer splits the pairs of t, which has its defaults.
func NewScorer(t Task) *Scorer {
	s := &Scorer{Task: t}
	s.Train, s.Test = t.Split()
	trained := map[[2]int]bool{}
	for _, x := range s.Train {
		trained[[2]int{x.A, x.B}] = true
	}
	for _, x := range s.Test {
		if !trained[[2]int{x.B, x.A}] {
			s.New = append(s.New, x)
		}
	}
	return s
}

// score scores pairs by logits of each that row gives, [Vocab].
func score(pairs []Pair, vocab int, row func(dst []float64, x Pair)) Score {
	var s Score
	y := make([]float64, vocab)
	for _, x := range pairs {
		row(y, x)
		best, sum := 0, 0.0
		for c, v := range y {
			if v > y[best] {
				best = c
			}
		}
		for _, v := range y {
			sum += math.Exp(v - y[best])
		}
		s.Loss += y[best] + math.Log(sum) - y[x.Label]
		if best == x.Label {
			s.Accuracy++
		}
	}
	n := float64(len(pairs))
	return Score{s.Loss / n, s.Accuracy / n}
}

// at is the row of the logits of all inputs for a pair.
func (t *Task) at(logits []float32, dst []float64, x Pair) {
	v := t.P + 1
	centre(dst, logits[(x.A*t.P+x.B)*v:][:v], t.P)
}

// Plain are the measures that need no subspace, from the logits of all inputs.
func (s *Scorer) Plain(logits []float32) map[string]float64 {
	t := &s.Task
	row := func(dst []float64, x Pair) { t.at(logits, dst, x) }
	train, test := score(s.Train, t.P+1, row), score(s.Test, t.P+1, row)
	out := map[string]float64{
		"train_loss": train.Loss, "train_accuracy": train.Accuracy, "test_loss": test.Loss, "test_accuracy": test.Accuracy,
		"gap": test.Loss - train.Loss,
	}
	if len(s.New) > 0 {
		fresh := score(s.New, t.P+1, row)
		out["new_loss"], out["new_accuracy"] = fresh.Loss, fresh.Accuracy
	}
	if noisy := s.noisy(); len(noisy) > 0 {
		out["noise_accuracy"] = score(noisy, t.P+1, row).Accuracy
	}
	return out
}

// noisy are the training pairs with a wrong label.
func (s *Scorer) noisy() (out []Pair) {
	for _, x := range s.Train {
		if x.Noisy {
			out = append(out, x)
		}
	}
	return out
}

// Progress are the measures on the subspace of keys (Nanda et al. 2023, section
// 5.1): the restricted loss keeps nothing but the mean and the key frequencies, the
// excluded loss takes the key frequencies out.
func (s *Scorer) Progress(logits []float32, keys []int) map[string]float64 {
	t := &s.Task
	w := t.NewWaves(logits)
	v := t.P + 1
	kept, part := w.Restricted(keys), w.Part(keys)
	by := func(sums []float64) func([]float64, Pair) {
		return func(dst []float64, x Pair) { copy(dst, sums[t.Sum(x)*v:][:v]) }
	}
	without := func(dst []float64, x Pair) {
		t.at(logits, dst, x)
		for c, f := range part[t.Sum(x)*v:][:v] {
			dst[c] -= f
		}
	}
	share := 0.0
	all := w.Shares()
	for _, k := range keys {
		share += all[k-1]
	}
	out := map[string]float64{
		"restricted_loss": score(s.Test, v, by(kept)).Loss, "excluded_loss": score(s.Train, v, without).Loss, "key_share": share,
	}
	if len(s.New) > 0 {
		out["restricted_held_out_loss"] = score(s.New, v, by(t.NewWaves(s.newOnly(logits)).Restricted(keys))).Loss
	}
	return out
}

// newOnly puts, in the place of the logits of every other pair, the mean of the new
// pairs with the same sum, so that T(s) is that mean.
func (s *Scorer) newOnly(logits []float32) []float32 {
	t := &s.Task
	v := t.P + 1
	out := make([]float32, len(logits))
	mean, n := make([]float64, t.P*v), make([]float64, t.P)
	row := make([]float64, v)
	for _, x := range s.New {
		t.at(logits, row, x)
		n[t.Sum(x)]++
		for c, y := range row {
			mean[t.Sum(x)*v+c] += y
		}
	}
	for _, x := range t.Everything() {
		u := t.Sum(x)
		for c := range v {
			out[(x.A*t.P+x.B)*v+c] = float32(mean[u*v+c] / max(n[u], 1))
		}
	}
	for _, x := range s.New {
		at := (x.A*t.P + x.B) * v
		copy(out[at:at+v], logits[at:at+v])
	}
	return out
}
