package behaviour

import (
	"fmt"

	"agar/model"
)

// Plan is what Measure is going to do.
type Plan struct {
	Points int // states

	Pairs      int
	PairTokens int // that a point runs
	First      int // block that every point but its lower part, computed once, starts from

	Answers int // of a point
	// AnswerPrompts is the tokens of their prompts.
	AnswerPrompts int
	MaxTokens     int // of an answer
	SideBySide    int
	CacheBytes    int64 // keys and values at a time

	// Requests is how many scores a Scorer is asked for at most; answers that are
	// alike are asked for once. PromptTokens is what these prompts have, at four
	// bytes a token and answers of full length.
	Requests     int
	PromptTokens int64
}

// PlanOf says what Measure would do, or refuses what it would refuse.
func PlanOf(o Options) (Plan, error) {
	o = o.withDefaults()
	p := Plan{Points: len(o.States), Pairs: len(o.Pairs), MaxTokens: o.MaxTokens}
	if len(o.Pairs) > 0 {
		forks, err := forksOf(o.Model, o.Pairs)
		if err != nil {
			return p, err
		}
		for _, f := range forks {
			p.PairTokens += len(f.Prompt)
			for _, b := range f.Branches {
				p.PairTokens += len(b) - 1
			}
		}
		if p.First, err = firstLayer(o.Model, o.States); err != nil {
			return p, err
		}
		p.First = min(p.First, o.Model.Spec.Layers-1)
	}
	if len(o.Asked) == 0 {
		return p, nil
	}
	return p, o.planAnswers(&p)
}

// planAnswers fills in what concerns answers.
func (o *Options) planAnswers(p *Plan) error {
	ds, err := draws(o.Model, o.Asked, o.Samples)
	if err != nil {
		return err
	}
	prompts := make([][]int32, len(ds))
	for i, d := range ds {
		prompts[i] = d.ids
		p.AnswerPrompts += len(d.ids)
	}
	g, err := o.Model.PlanGenerate(prompts, model.GenerateOptions{MaxTokens: o.MaxTokens, Batch: o.Batch, CacheMemory: o.CacheMemory})
	if err != nil {
		return fmt.Errorf("behaviour: %w", err)
	}
	p.Answers, p.SideBySide, p.CacheBytes = len(ds), g.SideBySide, g.CacheBytes
	if _, ok := o.Judge.(*Scored); !ok {
		return nil
	}
	points, based := 0, false
	for i := range o.States {
		if base := o.States[i].base(); !base || !based {
			points, based = points+1, based || base
		}
	}
	for i := range ds {
		q := &o.Asked[ds[i].question]
		for _, text := range q.JudgePrompts {
			p.Requests += points
			p.PromptTokens += int64(points * ((len(text)+len(ds[i].asked))/4 + o.MaxTokens))
		}
	}
	return nil
}
