package tui

import (
	"context"
	"fmt"
)

// trajectorySource answers from a trajectory. label names features; nil where no
// index is open.
type trajectorySource struct {
	t     *trajectory
	label func(id int) string
}

// Axes are the axes and the dictionary's quality.
func (s *trajectorySource) Axes(context.Context) (Axes, error) { return s.t.axes, nil }

// Trace is one feature over the checkpoints.
func (s *trajectorySource) Trace(_ context.Context, id, lambda int) (Trace, error) {
	if err := s.check(id, 0, lambda); err != nil {
		return Trace{}, err
	}
	m := s.t.movement(lambda)
	return Trace{
		ID: id, Mean: s.t.series(s.t.Mean, id, lambda), Density: s.t.series(s.t.Density, id, lambda),
		Delta: float64(m.change[id]), Onset: int(m.onset[id]),
	}, nil
}

// Changes are the features that differ most from the base model.
func (s *trajectorySource) Changes(_ context.Context, step, lambda, n int) ([]Change, error) {
	if err := s.check(0, step, lambda); err != nil {
		return nil, err
	}
	out := s.t.changes(step, lambda, n)
	for i := range out {
		if s.label != nil {
			out[i].Label = s.label(out[i].ID)
		}
	}
	return out, nil
}

func (s *trajectorySource) check(id, step, lambda int) error {
	a := &s.t.axes
	if id < 0 || id >= a.Features || step < 0 || step >= len(a.Steps) || lambda < 0 || lambda >= len(a.Lambdas) {
		return fmt.Errorf("tui: trajectory: found feature %d, checkpoint %d, λ %d, expected below %d, %d, %d", id, step, lambda, a.Features, len(a.Steps), len(a.Lambdas))
	}
	return nil
}
