package phase

import (
	"fmt"
	"slices"
)

// Blind says why this run could not show an event of a kind, "" when it could. An
// event that cannot be seen is not absent.
func (r *Report) Blind(kind string) string {
	switch kind {
	case KindTurn:
		if r.Noise.Dominated {
			return fmt.Sprintf("its turn angle is noise (lost in %d of %d windows)", r.Noise.Lost, r.Noise.Windows)
		}
		for _, m := range r.Modules {
			if slices.ContainsFunc(m.Curves, func(k KSummary) bool { return k.TakesPart }) {
				return ""
			}
		}
		return "it has too few checkpoints for a turn angle"
	case KindGradPeak:
		if r.Grad.Window == 0 {
			return fmt.Sprintf("its log has %d rows with a gradient norm, too few for a peak", r.Grad.Rows)
		}
	case KindBehaviour:
		if r.Behaviour == nil {
			return "its behaviour was not measured"
		}
		if !slices.ContainsFunc(r.Behaviour.Measures, func(m Measure) bool { return m.Change != nil }) {
			return "its behaviour was measured at too few checkpoints for a change point"
		}
	}
	return ""
}
