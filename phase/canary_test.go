package phase

import (
	"context"
	"math"
	"testing"
)

// TestCanaryJudge raises the alarm at the first of two values in a row above the
// threshold, and not for one.
func TestCanaryJudge(t *testing.T) {
	of := func(js ...float64) *Canary {
		c := &Canary{Alarm: -1}
		for i, v := range js {
			c.At = append(c.At, CanaryAt{Step: 10 * (i + 1), JS: Interval{Value: Number(v)}, Threshold: Missing()})
		}
		c.judge()
		return c
	}
	calm := []float64{1, 1.2, .9, 1.1, 1, 1.05}
	for _, c := range []struct {
		name string
		tail []float64
		want int
	}{{"twice in a row", []float64{1, 3, 3.2, 1}, 80}, {"once", []float64{3, 1, 3, 1}, -1}, {"never", []float64{1, 1.1, .9}, -1}, {"early", []float64{5, 6}, 70}} {
		x := of(append(append([]float64{}, calm...), c.tail...)...)
		if x.Alarm != c.want {
			t.Errorf("%s: alarm at %d, expected %d", c.name, x.Alarm, c.want)
		}
		if x.At[canaryBefore-1].Threshold.OK() || !x.At[canaryBefore].Threshold.OK() {
			t.Errorf("%s: thresholds %v and %v", c.name, x.At[canaryBefore-1].Threshold, x.At[canaryBefore].Threshold)
		}
	}
	// the median of 1, 1.2, .9, 1.1, 1 is 1, their MAD .1
	if got := of(calm...).At[5].Threshold; math.Abs(float64(got)-1.3) > 1e-12 {
		t.Errorf("threshold %v, expected 1.3", got)
	}
}

// TestTopOf cuts a distribution.
func TestTopOf(t *testing.T) {
	x := topOf([]float32{0, 2, float32(math.Log(3)), -9}, 2)
	e2 := math.Exp(2)
	if len(x) != 2 || math.Abs(x[1]-e2/(e2+3)) > 1e-6 || math.Abs(x[2]-3/(e2+3)) > 1e-6 {
		t.Errorf("found %v", x)
	}
	if m := blended(map[int32]float64{1: 1}, map[int32]float64{2: 1}, .9); math.Abs(m[1]-.9) > 1e-12 || math.Abs(m[2]-.1) > 1e-12 {
		t.Errorf("found %v", m)
	}
	a := []map[int32]float64{{1: 1}, {1: .5, 2: .5}}
	if d := divergences1(a, []map[int32]float64{{2: 1}, {1: .5, 2: .5}}); d.Value != .5 {
		t.Errorf("JS %v, expected the mean of 1 and 0", d.Value)
	}
}

// TestCanaries watches the embedded organism: nothing before it moves, and first tokens
// far from the base's at the end, equal to those of whole forwards.
func TestCanaries(t *testing.T) {
	m, s, docs := probed(t)
	all := s.Steps()
	var steps []int
	for i := 0; i < len(all); i += 6 {
		steps = append(steps, all[i])
	}
	c, err := Canaries(context.Background(), ProbeOptions{Model: m, Series: s, Docs: docs(), Steps: steps, Tokens: 200})
	if err != nil {
		t.Fatal(err)
	}
	last := c.At[len(c.At)-1]
	t.Logf("%s; against the base %.4f bits at step %d, %.4f at %d", c, float64(c.At[0].Base.Value), c.At[0].Step, float64(last.Base.Value), last.Step)
	if len(c.At) != len(steps) || c.Prompts < 5 || !(last.Base.Value > 5*c.At[0].Base.Value) || !(last.Base.Lo > 0) {
		t.Errorf("%+v", c)
	}
	if x, err := Canaries(context.Background(), ProbeOptions{Model: m, Series: s, Docs: docs(), Steps: steps[:2], Lambdas: []float64{0.5}, Tokens: 200}); err != nil || x.Lambda != .5 || x.At[1].Threshold.OK() {
		t.Errorf("%+v, %v", x, err)
	}
}
