package saetest

import (
	"fmt"
	"math"
	"strings"

	"agar/model/stats"
	"agar/model/tensor"
)

// Recovery says how well a dictionary's decoder rows find the planted features
// that fire often enough to count. Rows are assigned to those features
// one-to-one so that the sum of the cosines is the largest possible; a cosine
// below 0 counts as 0.
type Recovery struct {
	Features   int     // planted ones that count
	Score      float64 // sum of the cosines / (Features + Duplicates)
	MeanCos    float64 // sum of the cosines / Features, duplicates unpunished
	Above90    int     // features whose row has a cosine of at least 0.9
	Duplicates int     // rows whose nearest feature has a cosine of at least 0.9 and belongs to another row
	Unmatched  int     // rows with a cosine below 0.9 to every feature

	Cos []float64 // of each planted feature with its row; 0 without a row, NaN where it does not count
}

// near is the cosine from which a row is taken to be a planted feature.
const near = 0.9

// Recovered judges rows w [n, D] by the planted features that fire at least
// minFreq often.
func (p *Planted) Recovered(w []float32, minFreq float64) Recovery {
	rec := Recovery{Cos: make([]float64, p.F)}
	var counted []int
	for f, q := range p.Freq {
		rec.Cos[f] = math.NaN()
		if q >= minFreq {
			counted = append(counted, f)
		}
	}
	n := len(w) / p.D
	cos := p.cosines(counted, w)
	row := stats.Assign(cos, len(counted), n)
	sum := 0.0
	for k, f := range counted {
		rec.Cos[f] = 0
		if row[k] >= 0 {
			rec.Cos[f] = cos[k*n+row[k]]
		}
		sum += rec.Cos[f]
		if rec.Cos[f] >= near {
			rec.Above90++
		}
	}
	rec.Features = len(counted)
	rec.others(cos, row, n)
	rec.MeanCos = sum / float64(max(rec.Features, 1))
	rec.Score = sum / float64(max(rec.Features+rec.Duplicates, 1))
	return rec
}

// others counts the rows that are no feature's own.
func (rec *Recovery) others(cos []float64, row []int, n int) {
	for i := range n {
		best, of := 0.0, -1
		for k := range row {
			if c := cos[k*n+i]; c > best {
				best, of = c, k
			}
		}
		switch {
		case best < near:
			rec.Unmatched++
		case row[of] != i:
			rec.Duplicates++
		}
	}
}

// cosines are those of the features counted with the rows of w, [len(counted),
// n], 0 where they are negative.
func (p *Planted) cosines(counted []int, w []float32) []float64 {
	n := len(w) / p.D
	inverse := make([]float64, n)
	for i := range n {
		if norm := math.Sqrt(tensor.SumSq(w[i*p.D : (i+1)*p.D])); norm > 0 {
			inverse[i] = 1 / norm
		}
	}
	out := make([]float64, len(counted)*n)
	tensor.Parallel(len(counted), func(k int) {
		dir := p.Dirs[counted[k]*p.D : (counted[k]+1)*p.D]
		for i := range n {
			out[k*n+i] = max(float64(tensor.Dot(dir, w[i*p.D:(i+1)*p.D]))*inverse[i], 0)
		}
	})
	return out
}

// Table prints the cosines by frequency, in so many bands of equally many
// features, and by part in the pairs of parent and child.
func (p *Planted) Table(rec Recovery, bands int) string {
	var b strings.Builder
	for k := range bands {
		from, to := k*p.F/bands, (k+1)*p.F/bands
		name := fmt.Sprintf("%.4f to %.4f", p.Freq[from], p.Freq[to-1])
		p.tableRow(&b, rec, name, func(f int) bool { return f >= from && f < to })
	}
	p.tableRow(&b, rec, "children", func(f int) bool { return p.Parent[f] >= 0 })
	p.tableRow(&b, rec, "parents", func(f int) bool { return len(p.children[f]) > 0 })
	p.tableRow(&b, rec, "neither", func(f int) bool { return p.Parent[f] < 0 && len(p.children[f]) == 0 })
	return b.String()
}

func (p *Planted) tableRow(b *strings.Builder, rec Recovery, name string, in func(f int) bool) {
	var cos []float64
	found := 0
	for f, c := range rec.Cos {
		if math.IsNaN(c) || !in(f) {
			continue
		}
		cos = append(cos, c)
		if c >= near {
			found++
		}
	}
	sum := 0.0
	for _, c := range cos {
		sum += c
	}
	fmt.Fprintf(b, "%-18s mean %.3f  lowest %.3f  median %.3f  at least 0.9: %d of %d\n",
		name, sum/float64(max(len(cos), 1)), stats.Quantile(cos, 0), stats.Median(cos), found, len(cos))
}
