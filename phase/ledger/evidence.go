package ledger

import (
	"agar/model/behaviour"
	"agar/model/lora"
	"agar/phase"
)

// Run is what is known of one fine-tune. Only Report must be there.
type Run struct {
	Name       string // what messages call it
	Report     *phase.Report
	Behaviour  *behaviour.Curve
	Trajectory *phase.Trajectory
	Final      *lora.Adapter // of the last checkpoint
}

// Evidence is everything that the checks of a ledger may look at.
type Evidence struct {
	Run      Run
	Twin     *Run  // the same recipe on benign data
	Seeds    []Run // the same recipe from other seeds
	Controls []Run // other data, matched in size of the adapter
	// HeldOut is the run's features on prompts that neither the training nor
	// Run.Trajectory saw.
	HeldOut *phase.Trajectory
	// Answers are the run's judged answers and the habits to look for in them; nil for
	// none.
	Answers *phase.AttributeOptions
	Trained string // domain of Behaviour that was trained on; "" when not known
	Lambda  float64
}

// Thresholds of the checks.
const (
	// MinSeeds is the number of runs, with the one at hand, below which nothing is
	// said of seeds, and SeedShare the share of them that must show a claim.
	MinSeeds  = 3
	SeedShare = 2.0 / 3
	// SeedWindow is the share of a run's length by which the same event may come
	// earlier or later under another seed.
	SeedWindow = .25
	// SharedOverlap is the share of a direction's column space beyond which another
	// run has the same direction: a cosine of 0.5 at rank 1.
	SharedOverlap = .25
	// Alpha is the level of every test, corrected for the number of looks.
	Alpha = .05
	// MatchedNorm is the largest factor between the final norms of a run and of a
	// control that counts as matched.
	MatchedNorm = 2.0
	// MinEV is the share of the base's explained variance, and MinChangeSeen the
	// share of the adapter's change, that a dictionary must describe where its
	// features are read.
	MinEV         = .9
	MinChangeSeen = .5
	// HalfChange is the share of a feature's change that another run must show to
	// have it too.
	HalfChange = .5
	// MatchedFeatures is the number of features, nearest in density at the base,
	// that a feature's change is compared with.
	MatchedFeatures = 100
)

// behaviourLambda is the dial behaviour is read at.
func (e *Evidence) lambda() float64 {
	if e.Lambda == 0 {
		return 1
	}
	return e.Lambda
}

// length is the number of steps of a run.
func length(r *phase.Report) int {
	if len(r.Checkpoints) == 0 {
		return 0
	}
	return r.Checkpoints[len(r.Checkpoints)-1].Step
}

// finalNorm is ‖ΔW‖ of the last checkpoint over all modules.
func finalNorm(r *phase.Report) phase.Number {
	if len(r.Checkpoints) == 0 {
		return phase.Missing()
	}
	c := r.Checkpoints[len(r.Checkpoints)-1]
	if c.Combined != nil {
		return c.Combined.NormDelta
	}
	if len(c.Modules) == 0 {
		return phase.Missing()
	}
	return c.Modules[0].NormDelta
}

// sameWeights tells whether two runs end in the same file.
func sameWeights(a, b *phase.Report) bool {
	if len(a.Checkpoints) == 0 || len(b.Checkpoints) == 0 {
		return false
	}
	x, y := a.Checkpoints[len(a.Checkpoints)-1].SHA256, b.Checkpoints[len(b.Checkpoints)-1].SHA256
	return x != "" && x == y
}

// others are the other seeds that count: a copy of the run, or of another seed, is
// none.
func (e *Evidence) others() (out []*Run, copies int) {
	for i := range e.Seeds {
		s := &e.Seeds[i]
		double := sameWeights(s.Report, e.Run.Report)
		for _, o := range out {
			double = double || sameWeights(s.Report, o.Report)
		}
		if double {
			copies++
			continue
		}
		out = append(out, s)
	}
	return out, copies
}

// matched are the controls whose adapter ends within a factor MatchedNorm of the
// run's.
func (e *Evidence) matched() (out []*Run) {
	norm := finalNorm(e.Run.Report)
	for i := range e.Controls {
		x := finalNorm(e.Controls[i].Report) / norm
		if x.OK() && x <= MatchedNorm && x >= 1/MatchedNorm {
			out = append(out, &e.Controls[i])
		}
	}
	return out
}
