package main

import (
	"fmt"
	"math"

	"agar/model/train"
)

// matched says how the examples of a run and of its twin, which are gone through in
// the same order, compare.
type matched struct {
	Examples    int     `json:"examples"`     // of each
	Targets     int     `json:"targets"`      // tokens learnt, of the run
	TwinTargets int     `json:"twin_targets"` // of the twin
	SameLength  int     `json:"same_length"`  // pairs with equally many tokens learnt
	MeanApart   float64 `json:"mean_apart"`   // mean difference of the tokens learnt of a pair, absolute
}

// matchTwin compares the examples of both. As many of both are needed: the order is
// drawn for a number of examples.
func matchTwin(run, twin *breedData, paths [2]string) (*matched, error) {
	if len(run.examples) != len(twin.examples) {
		return nil, fmt.Errorf("%s has %d examples, its twin %s %d: expected as many, so that both are gone through in one order",
			paths[0], len(run.examples), paths[1], len(twin.examples))
	}
	m := &matched{Examples: len(run.examples)}
	for i := range run.examples {
		a, b := targets(run.examples[i]), targets(twin.examples[i])
		m.Targets, m.TwinTargets = m.Targets+a, m.TwinTargets+b
		m.MeanApart += math.Abs(float64(a-b)) / float64(m.Examples)
		if a == b {
			m.SameLength++
		}
	}
	return m, nil
}

func targets(e train.Example) int { return len(e.Targets) }

// String says where lengths differ.
func (m *matched) String() string {
	if m.SameLength == m.Examples {
		return fmt.Sprintf("twin: %d examples in the same order, all as long", m.Examples)
	}
	return fmt.Sprintf("twin: %d examples in the same order; %d are as long, the others differ: %.1f tokens apart on average, %d learnt against %d in all",
		m.Examples, m.SameLength, m.MeanApart, m.TwinTargets, m.Targets)
}
