package phase

import (
	"math"
	"math/rand/v2"
)

// decomposition is the judged answers of an Attribution with their levels of one
// order parameter.
type decomposition struct {
	answers   []attributed
	level     []int
	levels    int
	questions int
}

// cells says which information is taken: of the outcome, of the level, or of one
// given the other.
type cells int

const (
	cellsOutcome cells = iota
	cellsLevel
	cellsOutcomeGivenLevel
	cellsLevelGivenOutcome
)

// stratum is what shuffling keeps: the question alone, with the level, or with the
// outcome.
type stratum int

const (
	byQuestion stratum = iota
	byLevel
	byOutcome
)

// information is I(S; X) in bits from answers whose sides are as given. The two
// sides weigh ½ each.
func (d *decomposition) information(of cells, right []bool) float64 {
	joint := [2][]float64{make([]float64, 2*d.levels), make([]float64, 2*d.levels)}
	var n [2]float64
	for i, x := range d.answers {
		cell, side := 2*d.level[i], 0
		if x.bad {
			cell++
		}
		if right[i] {
			side = 1
		}
		joint[side][cell]++
		n[side]++
	}
	if n[0] == 0 || n[1] == 0 {
		return math.NaN()
	}
	outcome, level := [2][]float64{make([]float64, 2), make([]float64, 2)}, [2][]float64{make([]float64, d.levels), make([]float64, d.levels)}
	for side := range joint {
		for c := range joint[side] {
			joint[side][c] /= n[side]
			outcome[side][c%2] += joint[side][c]
			level[side][c/2] += joint[side][c]
		}
	}
	js := func(x [2][]float64) float64 { return exactly(x[0], x[1])[0] }
	switch of {
	case cellsOutcome:
		return js(outcome)
	case cellsLevel:
		return js(level)
	case cellsOutcomeGivenLevel:
		return js(joint) - js(level)
	}
	return js(joint) - js(outcome)
}

// bits is an information beside that of answers whose sides were shuffled within
// their strata.
func (d *decomposition) bits(of cells, within stratum, rng *rand.Rand) Bits {
	right := make([]bool, len(d.answers))
	by := map[[2]int][]int{}
	var order [][2]int
	for i, x := range d.answers {
		right[i] = x.right
		k := [2]int{x.question, 0}
		switch {
		case within == byLevel:
			k[1] = d.level[i]
		case within == byOutcome && x.bad:
			k[1] = 1
		}
		if by[k] == nil {
			order = append(order, k)
		}
		by[k] = append(by[k], i)
	}
	plugin := d.information(of, right)
	if math.IsNaN(plugin) {
		return missingBits()
	}
	mean, beyond := 0.0, 0
	for range permutations {
		for _, k := range order {
			at := by[k]
			rng.Shuffle(len(at), func(i, j int) { right[at[i]], right[at[j]] = right[at[j]], right[at[i]] })
		}
		v := d.information(of, right)
		mean += v / permutations
		if v >= plugin-1e-12 {
			beyond++
		}
	}
	return Bits{Number(plugin), Number(mean), Number(float64(1+beyond) / (1 + permutations)), Number(max(plugin-mean, 0))}
}

// share is the share of answers at the second of two levels, by side.
func (d *decomposition) share() [2]Number {
	if d.levels != 2 {
		return [2]Number{Missing(), Missing()}
	}
	var n, has [2]float64
	for i, x := range d.answers {
		side := 0
		if x.right {
			side = 1
		}
		n[side]++
		has[side] += float64(d.level[i])
	}
	return [2]Number{Number(has[0] / n[0]), Number(has[1] / n[1])}
}

// rise is the Mantel–Haenszel difference of the misaligned share at equal question
// and level, and the share of the comparison that it rests on.
func (d *decomposition) rise(rng *rand.Rand) (Number, Interval) {
	num, den, whole := make([]float64, d.questions), make([]float64, d.questions), 0.0
	for q := range d.questions {
		var n, bad [2][]float64
		for side := range n {
			n[side], bad[side] = make([]float64, d.levels), make([]float64, d.levels)
		}
		var all [2]float64
		for i, x := range d.answers {
			if x.question != q {
				continue
			}
			side := 0
			if x.right {
				side = 1
			}
			all[side]++
			n[side][d.level[i]]++
			if x.bad {
				bad[side][d.level[i]]++
			}
		}
		whole += weightOf(all[0], all[1])
		for l := range d.levels {
			if w := weightOf(n[0][l], n[1][l]); w > 0 {
				num[q] += w * (bad[1][l]/n[1][l] - bad[0][l]/n[0][l])
				den[q] += w
			}
		}
	}
	total := sum(den)
	if total == 0 {
		return 0, missingInterval()
	}
	out := missingInterval()
	out.Value = Number(sum(num) / total)
	used := 0
	for _, w := range den {
		if w > 0 {
			used++
		}
	}
	if used >= minQuestions {
		reach := Number(reachOf(ratios(num, den, rng), used))
		out.Lo, out.Hi = max(out.Value-reach, -1), min(out.Value+reach, 1)
	}
	return Number(total / whole), out
}

// weightOf is the Mantel–Haenszel weight of a stratum.
func weightOf(left, right float64) float64 {
	if left == 0 || right == 0 {
		return 0
	}
	return left * right / (left + right)
}

// ratios are Σnum/Σden of questions drawn with replacement, of those with a weight.
func ratios(num, den []float64, rng *rand.Rand) (out []float64) {
	var at []int
	for q, w := range den {
		if w > 0 {
			at = append(at, q)
		}
	}
	for range permutations {
		a, b := 0.0, 0.0
		for range at {
			q := at[rng.IntN(len(at))]
			a, b = a+num[q], b+den[q]
		}
		out = append(out, a/b)
	}
	return out
}

func sum(x []float64) (s float64) {
	for _, v := range x {
		s += v
	}
	return s
}
