package phase

import (
	"cmp"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// bonferroni is the number of standard errors that is as rare as z among n
// looks.
func bonferroni(z float64, n int) float64 {
	return -distuv.UnitNormal.Quantile(distuv.UnitNormal.Survival(z) / float64(n))
}

// events merges the turns of all modules, at most one for a transition, and
// puts them before the gradient's peaks, strongest first.
func (b *builder) events() {
	var turns []Event
	for _, g := range mergeModules(b.found) {
		turns = append(turns, b.turn(g))
	}
	b.rep.Events = append(turns, b.rep.Events...)
	if b.rep.Events == nil {
		b.rep.Events = []Event{}
	}
}

// mergeModules groups what different modules found within half a window of the
// strongest.
func mergeModules(all []found) (groups [][]found) {
	slices.SortStableFunc(all, func(x, y found) int { return cmp.Compare(largest(y.bumps).strength(), largest(x.bumps).strength()) })
	for len(all) > 0 {
		seed, rest := all[0], all[:0:0]
		g := []found{seed}
		for _, f := range all[1:] {
			a, b := largest(seed.bumps), largest(f.bumps)
			if 2*abs(a.step-b.step) <= max(a.k, b.k) {
				g = append(g, f)
			} else {
				rest = append(rest, f)
			}
		}
		groups, all = append(groups, g), rest
	}
	return groups
}

// turn makes the event of one transition. Its module is the one that shows it
// best; its window is the smallest that does, which places it best.
func (b *builder) turn(g []found) Event {
	best := g[0].bumps[0]
	e := Event{
		Kind: KindTurn, Module: g[0].module, Step: best.step, Statistic: Number(best.deg), SE: Number(best.se), Unit: "degrees",
		Interval: [2]int{best.from, best.to}, Prominence: Number(best.prominence), K: best.k,
		Agreement: Agreement{Ks: []int{}, Steps: []int{}, PlainMax: []int{}, Modules: []string{}, Measures: []string{}}, Lambda: Missing(),
	}
	a := &e.Agreement
	for _, x := range g[0].bumps {
		a.Ks, a.Steps = append(a.Ks, x.k), append(a.Steps, x.step)
	}
	a.Spread = slices.Max(a.Steps) - slices.Min(a.Steps)
	for _, f := range g {
		a.Modules = append(a.Modules, f.module)
	}
	for _, m := range b.rep.Modules {
		if m.Name != e.Module {
			continue
		}
		for _, c := range m.Curves {
			if c.TakesPart {
				a.OfKs++
			}
		}
		for _, t := range m.Turns {
			if t.TakesPart {
				a.PlainMax = append(a.PlainMax, t.ArgmaxStep)
			}
		}
	}
	return e
}
