package stats

import (
	"math"
	"testing"
)

func near(t *testing.T, what string, got, want, tol float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tol) {
		t.Errorf("%s: found %.6g, expected %.6g", what, got, want)
	}
}

// 10 of 100 by the formula, and 1 − 0.05^{1/n} at the ends.
func TestWilson(t *testing.T) {
	i := Wilson(10, 100)
	near(t, "lo", i.Lo, 0.0552291, 1e-6)
	near(t, "hi", i.Hi, 0.1743657, 1e-6)
	i = Wilson(0, 200)
	near(t, "lo at zero", i.Lo, 0, 0)
	near(t, "hi at zero", i.Hi, 0.0148670, 1e-6)
	i = Wilson(200, 200)
	near(t, "lo at all", i.Lo, 1-0.0148670, 1e-6)
	if i := Wilson(0, 0); !math.IsNaN(i.Lo) {
		t.Errorf("an interval of nothing: %v", i)
	}
}

func TestClusterRateByHand(t *testing.T) {
	s := ClusterRate([]int{2, 4, 0}, []int{10, 10, 0})
	// means 0.2 and 0.4: p = 0.3, SE = sd/√2 = 0.1; D = 0.01·20/0.21 → 1.
	near(t, "value", s.Value, 0.3, 1e-12)
	near(t, "design effect", s.DesignEffect, 1, 0)
	if s.N != 20 || s.Groups != 2 || s.Hits != 6 {
		t.Errorf("found %+v", s)
	}
	if w := Wilson(6, 20); s.Lo > w.Lo || s.Hi < w.Hi {
		t.Errorf("interval %v is inside of Wilson's %v", s.Interval, w)
	}
	if s := ClusterRate([]int{0, 0}, []int{25, 25}); s.Lo != 0 || !(s.Hi > Wilson(0, 50).Hi) || !math.IsNaN(s.DesignEffect) {
		t.Errorf("zero counts: %+v", s)
	}
	if s := ClusterRate(nil, nil); !math.IsNaN(s.Value) || !math.IsNaN(s.Lo) {
		t.Errorf("nothing: %+v", s)
	}
}

// Values of one cluster each give the textbook interval; repeating every value in
// its cluster changes nothing.
func TestClusterMean(t *testing.T) {
	m := ClusterMean([]float64{1, 2, 3, 4}, nil)
	near(t, "mean", m.Value, 2.5, 1e-12)
	near(t, "se", m.SE, math.Sqrt(5./3/4), 1e-12)
	near(t, "lo", m.Lo, 2.5-3.182446305*m.SE, 1e-6)
	twice := ClusterMean([]float64{1, 1, 2, 2, 3, 3, 4, 4}, []string{"a", "a", "b", "b", "c", "c", "d", "d"})
	near(t, "clustered lo", twice.Lo, m.Lo, 1e-12)
	if twice.N != 8 || twice.Groups != 4 {
		t.Errorf("found %+v", twice)
	}
	if m := ClusterMean([]float64{1, 2}, []string{"a", "a"}); m.Value != 1.5 || !math.IsNaN(m.Lo) {
		t.Errorf("one cluster: %+v", m)
	}
}

// A 2×2 table has a closed form: the slope is the log of the odds ratio, its
// variance without clusters the sum of the reciprocal counts.
func TestLogisticOfATable(t *testing.T) {
	var x []float64
	var y []bool
	var of []string
	for _, c := range []struct {
		x float64
		y bool
		n int
	}{{0, false, 40}, {0, true, 10}, {1, false, 20}, {1, true, 30}} {
		for range c.n {
			x, y, of = append(x, c.x), append(y, c.y), append(of, string(rune(len(x))))
		}
	}
	l, ok := FitLogistic(x, y, of)
	if !ok {
		t.Fatal("no fit")
	}
	near(t, "slope", l.Slope, math.Log(30./20)-math.Log(10./40), 1e-8)
	near(t, "se", l.SE, math.Sqrt((1./40+1./10+1./20+1./30)*100/99), 1e-8)
	p, i := l.At(1) // one group of 50 alone: logit 0.6 ± t·√(1/20 + 1/30)
	near(t, "p at 1", p, 0.6, 1e-8)
	near(t, "hi at 1", i.Hi, sigmoid(math.Log(30./20)+tQuantile(99)*math.Sqrt((1./20+1./30)*100/99)), 1e-8)
	if _, ok := FitLogistic([]float64{0, 1}, []bool{false, true}, []string{"a", "b"}); ok {
		t.Error("separated data have a fit")
	}
}

// Cohen's own arrangement: 50 pairs, κ = 0.4.
func TestKappa(t *testing.T) {
	a := Agreement{Both: 20, Only: 5, Missed: 10, Neither: 15}
	k, i := a.Kappa()
	near(t, "kappa", k, 0.4, 1e-12)
	near(t, "lo", i.Lo, 0.4-2.0096*0.1293, 0.02) // asymptotic SE 0.129
	if hits, n := a.Precision(); hits != 20 || n != 25 {
		t.Errorf("precision %d of %d", hits, n)
	}
	if hits, n := a.Recall(); hits != 20 || n != 30 {
		t.Errorf("recall %d of %d", hits, n)
	}
	if k, _ := (Agreement{Neither: 5}).Kappa(); !math.IsNaN(k) {
		t.Errorf("no variation: κ = %g", k)
	}
	if c := Compare([]bool{true, true, false, false}, []bool{true, false, true, false}); c != (Agreement{1, 1, 1, 1}) {
		t.Errorf("compared %+v", c)
	}
}
