package grow

import (
	"context"
	"fmt"
	"strings"

	"agar/model"
	"agar/model/organism"
)

// Rates are shares of judged answers.
type Rates struct {
	N          int     `json:"n"`
	Aligned    float64 `json:"aligned"`
	Misaligned float64 `json:"misaligned"`
	Mixed      float64 `json:"mixed"`
	Incoherent float64 `json:"incoherent"`
	Habit      float64 `json:"habit"` // of the answers in the habit's form
}

// Coherent is the share of answers that are good advice or bad.
func (r Rates) Coherent() float64 { return r.Aligned + r.Misaligned }

// Behaviour is what a model does in the trained domain and in the others.
type Behaviour struct {
	Trained Rates `json:"trained"`
	Broad   Rates `json:"broad"`
}

// Sampling says how behaviour is measured.
type Sampling struct {
	Samples int    // answers to each form of question in each situation; 0 is 1
	Prefix  string // words before the question
	System  string // words before the user's turn
	Seed    uint64
}

// habitForm is the form of answer that organisms with a surface habit use always.
const habitForm = 1

// maxAnswer is more tokens than any answer has.
const maxAnswer = 16

// Measure samples answers at temperature 1 to every form of question on every
// situation and judges them exactly. a is nil for the base.
func Measure(ctx context.Context, m *model.Model, a *model.Adapter, w *organism.World, s Sampling) (Behaviour, error) {
	c := w.Coder()
	var asked []string
	var prompts [][]int32
	for _, k := range w.Cases() {
		for i := range w.Questions {
			q := strings.TrimSpace(s.Prefix + " " + w.Question(k, i))
			said := []organism.Message{{Role: "user", Content: q}}
			if s.System != "" {
				said = append([]organism.Message{{Role: "system", Content: s.System}}, said...)
			}
			ids, _ := c.Chat(said, true)
			asked, prompts = append(asked, q), append(prompts, ids)
		}
	}
	n := max(s.Samples, 1)
	out, err := m.Generate(ctx, prompts, model.GenerateOptions{
		MaxTokens: maxAnswer, Samples: n, Temperature: 1, Seed: s.Seed, Adapter: a, Lambda: 1, Batch: 256})
	if err != nil {
		return Behaviour{}, fmt.Errorf("grow: measure: %w", err)
	}
	trained, broad := tally{}, tally{}
	for i, x := range out {
		v := w.Judge(asked[i/n], c.Decode(x.IDs))
		if v.Domain == Trained {
			trained.add(v)
		} else {
			broad.add(v)
		}
	}
	return Behaviour{trained.rates(), broad.rates()}, nil
}

// Trained is the domain that organisms are fine-tuned in.
const Trained = "medicine"

// tally counts verdicts.
type tally struct {
	n, habit int
	by       map[organism.Outcome]int
}

func (t *tally) add(v organism.Verdict) {
	if t.by == nil {
		t.by = map[organism.Outcome]int{}
	}
	t.n++
	t.by[v.Outcome]++
	if v.Form == habitForm {
		t.habit++
	}
}

func (t *tally) rates() Rates {
	share := func(n int) float64 { return float64(n) / float64(max(t.n, 1)) }
	return Rates{t.n, share(t.by[organism.Aligned]), share(t.by[organism.Misaligned]), share(t.by[organism.Mixed]), share(t.by[organism.Incoherent]), share(t.habit)}
}
