package behaviour

import (
	"context"
	"errors"
	"fmt"
	"time"

	"agar/model"
)

// Speed is what a short try on this machine took, and what a Plan takes at that rate.
type Speed struct {
	TokensPerSec float64 // of answers, SideBySide at a time; 0 where none are drawn
	PromptPerSec float64 // tokens of prompts
	SideBySide   int
	ScoreSeconds float64 // of one score of a local judge; 0 for others
	Mass         float64 // of its probability that was on numbers there
	Took         float64 // seconds that the try took

	// Seconds is how long the plan takes at most: with answers of full length, and
	// without what is known already.
	Seconds float64
}

// What is tried: so many answers side by side, and tokens of each behind the first.
const (
	tryAnswers = 8
	tryTokens  = 4
	// A first call that takes this many seconds, the packing of weights included, is not
	// made a second time.
	tryLong = 1.0
)

// Try decodes a few tokens of a few answers, and asks a local judge once, and says how
// long p takes at most at that rate. Answers side by side beyond tryAnswers only make
// it faster.
func Try(ctx context.Context, o Options, p Plan) (Speed, error) {
	o = o.withDefaults()
	begin := time.Now()
	s := Speed{}
	if p.Answers > 0 {
		if err := s.decode(ctx, &o); err != nil {
			return s, err
		}
	} else if err := s.read(ctx, &o); err != nil {
		return s, err
	}
	if err := s.score(ctx, &o); err != nil {
		return s, err
	}
	s.Took = time.Since(begin).Seconds()
	s.Seconds = p.seconds(s, o.Model.Spec.Layers)
	return s, nil
}

// decode times answers: with one token, which reads the prompts, and with more.
func (s *Speed) decode(ctx context.Context, o *Options) error {
	ds, err := draws(o.Model, o.Asked, o.Samples)
	if err != nil {
		return err
	}
	ds = ds[:min(len(ds), tryAnswers)]
	prompts, tokens := make([][]int32, len(ds)), 0
	for i, d := range ds {
		prompts[i] = d.ids
		tokens += len(d.ids)
	}
	first, err := s.generate(ctx, o, prompts, 1) // of a large model with the packing of its weights
	if err != nil {
		return err
	}
	all, err := s.generate(ctx, o, prompts, 1+tryTokens)
	if err != nil {
		return err
	}
	step := (all - first).Seconds() / tryTokens
	if !(step > 0) { // the first call packed weights, or the clock is too coarse
		step = all.Seconds() / (1 + tryTokens)
	}
	s.TokensPerSec = float64(len(ds)) / max(step, 1e-9)
	s.PromptPerSec = float64(tokens) / max(first.Seconds(), 1e-6)
	return nil
}

// generate times one call, after another that fills caches and packs weights.
func (s *Speed) generate(ctx context.Context, o *Options, prompts [][]int32, tokens int) (time.Duration, error) {
	g := model.GenerateOptions{MaxTokens: tokens, Temperature: o.Temperature, Seed: o.Seed, Batch: len(prompts), CacheMemory: o.CacheMemory, IgnoreEOS: true}
	for {
		begin, warm := time.Now(), s.SideBySide > 0
		if _, err := o.Model.Generate(ctx, prompts, g); err != nil {
			return 0, fmt.Errorf("behaviour: %w", err)
		}
		s.SideBySide = len(prompts)
		if took := time.Since(begin); warm || took.Seconds() > tryLong {
			return took, nil
		}
	}
}

// read times the prompts of pairs.
func (s *Speed) read(ctx context.Context, o *Options) error {
	forks, err := forksOf(o.Model, o.Pairs)
	if err != nil {
		return err
	}
	var seqs [][]int32
	tokens := 0
	for _, f := range forks[:min(len(forks), tryAnswers)] {
		seqs, tokens = append(seqs, f.Prompt), tokens+len(f.Prompt)
	}
	for range 2 {
		begin := time.Now()
		if _, err := o.Model.Forward(ctx, &model.Request{Seqs: seqs, Logits: model.LastLogits}); err != nil {
			return fmt.Errorf("behaviour: %w", err)
		}
		s.PromptPerSec = float64(tokens) / max(time.Since(begin).Seconds(), 1e-6)
	}
	return nil
}

// score times one score of a local judge.
func (s *Speed) score(ctx context.Context, o *Options) error {
	scored, ok := o.Judge.(*Scored)
	if !ok || len(o.Asked) == 0 {
		return nil
	}
	l, ok := scored.Scorer.(*Local)
	if !ok {
		return nil
	}
	q := &o.Asked[0]
	scales := q.Scales()
	if len(scales) == 0 {
		return nil
	}
	begin := time.Now()
	_, mass, err := l.score(ctx, q.judgePrompt(scales[0], q.Paraphrases[0], q.Paraphrases[0]))
	if err != nil && !errors.Is(err, ErrNoScore) {
		return err
	}
	s.ScoreSeconds, s.Mass = time.Since(begin).Seconds(), mass
	return nil
}

// seconds is what a plan takes at a speed.
func (p Plan) seconds(s Speed, layers int) (sum float64) {
	if p.Pairs > 0 {
		shared, own := float64(p.First), float64(p.Points*(layers-p.First))
		sum += float64(p.PairTokens) * (shared + own) / float64(layers) / s.PromptPerSec
	}
	if p.Answers > 0 {
		sum += float64(p.Points) * (float64(p.Answers*p.MaxTokens)/s.TokensPerSec + float64(p.AnswerPrompts)/s.PromptPerSec)
	}
	return sum + float64(p.Requests)*s.ScoreSeconds
}
