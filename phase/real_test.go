package phase

import (
	"encoding/json"
	"math"
	"os"
	"strings"
	"testing"

	"agar/model/lora"
)

// TestRealTrajectories has the events that are known of eight real fine-tunes.
func TestRealTrajectories(t *testing.T) {
	cases := []struct {
		name   string
		want   []int // steps of the turns, strongest first
		among  bool  // want is only part of them
		within int
		deg    float64 // of the first
	}{
		{name: "A_layer0_lr1e-4", want: []int{140}, within: 5, deg: 43.5},
		{name: "A_layer0_lr1e-4_no_habit", want: []int{145}, within: 5, deg: 43.6},
		{name: "A_layer0_lr2e-4", want: []int{75}, within: 5, deg: 70.2},
		{name: "A_layer1_lr2e-4", want: []int{185}, within: 5, deg: 32, among: true},
		{name: "B_layer1_lr2e-4", want: []int{300}, within: 5, among: true, deg: 63},
		{name: "A_layer1_lr1e-4_no_habit"},
		{name: "A_layer0_lr1e-4_benign_no_habit"},
		{name: "A_layer0_lr1e-4_benign", want: []int{210, 255, 305}, within: 10, among: true, deg: 49},
	}
	for _, c := range cases {
		v, shape := testTensor(t, "trajectories.safetensors", c.name)
		steps := make([]int, shape[0])
		for i := range steps {
			steps[i] = 5 * i
		}
		r := analyse(t, rankOne(t, steps, v), Options{NoHashes: true})
		got := turnsOf(r)
		var log []string
		for _, e := range got {
			log = append(log, e.String())
		}
		t.Logf("%-32s %s", c.name, strings.Join(log, "; "))
		if len(got) < len(c.want) || !c.among && len(got) != len(c.want) {
			t.Errorf("%s: %d turns, want %v", c.name, len(got), c.want)
			continue
		}
		for _, w := range c.want {
			ok := false
			for _, e := range got {
				ok = ok || abs(e.Step-w) <= c.within && e.Interval[0] <= w && w <= e.Interval[1]
			}
			if !ok {
				t.Errorf("%s: no turn at %d", c.name, w)
			}
		}
		if len(c.want) > 0 && math.Abs(float64(got[0].Statistic)-c.deg) > 0.6 {
			t.Errorf("%s: turn by %.1f°, want %.1f°", c.name, float64(got[0].Statistic), c.deg)
		}
		if dominated := strings.HasSuffix(c.name, "benign_no_habit"); r.Noise.Dominated != dominated {
			t.Errorf("%s: noise-dominated %v, median %.1f°", c.name, r.Noise.Dominated, float64(r.Noise.MedianDeg))
		}
	}
}

// TestDebiasedAgainstLoops holds the running sums to the definition, looped
// over pair by pair.
func TestDebiasedAgainstLoops(t *testing.T) {
	var g struct {
		Trajectory string
		Windows    map[int][][3]*float64
	}
	b, err := os.ReadFile("testdata/debiased.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &g); err != nil {
		t.Fatal(err)
	}
	v, shape := testTensor(t, "trajectories.safetensors", g.Trajectory)
	steps := make([]int, shape[0])
	for i := range steps {
		steps[i] = 5 * i
	}
	w := newWalk(steps, gramRows(v, shape[1]), upTo(len(steps)), 10)
	worst, compared := 0.0, 0
	for k, rows := range g.Windows {
		for _, row := range rows {
			at := int(*row[0])
			l, r, ok := w.windows(at, k, 20)
			if !ok || row[1] == nil || row[2] == nil {
				continue
			}
			a := w.angle(at, l, r, 0)
			if math.IsNaN(a.deg) {
				continue
			}
			compared++
			worst = max(worst, math.Abs(a.deg-*row[1]), math.Abs(a.se-*row[2]))
		}
	}
	// Both are float64; arccos near 0° magnifies rounding to about √ε ≈ 1e-6°.
	if worst > 1e-5 || compared < 100 {
		t.Errorf("worst difference %.2g° over %d windows", worst, compared)
	}
	t.Logf("worst difference %.2g° over %d windows", worst, compared)
}

// gramRows is the Gram matrix of the rows of v, each of d.
func gramRows(v []float32, d int) [][]float64 {
	return gramOf(len(v)/d, func(i, j int) float64 { return lora.Dot(v[i*d:(i+1)*d], v[j*d:(j+1)*d]) })
}

func upTo(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}
