package phase

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"agar/model"
	"agar/model/chat"
)

// ModelScoring scores answers with the checkpoints of a run: log P(answer|question)
// is the sum over the answer's tokens, as the tokenizer writes the text, and the one
// that ends it, left out where the answer was cut at the longest length. The blocks
// before the first adapted one run once for each answer.
type ModelScoring struct {
	ProbeOptions         // Model and Series; the rest is not used
	Lambda       float64 // dial; 0: 1

	states  map[int]*model.Adapter // by step
	answers []Response             // that s holds
	s       *sweep
}

// Score is described at Scoring.
func (m *ModelScoring) Score(ctx context.Context, step int, answers []Response) ([]float64, error) {
	if m.Lambda == 0 {
		m.Lambda = 1
	}
	a, err := m.state(step)
	if err != nil {
		return nil, err
	}
	if m.s == nil || len(answers) != len(m.answers) || &answers[0] != &m.answers[0] {
		if err := m.open(ctx, answers); err != nil {
			return nil, err
		}
	}
	loss, err := m.s.loss(ctx, a, m.Lambda)
	if err != nil {
		return nil, err
	}
	out := make([]float64, len(answers))
	for i, v := range loss {
		out[m.s.window[i]] -= float64(v)
	}
	return out, nil
}

func (m *ModelScoring) state(step int) (*model.Adapter, error) {
	if a := m.states[step]; a != nil {
		return a, nil
	}
	a, err := m.attach(step)
	if err != nil {
		return nil, err
	}
	if m.states == nil {
		m.states = map[int]*model.Adapter{}
	}
	m.states[step] = a
	if whole(a.LoRA()) && len(m.states) > wholeStates {
		delete(m.states, slices.Min(slices.Collect(maps.Keys(m.states))))
	}
	return a, nil
}

// wholeStates is how many whole models are kept in memory: as many snapshots as share
// a window with one, at the default window.
const wholeStates = 7

// open tokenizes answers and computes what all states share.
func (m *ModelScoring) open(ctx context.Context, answers []Response) error {
	steps := m.Series.Steps()
	last, err := m.state(steps[len(steps)-1])
	if err != nil {
		return err
	}
	ws := make([]window, len(answers))
	for i := range answers {
		if ws[i], err = spoken(m.Model, &answers[i]); err != nil {
			return fmt.Errorf("question %s: %w", answers[i].Question, err)
		}
		ws[i].doc = int32(i)
	}
	m.answers = answers
	m.s, err = newSweep(ctx, m.Model, ws, max(last.FirstLayer(), 0))
	return err
}

// spoken is a conversation of which the answer's tokens count, and the first one
// behind them where the answer ended by itself.
func spoken(m *model.Model, r *Response) (window, error) {
	if m.Chat == nil {
		return window{}, fmt.Errorf("%s has no chat template", m.Dir)
	}
	messages := []chat.Message{{Role: "user", Content: r.Prompt}, {Role: "assistant", Content: r.Answer}}
	if r.System != "" {
		messages = slices.Insert(messages, 0, chat.Message{Role: "system", Content: r.System})
	}
	ids, roles, err := m.Chat.Tokenize(m.Tokenizer, messages, false)
	if err != nil {
		return window{}, err
	}
	w := window{ids: ids, count: make([]bool, len(ids))}
	last := -1
	for i, role := range roles {
		if role == chat.RoleAssistant {
			w.count[i], last = true, i
		}
	}
	if !r.Truncated && last+1 < len(ids) {
		w.count[last+1] = true
	}
	if len(w.ids) > m.Spec.MaxPos {
		w.ids, w.count = w.ids[:m.Spec.MaxPos], w.count[:m.Spec.MaxPos]
	}
	return w, nil
}
