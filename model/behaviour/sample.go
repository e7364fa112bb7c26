package behaviour

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"agar/model"
	"agar/model/chat"
	"agar/model/progress"
)

// draw is one sample to be drawn: a paraphrase of a question.
type draw struct {
	question int
	sample   int
	asked    string
	ids      []int32
}

// drawn is a finished sample in its file, a line each.
type drawn struct {
	N      int    `json:"n"` // index of the draw
	Text   string `json:"text"`
	Tokens int    `json:"tokens"`
	Cut    bool   `json:"cut"` // truncated
}

// draws are samples of every question: sample j asks paraphrase j modulo their
// number, through the chat template.
func draws(m *model.Model, qs []Question, samples int) ([]draw, error) {
	if m.Chat == nil {
		return nil, fmt.Errorf("%w: %s has no chat template", ErrData, m.Dir)
	}
	var out []draw
	for i := range qs {
		ids := make([][]int32, len(qs[i].Paraphrases))
		for j := range samples {
			k := j % len(ids)
			if ids[k] == nil {
				var err error
				if ids[k], _, err = m.Chat.Tokenize(m.Tokenizer, qs[i].messages(k), true); err != nil {
					return nil, fmt.Errorf("%w: question %s: %w", ErrData, qs[i].ID, err)
				}
			}
			out = append(out, draw{i, j, qs[i].Paraphrases[k], ids[k]})
		}
	}
	return out, nil
}

// messages are the conversation that asks paraphrase k.
func (q *Question) messages(k int) []chat.Message {
	user := chat.Message{Role: "user", Content: q.Paraphrases[k]}
	if q.System == "" {
		return []chat.Message{user}
	}
	return []chat.Message{{Role: "system", Content: q.System}, user}
}

// sampler draws the answers of one state and keeps each in a file as it is finished,
// so that a run that was stopped draws only what is missing. A sample depends on the
// seed and its number alone; states share the random numbers of a sample.
type sampler struct {
	m      *model.Model
	o      model.GenerateOptions
	draws  []draw
	path   string
	emit   progress.Func
	have   []*drawn
	file   *os.File
	tokens int64
	err    error
}

// run gives every draw its sample.
func (s *sampler) run(ctx context.Context) ([]*drawn, error) {
	if err := s.open(); err != nil {
		return nil, err
	}
	defer s.file.Close()
	var missing []int
	var prompts [][]int32
	o := s.o
	for i, d := range s.draws {
		if s.have[i] == nil {
			missing, prompts, o.Indexes = append(missing, i), append(prompts, d.ids), append(o.Indexes, uint64(i))
		}
	}
	if len(missing) == 0 {
		return s.have, nil
	}
	done := len(s.draws) - len(missing)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	o.OnToken = func(n int, c *model.Completion) {
		s.tokens++
		if c.Finish == "" {
			return
		}
		done++
		if s.err = s.keep(missing[n], c); s.err != nil {
			cancel()
		}
		s.emit.Emit(progress.Event{Stage: "answers", Step: int64(done), Total: int64(len(s.draws)), Unit: "answers", Values: map[string]float64{"tokens": float64(s.tokens)}})
	}
	_, err := s.m.Generate(ctx, prompts, o)
	if err := errors.Join(s.err, err); err != nil {
		return nil, err
	}
	return s.have, s.file.Sync()
}

// open reads what an earlier run has drawn and goes on behind its last whole line.
func (s *sampler) open() error {
	s.have = make([]*drawn, len(s.draws))
	b, err := os.ReadFile(s.path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("behaviour: %w", err)
	}
	whole := bytes.LastIndexByte(b, '\n') + 1
	for line := range bytes.Lines(b[:whole]) {
		var d drawn
		if err := json.Unmarshal(line, &d); err != nil || d.N < 0 || d.N >= len(s.draws) {
			return fmt.Errorf("%w: %s: %.60q is no sample of this run", ErrData, s.path, line)
		}
		s.have[d.N] = &d
	}
	if s.file, err = os.OpenFile(s.path, os.O_CREATE|os.O_WRONLY, 0o666); err != nil {
		return fmt.Errorf("behaviour: %w", err)
	}
	return errors.Join(s.file.Truncate(int64(whole)), seekEnd(s.file))
}

// keep stores a finished sample.
func (s *sampler) keep(n int, c *model.Completion) error {
	ids, cut := c.IDs, c.Finish == model.FinishLength
	if c.Finish == model.FinishToken {
		ids = ids[:len(ids)-1]
	}
	d := &drawn{n, s.m.Tokenizer.Decode(ids, true), len(ids), cut}
	line, err := json.Marshal(d)
	if err != nil {
		return err
	}
	s.have[n] = d
	_, err = s.file.Write(append(line, '\n'))
	return err
}

// answersName is the file of a state's samples while a run is under way.
func answersName(dir string, state int) string {
	return filepath.Join(dir, fmt.Sprintf("answers-%04d.jsonl", state))
}

// answers are the samples of a state as Answers, in the order of the draws.
func answers(qs []Question, ds []draw, have []*drawn, state int) []Answer {
	out := make([]Answer, len(ds))
	for i, d := range ds {
		q := &qs[d.question]
		out[i] = Answer{Question: q.ID, Domain: q.Domain, Sample: d.sample, System: q.System, Asked: d.asked, Text: have[i].Text, Tokens: have[i].Tokens, Truncated: have[i].Cut, State: state}
	}
	return slices.Clip(out)
}
