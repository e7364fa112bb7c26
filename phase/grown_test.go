package phase

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"agar/model"
	"agar/model/organism/algorithmic"
	"agar/model/train"
)

// grownVar has the recipes of algorithmic run in full, three seeds each; with a
// directory as its value they are kept there.
const grownVar = "AGAR_GROWN"

// grow runs a recipe with a seed and reports on it.
func grow(t *testing.T, recipe string, seed uint64) *Report {
	t.Helper()
	dir := t.TempDir()
	if keep := os.Getenv(grownVar); filepath.IsAbs(keep) {
		dir = filepath.Join(keep, fmt.Sprintf("%s-%d", recipe, seed))
	}
	task, c, _ := algorithmic.Recipe(recipe)
	task.Seed = seed
	task = task.Defaults()
	base := filepath.Join(dir, algorithmic.BaseDir)
	if err := task.WriteModel(base); err != nil {
		t.Fatal(err)
	}
	m, err := model.Open(base, model.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	rec, err := algorithmic.NewRecorder(task, dir)
	if err != nil {
		t.Fatal(err)
	}
	_, sum, err := rec.Run(context.Background(), m, c, train.Options{})
	if err != nil {
		t.Fatal(err)
	}
	rep, err := AnalyseMeasures(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s, seed %d: key frequencies %v hold %.2f of the variance, test accuracy %.3f, loss %.4f", recipe, seed, sum.Keys, total(sum.KeyShares), sum.TestAccuracy, sum.TestLoss)
	for _, e := range rep.Events {
		t.Logf("  %s", e)
	}
	return rep
}

func total(x []float64) (s float64) {
	for _, v := range x {
		s += v
	}
	return s
}

// meanSpread is the mean and the standard deviation of values.
func meanSpread(x []float64) string {
	m, s := mean(x), 0.0
	for _, v := range x {
		s += (v - m) * (v - m)
	}
	return fmt.Sprintf("%.3g ± %.2g", m, math.Sqrt(s/float64(max(len(x)-1, 1))))
}

// TestGrokkingInFull: on three seeds modular addition is memorised first and
// computed later, and the restricted loss moves at least 20 % of the run before the
// accuracy on new pairs. What the other measures do is printed.
func TestGrokkingInFull(t *testing.T) {
	if os.Getenv(grownVar) == "" {
		t.Skipf("%s is not set", grownVar)
	}
	shares, steps, begins := map[string][]float64{}, map[string][]float64{}, map[string][]float64{}
	var order []string
	for seed := range uint64(3) {
		p := grow(t, "grokking", seed).Progress
		fresh := p.move(newAccuracy)
		if m := p.move("train_accuracy"); m == nil || fresh == nil || m.Step >= fresh.Step || fresh.End < .95 {
			t.Fatalf("seed %d: training accuracy %+v, accuracy on new pairs %+v, expected the first to rise before the second, and that to 0.95", seed, m, fresh)
		}
		for _, l := range p.Leads {
			name := l.Measure + " before " + l.Reference
			if len(shares[name]) == 0 {
				order = append(order, name)
			}
			shares[name], steps[name] = append(shares[name], float64(l.Share)), append(steps[name], float64(l.Lead))
			begins[name] = append(begins[name], float64(l.BeginShare))
			if l.Measure == "restricted_loss" && l.Reference == newAccuracy && l.Share < .2 {
				t.Errorf("seed %d: restricted_loss leads by %.0f %% of the run, expected at least 20 %%", seed, 100*float64(l.Share))
			}
		}
	}
	for _, name := range order {
		t.Logf("lead of %s: %s steps, %s of the run, by seed %.3f; begins earlier by %s, %.3f", name, meanSpread(steps[name]), meanSpread(shares[name]), shares[name], meanSpread(begins[name]), begins[name])
	}
}

// TestDoubleDescentInFull: with 15 % wrong labels the test error falls, rises and falls
// below its first minimum, on three seeds.
func TestDoubleDescentInFull(t *testing.T) {
	if os.Getenv(grownVar) == "" {
		t.Skipf("%s is not set", grownVar)
	}
	for seed := range uint64(3) {
		p := grow(t, "double-descent", seed).Progress
		seen := false
		for _, d := range p.Descents {
			t.Logf("  %s: %.3g at %d, falls to %.3g at %d, rises to %.3g at %d, falls to %.3g at %d", d.Measure, float64(d.Values[0]), d.Steps[0],
				float64(d.Values[1]), d.Steps[1], float64(d.Values[2]), d.Steps[2], float64(d.Values[3]), d.Steps[3])
			seen = seen || d.Measure == "test_error" && d.Lower
		}
		if !seen {
			t.Errorf("seed %d: the accuracy on the test moves %v, expected up, down and further up", seed, p.Measure(testAccuracy).Moves)
		}
	}
}
