package phase

import (
	"cmp"
	"math"
	"slices"

	"agar/model/stats"
)

// detector holds the thresholds of a turn event; METRICS.md gives the reasons.
type detector struct {
	minDeg float64 // prominence in degrees
	minSE  float64 // prominence in standard errors, corrected for their few degrees of freedom
	moving float64 // slower side's speed as a share of the fastest of the run
	signal float64 // share of the noise-free path in both squared chords
	short  int     // steps that a window cut by the end of the run must keep
}

// turns are the thresholds in use for paths with checkpoints a unit apart. z is
// the number of standard errors asked for.
func turns(unit int, z float64) detector {
	return detector{minDeg: 15, minSE: z, moving: 0.15, signal: 0.85, short: 4 * unit}
}

// bump is a peak of the debiased angle at one k.
type bump struct {
	debiasedAngle
	k, step    int
	prominence float64
	from, to   int // steps between which the angle stays within one standard error of the peak
}

// strength is the prominence in corrected standard errors.
func (b bump) strength() float64 { return b.prominence / b.se }

// windows gives the increments inside [T−k, T] and [T, T+k] of boundary at; ok
// is false when one is too short. The ends of the run may cut them, so that a
// turn near an end still shows how the angle falls off: the left one down to
// two thirds of k (a shorter arm sees less of an arc, and every curved start
// would look like a peak), the right one down to short steps, neither below.
func (w *walk) windows(at, k, short int) (left, right span, ok bool) {
	t := w.steps[at]
	left, right = span{at, at}, span{at, at}
	for left.from > 0 && w.steps[left.from-1] >= t-k {
		left.from--
	}
	for right.to < len(w.size) && w.steps[right.to+1] <= t+k {
		right.to++
	}
	whole := 0.8 * float64(k)
	needLeft, needRight := whole, whole
	if left.from == 0 {
		needLeft = max(float64(k)*2/3, min(float64(short), whole))
	}
	if right.to == len(w.size) {
		needRight = min(whole, float64(short))
	}
	ok = float64(t-w.steps[left.from]) >= needLeft && float64(w.steps[right.to]-t) >= needRight && left.len() >= 3 && right.len() >= 3
	return left, right, ok
}

// curve is the debiased angle at every boundary with long enough windows.
func (d detector) curve(w *walk, k int) []debiasedAngle {
	var out []debiasedAngle
	for at := 1; at < len(w.steps)-1; at++ {
		if l, r, ok := w.windows(at, k, d.short); ok {
			out = append(out, w.angle(at, l, r, d.minSE))
		}
	}
	return out
}

// MinWindows is the number of boundaries below which a k takes no part.
const MinWindows = 10

// defined keeps the angles that are not lost in noise; nil when they are too few
// for this k to take part.
func defined(curve []debiasedAngle) []debiasedAngle {
	var out []debiasedAngle
	for _, a := range curve {
		if !math.IsNaN(a.deg) {
			out = append(out, a)
		}
	}
	if len(out) < MinWindows || 2*len(out) < len(curve) {
		return nil
	}
	return out
}

// bumps finds the turns at one k.
func (d detector) bumps(w *walk, k int) []bump {
	on := defined(d.curve(w, k))
	deg, top := make([]float64, len(on)), 0.0
	for i, a := range on {
		deg[i], top = a.deg, max(top, a.speed)
	}
	var out []bump
	for _, p := range stats.Peaks(deg) {
		b := bump{debiasedAngle: on[p.Index], k: k, step: w.steps[on[p.Index].at], prominence: p.Prominence}
		b.se = pooledSE(on, p.Index)
		if p.Prominence < d.minDeg || p.Prominence < criticalSE(d.minSE, b.dof)*b.se {
			continue
		}
		if b.speed < d.moving*top || b.signal < d.signal {
			continue
		}
		b.from, b.to = plateau(w, on, p.Index, b.se)
		out = append(out, b)
	}
	return out
}

// pooledSE is a boundary's standard error, but no less than the median of its
// five neighbours': from a handful of increments a standard error can come out
// small by luck, and the peaks are where it did.
func pooledSE(on []debiasedAngle, i int) float64 {
	var near []float64
	for _, a := range on[max(i-2, 0):min(i+3, len(on))] {
		near = append(near, a.se)
	}
	return max(on[i].se, stats.Median(near))
}

// plateau gives the steps next to a peak whose angle is within one standard
// error of it.
func plateau(w *walk, on []debiasedAngle, i int, se float64) (from, to int) {
	l, r := i, i
	for l > 0 && on[l-1].deg >= on[i].deg-se {
		l--
	}
	for r < len(on)-1 && on[r+1].deg >= on[i].deg-se {
		r++
	}
	return w.steps[on[l].at], w.steps[on[r].at]
}

// find looks for turns at every k and merges what belongs to one transition:
// groups in descending order of their strongest member, which takes in every
// bump less than half a window away.
func (d detector) find(w *walk, ks []int) [][]bump {
	var all []bump
	for _, k := range ks {
		all = append(all, d.bumps(w, k)...)
	}
	return group(all)
}

func group(all []bump) (groups [][]bump) {
	slices.SortStableFunc(all, func(a, b bump) int { return cmp.Compare(b.strength(), a.strength()) })
	for len(all) > 0 {
		seed, rest := all[0], all[:0:0]
		g := []bump{seed}
		for _, b := range all[1:] {
			if 2*abs(b.step-seed.step) <= max(b.k, seed.k) {
				g = append(g, b)
			} else {
				rest = append(rest, b)
			}
		}
		slices.SortStableFunc(g, func(a, b bump) int { return a.k - b.k })
		groups, all = append(groups, g), rest
	}
	return groups
}

func abs(x int) int { return max(x, -x) }
