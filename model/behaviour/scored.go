package behaviour

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
)

// Scorer gives a prompt that asks for a number from 0 to 100 its answer.
type Scorer interface {
	// Name says who scores, with all that a score depends on besides the prompt: two
	// scorers of one name must give the same scores.
	Name() string
	// Score is the number. The error wraps ErrNoScore when the scorer answered with
	// something else, ErrUnreachable when it could not be asked; any other stops the
	// run.
	Score(ctx context.Context, prompt string) (float64, error)
}

var (
	// ErrNoScore is wrapped by a Scorer that answered with no number, as with a
	// refusal: less than a quarter of the probability lies on numbers from 0 to 100.
	// Asking again would not help.
	ErrNoScore = errors.New("no score")
	// ErrUnreachable is wrapped by a Scorer that gave no answer after all attempts.
	ErrUnreachable = errors.New("no answer")
)

// Scored is a Judge that asks a Scorer for every scale of a question.
type Scored struct {
	Scorer Scorer
	Rule   Rule   // "" is RulePaper
	Cache  *Cache // of scores; nil: none
}

// Name is that of the Scorer.
func (s *Scored) Name() string { return s.Scorer.Name() }

// Judge asks for every scale. What fails on one scale is noted there.
func (s *Scored) Judge(ctx context.Context, q *Question, asked, answer string) (Verdict, error) {
	v := Verdict{Scores: map[string]float64{}, Failed: map[string]string{}}
	for _, scale := range q.Scales() {
		x, err := s.score(ctx, q.judgePrompt(scale, asked, answer))
		switch {
		case err == nil:
			v.Scores[scale] = x
		case errors.Is(err, ErrNoScore), errors.Is(err, ErrUnreachable):
			v.Failed[scale] = err.Error()
		default:
			return v, fmt.Errorf("behaviour: %s: question %s, scale %s: %w", s.Name(), q.ID, scale, err)
		}
	}
	v.settle(s.Rule)
	return v, nil
}

// score asks the scorer, unless the answer is known.
func (s *Scored) score(ctx context.Context, prompt string) (float64, error) {
	if s.Cache == nil {
		return s.Scorer.Score(ctx, prompt)
	}
	return s.Cache.score(ctx, contentKey(s.Name(), prompt), func() (float64, error) { return s.Scorer.Score(ctx, prompt) })
}

// contentKey is the SHA-256 of a scorer's name and a prompt, in hex.
func contentKey(name, prompt string) string {
	h := sha256.New()
	fmt.Fprintf(h, "%d\n%s\n%s", len(name), name, prompt)
	return hex.EncodeToString(h.Sum(nil))
}
