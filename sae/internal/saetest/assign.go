package saetest

import (
	"cmp"
	"math"
	"slices"
)

// pair is a planted feature and a learned one.
type pair struct {
	planted, learned int
	cos              float64
}

func (p *Planted) assign(pairs []pair, close []int, minFreq float64) Recovery {
	slices.SortFunc(pairs, func(a, b pair) int {
		if c := cmp.Compare(b.cos, a.cos); c != 0 {
			return c
		}
		return cmp.Compare(a.planted*len(close)+a.learned, b.planted*len(close)+b.learned)
	})
	used, done := make([]bool, len(close)), make([]bool, p.F)
	rec := Recovery{}
	sum := 0.0
	for _, x := range pairs {
		if used[x.learned] || done[x.planted] {
			continue
		}
		used[x.learned], done[x.planted] = true, true
		sum += x.cos
		if x.cos >= 0.9 {
			rec.Above90++
		}
	}
	for i, f := range close {
		if f > 0 && !used[i] {
			rec.Duplicates++
		}
	}
	for _, f := range p.Freq {
		if f >= minFreq {
			rec.Features++
		}
	}
	rec.MeanCos = sum / float64(max(rec.Features, 1))
	return rec
}

func cosine(a, b []float32) float64 {
	ab, aa, bb := 0.0, 0.0, 0.0
	for i, v := range a {
		ab += float64(v) * float64(b[i])
		aa += float64(v) * float64(v)
		bb += float64(b[i]) * float64(b[i])
	}
	if aa == 0 || bb == 0 {
		return 0
	}
	return ab / math.Sqrt(aa*bb)
}
