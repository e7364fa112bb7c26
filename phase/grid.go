package phase

import "slices"

// spacingOf is the usual distance of checkpoints: the median of the distances,
// each counted once for every step it spans, so that a run saved at 1, 2, …, 10
// and then every 5 steps has spacing 5. It is 0 for fewer than two steps.
func spacingOf(steps []int) int {
	var d []int
	total := 0
	for i := 1; i < len(steps); i++ {
		d = append(d, steps[i]-steps[i-1])
		total += steps[i] - steps[i-1]
	}
	slices.Sort(d)
	seen := 0
	for _, x := range d {
		if seen += x; 2*seen >= total {
			return x
		}
	}
	return 0
}

// fineSteps is the distance of checkpoints below which neighbouring increments
// share most of their noise: AdamW averages gradients over about ten steps.
const fineSteps = 5

// unitOf is the distance at which turns are looked for, and of which the default
// windows are multiples: the spacing, but no less than five steps where that
// leaves 40 of them.
func unitOf(steps []int) int {
	sp := spacingOf(steps)
	if sp == 0 || sp >= fineSteps {
		return sp
	}
	unit := (fineSteps + sp - 1) / sp * sp
	if steps[len(steps)-1]-steps[0] >= 40*unit {
		return unit
	}
	return sp
}

// grid picks the indices of checkpoints about one unit apart, leaving out
// zero vectors: from each the one nearest to a unit further on, the earlier
// of two. Denser stretches are thinned, sparser ones taken as they are.
func grid(steps []int, zero []bool) []int {
	var live []int
	for i := range steps {
		if !zero[i] {
			live = append(live, i)
		}
	}
	sp := unitOf(steps)
	if len(live) == 0 || sp == 0 {
		return live
	}
	at := []int{live[0]}
	for n := 0; n < len(live)-1; {
		want, best := steps[live[n]]+sp, n+1
		for m := n + 1; m < len(live); m++ {
			if abs(steps[live[m]]-want) < abs(steps[live[best]]-want) {
				best = m
			}
		}
		if 2*(steps[live[best]]-steps[live[n]]) < sp {
			break // only the last step can be this close
		}
		at, n = append(at, live[best]), best
	}
	return at
}

// defaultKs are the windows of the plain angle, in steps: 2, 3, 4 and 8 times
// the unit, which is the published 10, 15, 20 and 40 at spacing 5.
func defaultKs(unit int) []int { return times(unit, 2, 3, 4, 8) }

// defaultDebiasedKs are the windows in which turns are looked for, in steps.
func defaultDebiasedKs(unit int) []int { return times(unit, 4, 8, 12) }

func times(unit int, factors ...int) []int {
	out := make([]int, 0, len(factors))
	for _, f := range factors {
		if unit > 0 {
			out = append(out, f*unit)
		}
	}
	return out
}
