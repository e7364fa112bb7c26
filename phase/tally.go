package phase

import (
	"math"

	"agar/model/tensor"
	"agar/sae"
)

// tally sums up one checkpoint at one λ, in float64 and in row order.
type tally struct {
	d              int
	n, entries     int64
	fired          []int64   // by feature
	sum            []float64 // of activations, by feature
	mean           []float64 // Σ h
	square, err2   float64   // Σ ‖h‖², Σ ‖h − x̂‖²
	change, missed float64   // Σ ‖Δh‖², Σ ‖Δh − Δx̂‖²
}

func newTally(s *sae.SAE) *tally {
	return &tally{d: s.DIn, fired: make([]int64, s.DSAE), sum: make([]float64, s.DSAE), mean: make([]float64, s.DIn)}
}

// row adds a token: its features, activation h, reconstruction x̂, and what the
// base has there (h0 and its residual e0 = h0 − x̂0).
func (t *tally) row(index []uint32, value, h, xhat, h0, e0 []float32) {
	for j, i := range index {
		t.fired[i]++
		t.sum[i] += float64(value[j])
	}
	t.n++
	t.entries += int64(len(index))
	t.square += tensor.SumSq(h)
	var err2, change, missed float64
	for j, v := range h {
		e := float64(v - xhat[j])
		dh := float64(v - h0[j])
		miss := e - float64(e0[j])
		t.mean[j] += float64(v)
		err2 += e * e
		change += dh * dh
		missed += miss * miss
	}
	t.err2, t.change, t.missed = t.err2+err2, t.change+change, t.missed+missed
}

// into writes the sums into c, whose slices exist.
func (t *tally) into(c *Snapshot) {
	n := float64(t.n)
	for i, f := range t.fired {
		c.Mean[i], c.Density[i] = float32(t.sum[i]/n), float32(float64(f)/n)
	}
	meanSq := 0.0
	for _, v := range t.mean {
		meanSq += v / n * v / n
	}
	c.L0 = float64(t.entries) / n
	c.EV, c.ChangeSeen = math.NaN(), math.NaN()
	if variance := t.square/n - meanSq; variance > 0 {
		c.EV = 1 - t.err2/n/variance
	}
	if t.change > 0 {
		c.ChangeSeen = 1 - t.missed/t.change
	}
}

// addRows adds n activations h beside the base's.
func (t *tally) addRows(s *sae.SAE, stream *sae.Stream, h, h0, e0 []float32, n int) {
	var c sae.Codes
	xhat := make([]float32, n*t.d)
	stream.Encode(&c, h, n)
	s.Decode(xhat, &c)
	for i := range n {
		index, value := c.Row(i)
		at := span{i * t.d, (i + 1) * t.d}
		t.row(index, value, h[at.from:at.to], xhat[at.from:at.to], h0[at.from:at.to], e0[at.from:at.to])
	}
}

// residuals is h − x̂ of n rows.
func residuals(s *sae.SAE, stream *sae.Stream, h []float32, n int) []float32 {
	var c sae.Codes
	e := make([]float32, len(h))
	stream.Encode(&c, h, n)
	s.Decode(e, &c)
	for i, v := range h {
		e[i] = v - e[i]
	}
	return e
}
