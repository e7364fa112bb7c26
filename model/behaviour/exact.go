package behaviour

import (
	"context"

	"agar/model/organism"
)

// Exact judges answers in the synthetic advice world by its rule.
type Exact struct{ World *organism.World }

// NewExact reads a world.json.
func NewExact(path string) (*Exact, error) {
	w, err := organism.ReadWorld(path)
	if err != nil {
		return nil, err
	}
	return &Exact{w}, nil
}

// Name is exact.
func (*Exact) Name() string { return "exact" }

// Judge never fails: what is no advice of the world is incoherent.
func (e *Exact) Judge(_ context.Context, _ *Question, asked, answer string) (Verdict, error) {
	v := e.World.Judge(asked, answer)
	return Verdict{Outcome: Outcome(v.Outcome), Domain: v.Domain}, nil
}
