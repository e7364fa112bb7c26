package ledger

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"

	"agar/model/stats"
	"agar/phase"
)

// featureClaim takes one feature of the run's trajectory through the battery.
func (e *Evidence) featureClaim(f int) Claim {
	t := e.Run.Trajectory
	l := Dial(t, e.lambda())
	id := f
	c := Claim{ID: fmt.Sprintf("feature#%d", f), Kind: KindFeature, Feature: &id}
	from := t.Steps[0]
	change := change(t, f, l)
	if step, _, ok := t.Emergence(f, l); ok {
		c.Step, from = &step, step
	}
	c.Statement = fmt.Sprintf("the mean activation of feature %d goes from %.4g at the base to %.4g at step %d", f, t.Base.Mean[f], float64(t.Base.Mean[f])+change, t.Steps[len(t.Steps)-1])
	c.battery([8]Check{
		e.featureTwin(f, change), e.featureSeeds(f, change), e.featureControls(f, l, change), e.covariates(from, from),
		e.featureDegenerate(f, l), e.featureHeldOut(f, change), e.dictionary(t.Steps[len(t.Steps)-1]), featureNull(t, f, l, change),
	})
	return c
}

// Dial is the index of λ, of the dial nearest to it when it is not there.
func Dial(t *phase.Trajectory, lambda float64) int {
	best := 0
	for i, x := range t.Lambdas {
		if math.Abs(x-lambda) < math.Abs(t.Lambdas[best]-lambda) {
			best = i
		}
	}
	return best
}

// change is how much the mean of feature f differs between the base and the last
// checkpoint.
func change(t *phase.Trajectory, f, l int) float64 {
	return float64(t.At(len(t.Steps)-1, l).Mean[f]) - float64(t.Base.Mean[f])
}

// Moved are the n features whose mean changes most.
func Moved(t *phase.Trajectory, l, n int) []int {
	all := make([]int, t.DSAE)
	for i := range all {
		all[i] = i
	}
	slices.SortStableFunc(all, func(a, b int) int {
		x, y := math.Abs(change(t, a, l)), math.Abs(change(t, b, l))
		switch {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return 0
	})
	return all[:min(n, len(all))]
}

// beside is what feature f changes by in another trajectory of the same dictionary.
func (e *Evidence) beside(o *phase.Trajectory, f int) (float64, string) {
	t := e.Run.Trajectory
	switch {
	case o == nil:
		return 0, "its features were not followed"
	case o.SAE != t.SAE || o.Hook != t.Hook || o.DSAE != t.DSAE:
		return 0, fmt.Sprintf("its features are of %s at %s, not of %s at %s", o.SAE, o.Hook, t.SAE, t.Hook)
	case len(o.Steps) == 0 || len(o.Lambdas) == 0:
		return 0, "its trajectory is empty"
	}
	return change(o, f, Dial(o, e.lambda())), ""
}

// featureTwin fails when the feature changes by HalfChange as much, in the same
// direction, in the twin.
func (e *Evidence) featureTwin(f int, change float64) Check {
	if e.Twin == nil {
		return notRun("no twin was given")
	}
	x, why := e.beside(e.Twin.Trajectory, f)
	if why != "" {
		return notRun("twin: %s", why)
	}
	n := []Figure{fig("change", change, ""), fig("change in the twin", x, "")}
	why = fmt.Sprintf("it changes by %+.4g in the twin, %+.4g here", x, change)
	return decide(x/change < HalfChange, n, why, why+": generic fine-tuning")
}

// featureSeeds passes when it changes by HalfChange as much in SeedShare of at least
// MinSeeds runs.
func (e *Evidence) featureSeeds(f int, change float64) Check {
	others, _ := e.others()
	could, show := 1, 1
	for _, s := range others {
		if x, why := e.beside(s.Trajectory, f); why == "" {
			could++
			if x/change >= HalfChange {
				show++
			}
		}
	}
	if could < MinSeeds {
		return notRun("%d runs of this recipe were followed with this dictionary, %d are needed", could, MinSeeds)
	}
	why := fmt.Sprintf("%d of %d runs show at least half of the change", show, could)
	return decide(show >= MinSeeds && float64(show) >= SeedShare*float64(could), []Figure{fig("runs that show it", float64(show), ""), fig("runs followed", float64(could), "")}, why, why)
}

// featureControls compares the change with those of the MatchedFeatures features
// that fire about as often at the base: with their spread, corrected for the number
// of features, since the claims are those that change most. Dead ones cannot change
// for want of firing and are no match.
func (e *Evidence) featureControls(f, l int, delta float64) Check {
	t := e.Run.Trajectory
	own := float64(t.Base.Density[f])
	var all []int
	for i := range t.DSAE {
		if i != f && (t.Base.Density[i] > 0) == (own > 0) {
			all = append(all, i)
		}
	}
	slices.SortStableFunc(all, func(a, b int) int {
		x, y := math.Abs(float64(t.Base.Density[a])-own), math.Abs(float64(t.Base.Density[b])-own)
		if x < y {
			return -1
		} else if x > y {
			return 1
		}
		return 0
	})
	all = all[:min(MatchedFeatures, len(all))]
	if len(all) < minMatched {
		return notRun("%d features fire as often at the base, %d are needed", len(all), minMatched)
	}
	size := make([]float64, len(all))
	for i, g := range all {
		size[i] = math.Abs(change(t, g, l))
	}
	z := math.Abs(delta) / (normalMedian * stats.Median(size))
	p := min(1, 2*float64(t.DSAE)*distuv.UnitNormal.Survival(z))
	n := []Figure{fig("matched features", float64(len(all)), ""), fig("median of their changes", stats.Median(size), ""), fig("change over their spread", z, "standard deviations"), fig("corrected p", p, "")}
	why := fmt.Sprintf("its change is %.1f standard deviations of those of %d features that fire about as often: %s among %d features", z, len(all), chance(p), t.DSAE)
	return decide(p <= Alpha, n, why, why)
}

// minMatched is the number of matched features below which their spread says nothing.
const minMatched = 20

// normalMedian makes the median of the sizes of normal values their standard
// deviation.
const normalMedian = 1.4826

// featureDegenerate fails on a feature that never fires, and on one whose change is
// rounding.
func (e *Evidence) featureDegenerate(f, l int) Check {
	t := e.Run.Trajectory
	last := t.At(len(t.Steps)-1, l)
	most := max(t.Base.Density[f], last.Density[f])
	n := []Figure{fig("density at the base", float64(t.Base.Density[f]), "share of tokens"), fig("density at the end", float64(last.Density[f]), "share of tokens"), fig("tokens", float64(t.Tokens), "")}
	fires := float64(most) * float64(t.Tokens)
	if fires < minFires {
		return failed(n, "it fires on about %.0f tokens at most, expected at least %d", fires, minFires)
	}
	return passed(n, "it fires on about %.0f of %d tokens where it fires most", fires, t.Tokens)
}

// minFires is the number of tokens below which a feature's mean says nothing.
const minFires = 10

// featureHeldOut passes when it changes by HalfChange as much on held-out prompts.
func (e *Evidence) featureHeldOut(f int, change float64) Check {
	x, why := e.beside(e.HeldOut, f)
	if why != "" {
		return notRun("held-out prompts: %s", why)
	}
	why = fmt.Sprintf("it changes by %+.4g on held-out prompts, %+.4g here", x, change)
	return decide(x/change >= HalfChange, []Figure{fig("change", change, ""), fig("change on held-out prompts", x, "")}, why, why)
}

// featureNull is the change against a random walk with the same moves from
// checkpoint to checkpoint, corrected for the number of features.
func featureNull(t *phase.Trajectory, f, l int, change float64) Check {
	sum, last := 0.0, float64(t.Base.Mean[f])
	for _, v := range t.Curve(f, l) {
		sum += (float64(v) - last) * (float64(v) - last)
		last = float64(v)
	}
	if sum == 0 {
		return notRun("it does not move")
	}
	z := math.Abs(change) / math.Sqrt(sum)
	p := min(1, 2*float64(t.DSAE)*distuv.UnitNormal.Survival(z))
	n := []Figure{fig("change over that of a random walk of its moves", z, "standard deviations"), fig("features looked at", float64(t.DSAE), ""), fig("corrected p", p, "")}
	why := fmt.Sprintf("its change is %.1f standard deviations of a random walk of its %d moves: %s among %d features", z, len(t.Steps), chance(p), t.DSAE)
	return decide(p <= Alpha, n, why, why)
}

// dictionary asks whether the dictionary still describes the model at a step, and
// sees what the adapter changes.
func (e *Evidence) dictionary(step int) Check {
	t := e.Run.Trajectory
	if t == nil || len(t.Steps) == 0 || len(t.Lambdas) == 0 {
		return notRun("no features were followed")
	}
	s := 0
	for i, x := range t.Steps {
		if abs(x-step) < abs(t.Steps[s]-step) {
			s = i
		}
	}
	x := t.At(s, Dial(t, e.lambda()))
	if math.IsNaN(x.EV) || math.IsNaN(x.ChangeSeen) || math.IsNaN(t.Base.EV) {
		return notRun("explained variance or the share of the change seen is not known at step %d", t.Steps[s])
	}
	n := []Figure{fig("explained variance", x.EV, "share"), fig("explained variance at the base", t.Base.EV, "share"), fig("change seen", x.ChangeSeen, "share")}
	why := fmt.Sprintf("at step %d it explains %.3f of the variance (%.3f at the base) and sees %.3f of the adapter's change", t.Steps[s], x.EV, t.Base.EV, x.ChangeSeen)
	return decide(x.EV >= MinEV*t.Base.EV && x.ChangeSeen >= MinChangeSeen, n, why, why+fmt.Sprintf("; expected %g of the base's and %g", MinEV, MinChangeSeen))
}
