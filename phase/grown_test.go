package phase

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"agar/model"
	"agar/model/organism/algorithmic"
	"agar/model/stats"
	"agar/model/train"
)

// grownVar has the recipes of algorithmic run in full, three seeds each; with a
// directory as its value they are kept there.
const grownVar = "AGAR_GROWN"

// growAll runs a recipe with seeds 0, 1 and 2, as many at once as there are cores.
func growAll(t *testing.T, recipe string) []*Report {
	if os.Getenv(grownVar) == "" {
		t.Skipf("%s is not set", grownVar)
	}
	out := make([]*Report, 3)
	t.Run("runs", func(t *testing.T) {
		for seed := range out {
			t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
				t.Parallel()
				out[seed] = grow(t, recipe, uint64(seed))
			})
		}
	})
	if slices.Contains(out, nil) {
		t.FailNow()
	}
	return out
}

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
// computed later; the restricted and the excluded loss move before the accuracy on
// new pairs in each, beyond what their intervals leave open, and by at least 20 % of
// the run in the mean. What the other measures do is printed, and by how much they
// would lead with shares of moves counted in nats.
func TestGrokkingInFull(t *testing.T) {
	leads, order := map[string][]float64{}, []string{}
	add := func(name string, share float64) {
		if len(leads[name]) == 0 {
			order = append(order, name)
		}
		leads[name] = append(leads[name], share)
	}
	for seed, rep := range growAll(t, "grokking") {
		p := rep.Progress
		fresh := p.move(newAccuracy)
		if m := p.move("train_accuracy"); m == nil || fresh == nil || m.Step >= fresh.Step || fresh.End < .9 {
			t.Fatalf("seed %d: training accuracy %+v, accuracy on new pairs %+v, expected the first to rise before the second, and that to 0.9", seed, m, fresh)
		}
		for _, l := range p.Leads {
			if l.Reference != newAccuracy {
				continue
			}
			add(l.Measure, float64(l.Share))
			if (l.Measure == "restricted_loss" || l.Measure == "excluded_loss") && l.Interval[0] <= 0 {
				t.Errorf("seed %d: %s leads by %d steps (%d to %d), expected more than 0", seed, l.Measure, l.Lead, l.Interval[0], l.Interval[1])
			}
		}
		for _, name := range []string{"excluded_loss", "restricted_loss", "restricted_held_out_loss"} {
			m := p.Measure(name)
			add(name+" up to chance, in nats", float64(fresh.Step-half(m, math.Log(53)))/float64(p.Last))
			add(name+" in nats", float64(fresh.Step-half(m, math.Inf(1)))/float64(p.Last))
		}
	}
	for _, name := range order {
		t.Logf("%s leads by %s of the run, by seed %.3f", name, meanSpread(leads[name]), leads[name])
		if (name == "restricted_loss" || name == "excluded_loss") && mean(leads[name]) < .2 {
			t.Errorf("%s leads by %.0f %% of the run in the mean, expected at least 20 %%", name, 100*mean(leads[name]))
		}
	}
}

// half is the step from which on the move of a measure that counts has made more
// than half of its way in nats, values above a ceiling taken for it.
func half(m *ProgressMeasure, ceiling float64) int {
	x := m.counting()[0]
	var y []float64
	for _, v := range m.Values {
		y = append(y, float64(v))
	}
	y = running(y, smoothPoints, stats.Median)
	for i := range y {
		y[i] = min(y[i], ceiling)
	}
	a, b := slices.Index(m.Steps, x.From), slices.Index(m.Steps, x.To)
	w := moving{smooth: y, a: a, b: b, up: y[b] > y[a]}
	return m.Steps[w.after((y[a]+y[b])/2)]
}

// TestDoubleDescentInFull: with 15 % wrong labels the test error falls, rises and falls
// below its first minimum, on three seeds.
func TestDoubleDescentInFull(t *testing.T) {
	for seed, rep := range growAll(t, "double-descent") {
		p := rep.Progress
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
