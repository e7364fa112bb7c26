package phase

import (
	"math"
	"math/rand/v2"
	"testing"
)

// bumpy is a log whose norm falls by a factor 4, with a bump of the given height in
// ln and noise.
func bumpy(seed uint64, height, noise float64) []LogRow {
	rng := rand.New(rand.NewPCG(seed, 5))
	var rows []LogRow
	for s := 1; s <= 300; s++ {
		u := float64(s) / 300
		y := -math.Log(4)*u + height*math.Exp(-(u-.4)*(u-.4)/.004) + noise*rng.NormFloat64()
		rows = append(rows, LogRow{Step: s, GradNorm: Number(math.Exp(y))})
	}
	return rows
}

// TestGradNull: p is small for a bump that stands out of its noise and uniform
// enough where there is none.
func TestGradNull(t *testing.T) {
	largest := func(rows []LogRow) float64 {
		most := 0.0
		for _, p := range smoothGrad(rows).summits() {
			most = max(most, p)
		}
		return math.Exp(most)
	}
	bump := bumpy(1, 1, .2)
	if p, n := GradNull(bump, largest(bump), 99); p > .011 || n != 99 {
		t.Errorf("a bump of e over noise of 0.2 has p = %v of %d draws, expected 0.01 of 99", p, n)
	}
	low := 0
	for seed := range uint64(40) {
		rows := bumpy(seed, 0, .2)
		if p, _ := GradNull(rows, largest(rows), 19); p <= .1 {
			low++
		}
	}
	t.Logf("without a bump: p ≤ 0.1 in %d of 40 logs", low)
	if low > 11 { // 4 expected; 11 is three and a half standard deviations more
		t.Errorf("without a bump p ≤ 0.1 in %d of 40 logs, expected about 4", low)
	}
	if p, n := GradNull(bump[:20], 2, 99); n != 0 || !math.IsNaN(p) {
		t.Errorf("20 rows gave p = %v of %d draws, expected none", p, n)
	}
}

func TestMonotone(t *testing.T) {
	for _, c := range []struct{ in, want []float64 }{
		{[]float64{1, 3, 2, 4}, []float64{1, 2.5, 2.5, 4}},
		{[]float64{4, 2, 3, 1}, []float64{4, 2.5, 2.5, 1}},
		{[]float64{2, 2}, []float64{2, 2}},
	} {
		got := monotone(c.in)
		for i := range c.want {
			if got[i] != c.want[i] {
				t.Errorf("monotone(%v) = %v, want %v", c.in, got, c.want)
				break
			}
		}
	}
}
