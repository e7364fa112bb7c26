package phase

import (
	"context"
	"math"
	"testing"
)

// TestModelKL holds the divergence and its gradient to differences.
func TestModelKL(t *testing.T) {
	at := func(x []float32) float64 { return modelKL(append([]float32(nil), x...), []float32{.3, -1, .7, 0}) }
	x := []float32{1, -.5, .2, 2}
	g := append([]float32(nil), x...)
	if kl := modelKL(g, []float32{.3, -1, .7, 0}); !(kl > 0) || modelKL(append([]float32(nil), x...), x) > 1e-12 {
		t.Errorf("KL %g", kl)
	}
	for j := range x {
		const h = 1e-2
		up, down := append([]float32(nil), x...), append([]float32(nil), x...)
		up[j] += h
		down[j] -= h
		if d := (at(up) - at(down)) / (2 * h); math.Abs(d-float64(g[j])) > 1e-4 {
			t.Errorf("gradient %d is %g, differences give %g", j, g[j], d)
		}
	}
}

// TestSignificances deals the KL of the embedded organism's answers out to their tokens:
// nothing is lost, and the base has none to deal out.
func TestSignificances(t *testing.T) {
	m, s, docs := probed(t)
	steps := middleAndEnd(s)
	o := ProbeOptions{Model: m, Series: s, Docs: docs(), Steps: steps, Tokens: 150}
	x, err := Significances(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(x)
	shares, n := Number(0), 0
	for _, k := range x.ByToken {
		shares, n = shares+k.Share, n+k.Count
	}
	if x.Step != steps[1] || !(x.KL > 0) || x.Tokens < 100 || len(x.ByToken) < significantTokens && math.Abs(float64(shares)-1) > 1e-6 || shares > 1+1e-6 || n > x.Tokens {
		t.Errorf("shares %v of %d tokens: %+v", shares, n, x)
	}
	o.Docs = docs()
	d, err := Diverge(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	if mean := float64(d.At[1].KLModelBase.Value) * float64(d.Tokens); math.Abs(mean/float64(x.KL)-1) > 1e-3 {
		t.Errorf("total KL %v, --kl gives %g", x.KL, mean)
	}
	w := window{ids: []int32{1, 5, 9, 7, 3}, count: []bool{false, false, true, true, true}}
	a, err := o.attach(steps[1])
	if err != nil {
		t.Fatal(err)
	}
	values, total, err := significance(context.Background(), m, a, 0, w)
	if err != nil || total > 1e-9 || sum(values) > 1e-9 {
		t.Errorf("the base against itself: %g nats, %v, %v", total, values, err)
	}
}
