package phase

import (
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"

	"agar/model/stats"
)

// OrderAt is how far the histograms of one order parameter are apart on both sides
// of a boundary.
type OrderAt struct {
	Name   string   `json:"name"`
	Levels int      `json:"levels"` // values that occur on either side
	Left   int      `json:"left"`   // answers with a value
	Right  int      `json:"right"`
	JS     OrderGap `json:"js"`
	TV     OrderGap `json:"tv"`
	Linear OrderGap `json:"linear"`
}

// OrderGap is one divergence of an order parameter. Histograms of few answers differ
// by chance, so the plug-in value is too large: it is shown beside what it is when
// the answers of each question change sides at random.
type OrderGap struct {
	Plugin    Number   `json:"plugin"`
	NullMean  Number   `json:"null_mean"`
	NullHi    Number   `json:"null_hi"`   // 95 % quantile of the null
	P         Number   `json:"p"`         // share of permutations at least as far, (1 + k)/(1 + draws)
	Corrected Number   `json:"corrected"` // plugin − null_mean, at least 0
	Fraction  Interval `json:"fraction"`  // corrected over that of the answers themselves, in [0, 1]; null without those
}

// permutations of the null, and bootstraps of fractions.
const permutations = 200

// sided is an answer's level of an order parameter, its question and its side.
type sided struct {
	level, question int
	right           bool
}

// histogram compares the levels on both sides, each question's weight as given.
func histogram(x []sided, levels int, weight []float64) dissimilar {
	l, r := make([]float64, levels), make([]float64, levels)
	nl, nr := 0.0, 0.0
	for _, a := range x {
		w := 1.0
		if weight != nil {
			w = weight[a.question]
		}
		if a.right {
			r[a.level] += w
			nr += w
		} else {
			l[a.level] += w
			nl += w
		}
	}
	if nl == 0 || nr == 0 {
		return dissimilar{math.NaN(), math.NaN(), math.NaN()}
	}
	for i := range l {
		l[i], r[i] = l[i]/nl, r[i]/nr
	}
	return exactly(l, r)
}

// orderAt compares an order parameter across a boundary. whole are the divergences
// of the answers themselves by question, nil when they are not known.
func orderAt(name string, x []sided, levels, questions int, whole []dissimilar, rng *rand.Rand) OrderAt {
	o := OrderAt{Name: name, Levels: occurring(x, levels)}
	for _, a := range x {
		if a.right {
			o.Right++
		} else {
			o.Left++
		}
	}
	plugin := histogram(x, levels, nil)
	null := permuted(x, levels, questions, rng)
	fraction := fractions(x, levels, questions, null, whole, rng)
	for i, g := range []*OrderGap{&o.JS, &o.TV, &o.Linear} {
		*g = gap(plugin[i], null, i)
		g.Fraction = fraction[i]
	}
	return o
}

// occurring counts the levels that any answer has.
func occurring(x []sided, levels int) (n int) {
	seen := make([]bool, levels)
	for _, a := range x {
		if !seen[a.level] {
			seen[a.level] = true
			n++
		}
	}
	return n
}

// gap puts divergence i beside its null.
func gap(plugin float64, null []dissimilar, i int) OrderGap {
	values, beyond, mean := make([]float64, len(null)), 0, 0.0
	for j, d := range null {
		values[j] = d[i]
		mean += d[i] / float64(len(null))
		if d[i] >= plugin-1e-12 {
			beyond++
		}
	}
	return OrderGap{
		Plugin: Number(plugin), NullMean: Number(mean), NullHi: Number(stats.Quantile(values, .95)),
		P: Number(float64(1+beyond) / float64(1+len(null))), Corrected: Number(max(plugin-mean, 0)), Fraction: missingInterval(),
	}
}

// permuted shuffles the sides of each question's answers.
func permuted(x []sided, levels, questions int, rng *rand.Rand) []dissimilar {
	by := make([][]int, questions)
	for i, a := range x {
		by[a.question] = append(by[a.question], i)
	}
	y := append([]sided(nil), x...)
	out := make([]dissimilar, permutations)
	for n := range out {
		for _, at := range by {
			rng.Shuffle(len(at), func(i, j int) { y[at[i]].right, y[at[j]].right = y[at[j]].right, y[at[i]].right })
		}
		out[n] = histogram(y, levels, nil)
	}
	return out
}

// reachOf is half of a 95 % interval from bootstraps over n clusters: Student's t of
// n − 1 degrees of freedom times their standard deviation, corrected for drawing n
// with replacement.
func reachOf(draws []float64, n int) float64 {
	f := float64(n)
	return distuv.StudentsT{Mu: 0, Sigma: 1, Nu: f - 1}.Quantile(.975) * math.Sqrt(f/(f-1)) * stat.StdDev(draws, nil)
}

// fractions are the shares of the whole change that the order parameter captures,
// with 95 % intervals from whole questions drawn with replacement; missing where the
// whole change is not above 0 for sure.
func fractions(x []sided, levels, questions int, null []dissimilar, whole []dissimilar, rng *rand.Rand) [3]Interval {
	out := [3]Interval{missingInterval(), missingInterval(), missingInterval()}
	if whole == nil {
		return out
	}
	var mean dissimilar
	for _, d := range null {
		mean.add(d, 1/float64(len(null)))
	}
	share := func(weight []float64) (s dissimilar, top dissimilar) {
		part := histogram(x, levels, weight)
		var sum float64
		for q, d := range whole {
			top.add(d, weight[q])
			sum += weight[q]
		}
		for i := range s {
			top[i] /= sum
			s[i] = min(max(part[i]-mean[i], 0)/top[i], 1)
		}
		return s, top
	}
	one := make([]float64, questions)
	for i := range one {
		one[i] = 1
	}
	value, _ := share(one)
	var draws, tops [3][]float64
	for range permutations {
		weight := make([]float64, questions)
		for range questions {
			weight[rng.IntN(questions)]++
		}
		s, top := share(weight)
		for i := range s {
			draws[i], tops[i] = append(draws[i], s[i]), append(tops[i], top[i])
		}
	}
	for i := range out {
		if stats.Quantile(tops[i], .025) <= 0 || math.IsNaN(value[i]) {
			continue
		}
		out[i].Value = Number(value[i])
		if questions >= minQuestions {
			reach := reachOf(draws[i], questions)
			out[i].Lo, out[i].Hi = Number(max(value[i]-reach, 0)), Number(min(value[i]+reach, 1))
		}
	}
	return out
}
