package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"agar/model"
	"agar/model/behaviour"
	"agar/model/lora"
)

// What the demo measures of the organism's behaviour, so that it takes seconds.
const (
	demoJudged    = 12 // checkpoints
	demoQuestions = 24
	demoSamples   = 8 // answers a question
	demoMaxNew    = 16
)

// judge measures behaviour over the fine-tune, by the pairs and the exact rule of the
// organism's world; nil where the organism has none.
func (d *demo) judge(ctx context.Context, m *model.Model, s *lora.Series) (*judged, error) {
	exact, err := behaviour.NewExact(filepath.Join(d.org, "world.json"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	o := behaviour.Options{Model: m, States: demoStates(m, s), Samples: demoSamples, MaxTokens: demoMaxNew, Judge: exact, Dir: d.path("behaviour"), Progress: d.emit.Named("judge")}
	if o.Pairs, err = behaviour.ReadPairs(filepath.Join(d.org, "pairs.jsonl")); err != nil {
		return nil, err
	}
	if o.Asked, err = demoAsked(filepath.Join(d.org, "prompts.jsonl")); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.Dir, 0o777); err != nil {
		return nil, err
	}
	res, err := behaviour.Measure(ctx, o)
	if err != nil {
		return nil, err
	}
	c := &behaviour.Curve{Format: behaviour.Format, Model: m.Name, Run: s.Run, Pairs: "pairs.jsonl", Questions: "prompts.jsonl", Judge: exact.Name(), Rule: string(behaviour.RulePaper), Points: res.Points}
	err = errors.Join(c.Write(o.Dir), behaviour.WriteResponses(filepath.Join(o.Dir, behaviour.ResponsesFile), res.Points, res.Answers), behaviour.Clean(o.Dir))
	return newJudged("", c, res), err
}

// demoStates are the base and checkpoints spread over the run, the last one included.
func demoStates(m *model.Model, s *lora.Series) []behaviour.State {
	out := []behaviour.State{{Step: behaviour.NoStep}}
	n := min(demoJudged, s.Len())
	for k := range n {
		i := (k+1)*s.Len()/n - 1
		open := func() (*model.Adapter, error) {
			l, err := s.Load(i)
			if err != nil {
				return nil, err
			}
			return m.Attach(l, model.AttachOptions{AllowZero: true})
		}
		out = append(out, behaviour.State{Step: s.Checkpoints[i].Step, Dir: s.Checkpoints[i].Dir, Open: open, Lambda: 1})
	}
	return out
}

// demoAsked are questions of the world, each in all of its forms, some of every
// domain.
func demoAsked(path string) ([]behaviour.Question, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var all []behaviour.Question
	for dec := json.NewDecoder(f); ; {
		var x struct {
			Domain, Situation string
			Messages          []struct{ Content string }
		}
		err := dec.Decode(&x)
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil && len(x.Messages) == 0 {
			err = errors.New("found no messages")
		}
		if err != nil {
			return nil, fmt.Errorf("%s: question %d: %w", path, len(all), err)
		}
		id := x.Domain + "/" + x.Situation
		if n := len(all); n == 0 || all[n-1].ID != id {
			all = append(all, behaviour.Question{ID: id, Domain: x.Domain})
		}
		q := &all[len(all)-1]
		q.Paraphrases = append(q.Paraphrases, x.Messages[0].Content)
	}
	n := min(demoQuestions, len(all))
	out := make([]behaviour.Question, n)
	for k := range out {
		out[k] = all[k*len(all)/n]
	}
	return out, nil
}

// printDemoJudged says how behaviour changed, in a few lines.
func printDemoJudged(w io.Writer, j *judged) error {
	if j == nil {
		return nil
	}
	fmt.Fprintf(w, "\nbehaviour  %d pairs; %d questions × %d answers, judged by the world's own rule\n", j.Pairs, j.Questions, j.Samples)
	return printPoints(w, j.Points)
}
