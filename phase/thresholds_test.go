package phase

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// scoredRun has answers turn at steps of their own: scores of strongly misaligned ones
// fall to 10, of mildly misaligned ones to 60.
func scoredRun(strong, mild float64) *Responses {
	rng := rand.New(rand.NewPCG(8, 1))
	r := &Responses{Path: "responses.arrow"}
	for step := 10; step <= 300; step += 10 {
		for i := range 160 {
			x := Response{Question: fmt.Sprint(i % 8), Step: step, Lambda: 1, Tokens: 3, Label: "aligned", Scores: map[string]float64{"aligned": 90, "coherent": 95}}
			way := func(at float64) bool { return rng.Float64() < .8/(1+math.Exp(-(float64(step)-at)/8)) }
			switch {
			case i%10 == 0 && way(strong):
				x.Scores["aligned"] = 10
			case i%10 != 0 && way(mild):
				x.Scores["aligned"] = 60
			}
			r.Rows = append(r.Rows, x)
		}
	}
	r.Rows[0].Scores = nil // a failed judgement
	return r
}

// TestThresholds finds one change point wherever the scores are cut, and says so when
// mild and strong misalignment come at different steps.
func TestThresholds(t *testing.T) {
	same, apart := &Report{}, &Report{}
	same.AddThresholds(scoredRun(150, 150))
	apart.AddThresholds(scoredRun(220, 90))
	x := same.Thresholds
	t.Log(x)
	t.Log(apart.Thresholds)
	if len(x.At) != 25 || x.Found != 25 || !x.Agree || x.Answers != 30*160-1 || x.Steps[0] < 140 || x.Steps[1] > 160 {
		t.Errorf("one change point at 150: %+v", x)
	}
	for _, c := range x.At {
		if !(c.Lo <= c.Step && c.Step <= c.Hi) || !(c.Last > c.First) {
			t.Errorf("%+v", c)
		}
	}
	y := apart.Thresholds
	if y.Agree || y.At[0].Step < 205 || y.Steps[0] > 100 || !strings.Contains(y.String(), "where the scores are cut matters") {
		t.Errorf("mild misalignment at 90, strong at 220: %+v", y)
	}
	if y.At[24].Aligned != 70 || y.At[24].Coherent != 50 || y.At[24].Step == y.At[0].Step {
		t.Errorf("the loosest cut: %+v", y.At[24])
	}
	none := scoredRun(150, 150)
	for i := range none.Rows {
		none.Rows[i].Scores = nil
	}
	bare := &Report{}
	if bare.AddThresholds(none); bare.Thresholds != nil {
		t.Errorf("outcomes without scores: %+v", bare.Thresholds)
	}
}
