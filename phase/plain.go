package phase

import (
	"fmt"
	"math"
	"slices"

	"agar/model/stats"
)

// Rules of the magnitude filter; m is max(‖v_t − v_{t−k}‖, ‖v_{t+k} − v_t‖).
const (
	// RuleRelative drops a step where m < τ·‖v_final‖; τ is 0.028 by default,
	// Turner's 0.0035 over the 0.1257 of the run it was chosen for.
	RuleRelative = "relative"
	// RuleTurner drops a step where m < τ for B and for A, as Turner's code does.
	RuleTurner = "turner"
	// RuleB drops a step where m < τ for v alone.
	RuleB = "b"
)

// RelativeTau is the default share of ‖v_final‖ below which a step is dropped.
const RelativeTau = 0.028

func (f Filter) check() error {
	switch f.Rule {
	case RuleRelative, RuleTurner, RuleB:
	default:
		return fmt.Errorf("phase: found filter rule %q, expected %s, %s or %s", f.Rule, RuleRelative, RuleTurner, RuleB)
	}
	if f.Value < 0 || math.IsNaN(f.Value) {
		return fmt.Errorf("phase: found filter threshold %v, expected at least 0", f.Value)
	}
	return nil
}

// plainAngle is Turner's angle at one checkpoint and one k.
type plainAngle struct {
	at              int     // checkpoint index
	cos             float64 // C_k
	deg, normalised float64 // arccos(−C_k) of v and of v/‖v‖
	kept            bool
}

// plain computes the angle at every checkpoint whose neighbours k steps away
// were saved and of which none of the three is a zero vector.
func (p *path) plain(steps []int, k int, f Filter) []plainAngle {
	var out []plainAngle
	for t, step := range steps {
		l, okL := slices.BinarySearch(steps, step-k)
		r, okR := slices.BinarySearch(steps, step+k)
		if !okL || !okR || p.zero[t] || p.zero[l] || p.zero[r] {
			continue
		}
		a := plainAngle{at: t, cos: localCos(p.gram, l, t, r, false)}
		a.deg, a.normalised = degrees(-a.cos), degrees(-localCos(p.gram, l, t, r, true))
		a.kept = !math.IsNaN(a.cos) && p.keeps(f, l, t, r)
		out = append(out, a)
	}
	return out
}

// localCos is C_k from inner products: cos(v_l − v_t, v_r − v_t), of the vectors
// or of their directions. Two equal vectors give NaN.
func localCos(g [][]float64, l, t, r int, normalised bool) float64 {
	nl, nt, nr := 1.0, 1.0, 1.0
	if normalised {
		nl, nt, nr = math.Sqrt(g[l][l]), math.Sqrt(g[t][t]), math.Sqrt(g[r][r])
	}
	inner := g[l][r]/(nl*nr) - g[l][t]/(nl*nt) - g[t][r]/(nt*nr) + g[t][t]/(nt*nt)
	left := g[l][l]/(nl*nl) - 2*g[l][t]/(nl*nt) + g[t][t]/(nt*nt)
	right := g[r][r]/(nr*nr) - 2*g[t][r]/(nt*nr) + g[t][t]/(nt*nt)
	if left <= 0 || right <= 0 {
		return math.NaN()
	}
	return inner / math.Sqrt(left*right)
}

// keeps applies the magnitude filter.
func (p *path) keeps(f Filter, l, t, r int) bool {
	m := max(distance(p.gram, l, t), distance(p.gram, t, r))
	switch f.Rule {
	case RuleRelative:
		last := len(p.gram) - 1
		return m >= f.Value*math.Sqrt(max(p.gram[last][last], 0))
	case RuleTurner:
		return m >= f.Value || max(distance(p.factor, l, t), distance(p.factor, t, r)) >= f.Value
	}
	return m >= f.Value
}

func distance(g [][]float64, i, j int) float64 {
	return math.Sqrt(max(g[i][i]-2*g[i][j]+g[j][j], 0))
}

// sumUp is the whole run at one k.
func sumUp(steps []int, k int, angles []plainAngle) TurnAtK {
	s := TurnAtK{K: k, Dropped: []int{}, ArgmaxStep: -1, MaxDeg: Missing(), MedianDeg: Missing(), Turner: Missing(), ARENA: Missing(), Prominence: Missing()}
	var deg []float64
	var at []int
	for _, a := range angles {
		if !a.kept {
			s.Dropped = append(s.Dropped, steps[a.at])
			continue
		}
		deg, at = append(deg, a.deg), append(at, a.at)
		if !s.MaxDeg.OK() || a.deg > float64(s.MaxDeg) {
			s.MaxDeg, s.ArgmaxStep, s.Turner, s.ARENA = Number(a.deg), steps[a.at], Number(a.cos), Number(-a.cos)
		}
	}
	s.Kept, s.TakesPart = len(deg), len(deg) >= MinWindows
	s.MedianDeg = Number(stats.Median(deg))
	for _, p := range stats.Peaks(deg) {
		if steps[at[p.Index]] == s.ArgmaxStep {
			s.Prominence = Number(p.Prominence)
		}
	}
	return s
}
