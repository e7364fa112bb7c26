package ledger

import "slices"

// Most claims of each kind: directions of the modules that write most, and features
// whose mean changes most.
const (
	MaxDirections = 6
	MaxFeatures   = 12
)

// Claims takes every event of the run, the directions of its modules at the end and
// the features that change most through the battery, in this order. Events keep
// their order, strongest first; directions come by their norm.
func Claims(e *Evidence) []Claim {
	out := []Claim{}
	for _, x := range e.Run.Report.Events {
		out = append(out, e.eventClaim(x))
	}
	for _, i := range e.directions() {
		out = append(out, e.directionClaim(&e.Run.Final.Modules[i]))
	}
	if t := e.Run.Trajectory; t != nil && len(t.Steps) > 0 && len(t.Lambdas) > 0 {
		l := Dial(t, e.lambda())
		for _, f := range Moved(t, l, MaxFeatures) {
			if change(t, f, l) != 0 {
				out = append(out, e.featureClaim(f))
			}
		}
	}
	return out
}

// directions are the modules that write most, by ‖ΔW‖.
func (e *Evidence) directions() []int {
	if e.Run.Final == nil {
		return nil
	}
	all := make([]int, len(e.Run.Final.Modules))
	for i := range all {
		all[i] = i
	}
	slices.SortStableFunc(all, func(a, b int) int {
		x, y := e.Run.Final.Modules[a].NormDelta(), e.Run.Final.Modules[b].NormDelta()
		if x > y {
			return -1
		} else if x < y {
			return 1
		}
		return 0
	})
	return all[:min(MaxDirections, len(all))]
}
