package phase

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"agar/model/train"
)

// way is 0 before and 1 after step at, over about width steps.
func way(step int, at, width float64) float64 { return 1 / (1 + math.Exp(-(float64(step)-at)/width)) }

// grokked are measures of a run of 1,000 steps that memorises at step 60, forms the
// algorithm at 300 and shows it on the test at 600.
func grokked(noise float64, r *rand.Rand) (rows []train.Measures) {
	for step := 0; step <= 1000; step += 10 {
		n := func() float64 { return noise * r.NormFloat64() }
		rows = append(rows, train.Measures{Step: step, Values: map[string]float64{
			"train_loss":      4*(1-way(step, 60, 10)) + n(),
			"excluded_loss":   4*(1-way(step, 60, 10)) + 3*way(step, 350, 25) + n(),
			"restricted_loss": 4*(1-way(step, 300, 30)) + n(),
			"test_loss":       4 + 1.5*way(step, 100, 15) - 5.4*way(step, 580, 30) + n(),
			"test_accuracy":   0.02 + 0.97*way(step, 600, 20) + n()/10,
			"weight_norm":     30 + n(),
		}})
	}
	return rows
}

func TestMeasuresOfAGrokkedRun(t *testing.T) {
	r := &Report{}
	if err := r.AddMeasures("measures.jsonl", grokked(0.03, rand.New(rand.NewPCG(1, 1)))); err != nil {
		t.Fatal(err)
	}
	at := map[string]int{}
	for _, e := range r.Events {
		if e.Kind != KindProgress {
			t.Errorf("event of kind %s", e.Kind)
		}
		at[e.Measure] = e.Step
		if e.Interval[0] > e.Step || e.Interval[1] < e.Step {
			t.Errorf("%s: interval %v without its step %d", e.Measure, e.Interval, e.Step)
		}
	}
	// Of losses the step is where e^(−loss) makes half of its way: restricted_loss
	// falls to 0.675 nats by 348, excluded_loss rises from 0 to 0.644 of 3 by 318.
	for name, want := range map[string]int{"train_loss": 76, "excluded_loss": 318, "restricted_loss": 348, "test_accuracy": 600} {
		if got, ok := at[name]; !ok || got < want-20 || got > want+20 {
			t.Errorf("%s moves at step %d, expected about %d", name, got, want)
		}
	}
	if _, ok := at["weight_norm"]; ok {
		t.Error("weight_norm is an event and only noise")
	}
	leads := map[string]Lead{}
	for _, l := range r.Progress.Leads {
		leads[l.Measure] = l
	}
	if l := leads["restricted_loss"]; l.Lead < 230 || l.Lead > 280 || math.Abs(float64(l.Share)-float64(l.Lead)/1000) > 1e-12 || l.Interval[0] > l.Lead || l.Interval[1] < l.Lead {
		t.Errorf("restricted_loss leads by %+v, expected about 250 steps of 1000", l)
	}
	if len(leads) != 2 || len(r.Progress.Descents) != 0 {
		t.Errorf("found leads of %v and descents %v, expected two and none", leads, r.Progress.Descents)
	}
}

// TestMoveIntervals: the step of half of the way lies in the interval, whatever the
// noise.
func TestMoveIntervals(t *testing.T) {
	for _, noise := range []float64{0, 0.02, 0.1, 0.3} {
		hit := 0
		for seed := range uint64(20) {
			m := progressMeasure("restricted_loss", grokked(noise, rand.New(rand.NewPCG(seed, 7))))
			if all := m.counting(); len(all) == 1 && all[0].Interval[0] <= 348 && all[0].Interval[1] >= 348 {
				hit++
			}
		}
		t.Logf("noise %g: %d of 20 intervals hold the step", noise, hit)
		if hit < 19 {
			t.Errorf("noise %g: %d of 20 intervals hold the step, expected at least 19", noise, hit)
		}
	}
}

// TestScaleOfLosses: how far beyond chance a loss goes on rising does not move its
// step, while that of an unnamed measure moves along.
func TestScaleOfLosses(t *testing.T) {
	for _, end := range []float64{4, 8, 40} {
		var rows []train.Measures
		for step := 0; step <= 1000; step += 10 {
			y := 0.1 + (end-0.1)*float64(step)/1000
			rows = append(rows, train.Measures{Step: step, Values: map[string]float64{"excluded_loss": y, "other": y}})
		}
		loss, other := progressMeasure("excluded_loss", rows), progressMeasure("other", rows)
		if loss.Scale != Probability || other.Scale != Linear || len(loss.Moves) != 1 || len(other.Moves) != 1 {
			t.Fatalf("end %g: found %+v and %+v", end, loss.Moves, other.Moves)
		}
		half := -math.Log((math.Exp(-0.1) + math.Exp(-end)) / 2)
		want := 1000 * (half - 0.1) / (end - 0.1)
		if m := loss.Moves[0]; math.Abs(float64(m.Step)-want) > 20 {
			t.Errorf("end %g: the loss has half of its way at %d, expected %.0f, at %.3f nats", end, m.Step, want, half)
		}
		if m := other.Moves[0]; m.Step < 490 || m.Step > 520 {
			t.Errorf("end %g: the other measure has half of its way at %d, expected 500", end, m.Step)
		}
	}
}

func TestNoMovesInNoise(t *testing.T) {
	moved := 0
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 9))
		var rows []train.Measures
		for step := range 80 {
			rows = append(rows, train.Measures{Step: step, Values: map[string]float64{"gap": rng.NormFloat64()}})
		}
		if m := progressMeasure("gap", rows); len(m.Moves) > 0 {
			moved++
		}
	}
	if moved > 2 {
		t.Errorf("%d of 200 curves of noise move, expected hardly any", moved)
	}
}

func TestDoubleDescent(t *testing.T) {
	curve := func(f func(step int) float64) *Progress {
		rng := rand.New(rand.NewPCG(3, 3))
		var rows []train.Measures
		for step := 0; step <= 1200; step += 20 {
			y := f(step) + 0.02*rng.NormFloat64()
			rows = append(rows, train.Measures{Step: step, Values: map[string]float64{"test_loss": y, "test_accuracy": 1 - y/5}})
		}
		r := &Report{}
		if err := r.AddMeasures("x", rows); err != nil {
			t.Fatal(err)
		}
		return r.Progress
	}
	p := curve(func(s int) float64 { return 4 - 2*way(s, 100, 15) + way(s, 300, 20) - 2.5*way(s, 700, 40) })
	if len(p.Descents) != 2 {
		t.Fatalf("found %d double descents, expected one of the loss and one of the error", len(p.Descents))
	}
	d := p.Descents[0]
	if d.Measure != "test_loss" || !d.Lower || d.Steps[1] < 140 || d.Steps[1] > 260 || d.Steps[2] < 360 || d.Steps[2] > 640 || math.Abs(float64(d.Values[2])-3) > 0.1 {
		t.Errorf("found %+v", d)
	}
	if e := p.Descents[1]; e.Measure != "test_error" || e.Values[3] > e.Values[1] {
		t.Errorf("found %+v", e)
	}
	for name, f := range map[string]func(int) float64{
		"one descent": func(s int) float64 { return 4 - 2*way(s, 300, 50) },
		"overfitting": func(s int) float64 { return 4 - 2*way(s, 100, 15) + way(s, 600, 50) },
	} {
		if got := curve(f).Descents; len(got) > 0 {
			t.Errorf("%s: found %v", name, got)
		}
	}
}

// TestRunOfWholeModels: a run without adapters is reported by its measures and its
// log, and read back as it was written.
func TestRunOfWholeModels(t *testing.T) {
	dir := t.TempDir()
	if _, err := AnalyseMeasures(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without measures: found %v, expected fs.ErrNotExist", err)
	}
	if err := train.WriteMeasures(dir, grokked(0.03, rand.New(rand.NewPCG(1, 1)))); err != nil {
		t.Fatal(err)
	}
	for _, step := range []int{500, 1000} {
		at := filepath.Join(dir, fmt.Sprintf("checkpoint-%d", step))
		if err := os.Mkdir(at, 0o777); err != nil {
			t.Fatal(err)
		}
		log := `{"global_step": 1000, "log_history": [{"step": 500, "loss": 0.5, "grad_norm": 1.5}, {"step": 1000, "loss": 0.25, "grad_norm": 1}]}`
		if err := os.WriteFile(filepath.Join(at, "trainer_state.json"), []byte(log), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	r, err := AnalyseMeasures(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Checkpoints) != 2 || r.Checkpoints[1].Loss != 0.25 || len(r.Modules) != 0 || len(r.Events) == 0 || r.Progress == nil {
		t.Fatalf("found %d checkpoints, modules %v, %d events", len(r.Checkpoints), r.Modules, len(r.Events))
	}
	path := filepath.Join(dir, "phase.arrow")
	if err := r.Write(path); err != nil {
		t.Fatal(err)
	}
	again, err := ReadReport(path)
	if err != nil {
		t.Fatal(err)
	}
	a, _ := json.Marshal(r)
	b, _ := json.Marshal(again)
	if !bytes.Equal(a, b) {
		t.Errorf("read back:\n%s\nexpected:\n%s", b, a)
	}
}

func TestTurningPoints(t *testing.T) {
	for name, c := range map[string]struct {
		y    []float64
		want []int
	}{
		"flat":           {[]float64{1, 1, 1}, nil},
		"small":          {[]float64{0, 0.5, 0}, nil},
		"up":             {[]float64{0, 1, 2, 2}, []int{0, 2}},
		"down, up, down": {[]float64{5, 2, 3, 4.5, 4, 1}, []int{0, 1, 3, 5}},
		"late start":     {[]float64{0.2, 0, 0.3, 2, 1.5}, []int{1, 3}},
	} {
		if got := turningPoints(c.y, 1); !slices.Equal(got, c.want) {
			t.Errorf("%s: found %v, expected %v", name, got, c.want)
		}
	}
}
