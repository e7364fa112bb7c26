package phase

import (
	"math"
	"testing"
)

// published holds Turner's local cosine on the released medical run (layer 21,
// rank 1, 2506.11613), recomputed from its checkpoints: the table that the
// fixture path.safetensors was planted to have.
var published = map[int]map[int]float64{
	10: {15: -0.9719, 45: -0.9906, 100: -0.9877, 145: -0.9659, 165: -0.9516, 170: -0.9705, 175: -0.9783, 180: -0.9326, 185: -0.8339, 190: -0.8063, 195: -0.8996, 200: -0.9681, 240: -0.9749, 300: -0.9525},
	15: {190: -0.6914},
	20: {180: -0.8051, 185: -0.6589, 190: -0.6156, 195: -0.7088, 200: -0.8401},
	40: {165: -0.7896, 170: -0.7876, 175: -0.7417, 180: -0.6593, 185: -0.5810, 190: -0.5470, 195: -0.5667, 200: -0.6181, 240: -0.7945, 300: -0.7592},
}

var publishedNormalised = map[int]map[int]float64{
	10: {15: -0.4318, 45: -0.9052, 100: -0.9776, 145: -0.9523, 165: -0.9489, 170: -0.9681, 175: -0.9706, 180: -0.9072, 185: -0.7695, 190: -0.7391, 195: -0.8778, 200: -0.9668, 240: -0.9698, 300: -0.9469},
	40: {45: -0.5630, 100: -0.8337, 145: -0.6240, 165: -0.7458, 170: -0.7297, 175: -0.6564, 180: -0.5462, 185: -0.4539, 190: -0.4230, 195: -0.4586, 200: -0.5328, 240: -0.7568, 300: -0.7390},
}

// goldenRun writes the fixture as a PEFT series: saved at 1, 2, …, 10, then every
// 5 steps, and at 792, off that grid.
func goldenRun(t *testing.T) string {
	v, shape := testTensor(t, "path.safetensors", "b")
	var steps []int
	for s := 1; s <= 10; s++ {
		steps = append(steps, s)
	}
	for s := 15; s <= 790; s += 5 {
		steps = append(steps, s)
	}
	steps = append(steps, 792)
	if len(steps) != shape[0] {
		t.Fatalf("the fixture has %d rows, expected %d", shape[0], len(steps))
	}
	return rankOne(t, steps, v)
}

// TestGoldenTable has the published table, transition and signs.
func TestGoldenTable(t *testing.T) {
	r := analyse(t, goldenRun(t), Options{NoHashes: true})
	if r.Spacing != 5 || len(r.Checkpoints) != 167 {
		t.Fatalf("spacing %d, %d checkpoints", r.Spacing, len(r.Checkpoints))
	}
	rows := map[int]ModuleRow{}
	for _, c := range r.Checkpoints {
		rows[c.Step] = c.Modules[0]
	}
	// The fixture was fitted to the table; step 45 at k = 10 is its worst entry,
	// off by 0.0034, the rest by 0.0011 at most.
	const tol = 3.5e-3
	worst := 0.0
	check := func(what string, k, step int, deg Number, want float64) {
		got := -math.Cos(float64(deg) * math.Pi / 180)
		worst = max(worst, math.Abs(got-want))
		if !(math.Abs(got-want) <= tol) {
			t.Errorf("%s k = %d, step %d: C = %.4f, published %.4f", what, k, step, got, want)
		}
	}
	for k, table := range published {
		for step, want := range table {
			check("raw", k, step, rows[step].Turn[k], want)
		}
	}
	for k, table := range publishedNormalised {
		for step, want := range table {
			check("normalised", k, step, rows[step].Normalised[k], want)
		}
	}
	t.Logf("worst difference of a cosine %.2g", worst)
	medians := map[int]float64{10: -0.9749, 20: -0.9189, 40: -0.8508}
	last := map[int]int{10: 335, 20: 435, 40: 580}
	for _, s := range r.Modules[0].Turns {
		t.Logf("k = %d: argmax %d (%.1f°), Turner max %.4f, ARENA min %.4f, median %.1f°, kept %d, first dropped %v", s.K, s.ArgmaxStep, float64(s.MaxDeg), float64(s.Turner), float64(s.ARENA), float64(s.MedianDeg), s.Kept, s.Dropped[:min(3, len(s.Dropped))])
		if s.ArgmaxStep != 190 || !s.TakesPart {
			t.Errorf("k = %d: argmax at %d, published 190", s.K, s.ArgmaxStep)
		}
		if s.Turner != -s.ARENA || math.Abs(float64(s.Turner)-published[s.K][190]) > tol {
			t.Errorf("k = %d: Turner %v, ARENA %v", s.K, s.Turner, s.ARENA)
		}
		if want, ok := medians[s.K]; ok {
			if got := -math.Cos(float64(s.MedianDeg) * math.Pi / 180); math.Abs(got-want) > 5e-3 {
				t.Errorf("k = %d: median C %.4f, published %.4f", s.K, got, want)
			}
			kept := 0
			for step, row := range rows {
				if row.Turn[s.K].OK() {
					kept = max(kept, step)
				}
			}
			if abs(kept-last[s.K]) > 5 {
				t.Errorf("k = %d: last kept step %d, published %d", s.K, kept, last[s.K])
			}
		}
	}
	if a := r.Modules[0].Turns[1]; a.K != 15 || math.Abs(float64(a.ARENA)-0.6914) > tol {
		t.Errorf("ARENA prints 0.6914 at step 190 for k = 15, found %v", a.ARENA)
	}
	got := turnsOf(r)
	if len(got) != 1 || abs(got[0].Step-190) > 5 {
		t.Fatalf("events %v, expected one at 190", got)
	}
	t.Logf("%v; PC2 turns at %d, a featureless arc at %d", got[0], r.PCA.PC2Extremum.Step, r.PCA.PC2Extremum.FeaturelessArc)
}

// TestStepsNotIndices knows what looking neighbours up by index would give: at
// the dense start it is another number.
func TestStepsNotIndices(t *testing.T) {
	r := analyse(t, goldenRun(t), Options{NoHashes: true, Rule: RuleB, Ks: []int{2, 5, 10}})
	for _, c := range r.Checkpoints {
		deg := c.Modules[0].Turn
		for _, k := range []int{2, 5, 10} {
			_, left := has(r, c.Step-k)
			_, right := has(r, c.Step+k)
			if deg[k].OK() != (left && right) {
				t.Errorf("step %d, k = %d: angle %v, neighbours %v and %v", c.Step, k, deg[k], left, right)
			}
		}
	}
	if c, _ := has(r, 8); !c.Modules[0].Turn[2].OK() || c.Modules[0].Turn[10].OK() {
		t.Errorf("step 8 has neighbours at 6 and 10 only: %v", c.Modules[0].Turn)
	}
	if c, _ := has(r, 792); c.Modules[0].Turn[2].OK() || c.Modules[0].Turn[5].OK() {
		t.Errorf("step 792 has no neighbour: %v", c.Modules[0].Turn)
	}
}

func has(r *Report, step int) (CheckpointRow, bool) {
	for _, c := range r.Checkpoints {
		if c.Step == step {
			return c, true
		}
	}
	return CheckpointRow{}, false
}

// TestFilterRules compares the absolute rules with the relative one.
func TestFilterRules(t *testing.T) {
	run := goldenRun(t)
	kept := func(o Options) []int {
		o.NoHashes = true
		var out []int
		for _, s := range analyse(t, run, o).Modules[0].Turns {
			if out = append(out, s.Kept); s.Kept+len(s.Dropped) < 140 {
				t.Errorf("k = %d: kept %d and dropped %d do not add up", s.K, s.Kept, len(s.Dropped))
			}
		}
		return out
	}
	relative, b, all := kept(Options{}), kept(Options{Rule: RuleB, Tau: 0.0035}), kept(Options{Rule: RuleB})
	turner := kept(Options{Rule: RuleTurner, Tau: 0.0035})
	for i := range relative {
		// 0.028·0.1257 = 0.00352
		if abs(relative[i]-b[i]) > 3 || b[i] >= all[i] || turner[i] != b[i] {
			t.Errorf("kept %v relative, %v by B, %v by A and B (A stands still), %v without a filter", relative, b, turner, all)
		}
	}
}
