package tui

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"agar/model/behaviour"
)

// writeJudged writes the behaviour of writeRun's run at every fourth checkpoint: it
// rises by 2 at step 120.
func writeJudged(t testing.TB, dir string) {
	t.Helper()
	none := behaviour.Missing()
	c := &behaviour.Curve{Model: "tiny", Run: "run", Pairs: "pairs.jsonl"}
	for i, step := range runSteps() {
		if i%4 != 3 {
			continue
		}
		v := -1.0
		if step >= 120 {
			v = 1
		}
		p := behaviour.Point{Step: step, Lambda: 1, Paired: behaviour.Paired{Pairs: 40, LogOdds: behaviour.Rate{Value: v, Lo: v - .2, Hi: v + .2, N: 40}, LogOddsRaw: none}}
		for _, r := range []*behaviour.Rate{&p.Aligned, &p.Misaligned, &p.Mixed, &p.Incoherent, &p.EMAll, &p.EMCoherent, &p.Length.Tokens, &p.Length.TokensEM, &p.Length.TokensOther, &p.Length.Slope, &p.Length.EMAdjusted} {
			*r = none
		}
		c.Points = append(c.Points, p)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := c.Write(dir); err != nil {
		t.Fatal(err)
	}
}

// TestJudgedIsAPath opens behaviour by itself, beside a run and beside a report.
func TestJudgedIsAPath(t *testing.T) {
	dir := t.TempDir()
	makeArtefacts(t, dir)
	writeJudged(t, filepath.Join(dir, "judged"))
	for _, c := range []struct {
		names   []string
		modules bool
	}{{[]string{"judged"}, false}, {[]string{"run", "judged"}, true}, {[]string{"phase.arrow", "judged"}, true}} {
		var paths []string
		for _, n := range c.names {
			paths = append(paths, filepath.Join(dir, n))
		}
		src, err := openPaths(paths)
		if err != nil {
			t.Fatalf("%v: %v", c.names, err)
		}
		if firstScreen(src) != screenPhase {
			t.Errorf("%v: the first screen is not the scrubber", c.names)
		}
		p, err := src.Phase.Phase(context.Background(), PhaseQuery{})
		if err != nil {
			t.Fatalf("%v: %v", c.names, err)
		}
		if len(p.Behaviour) != 1 || p.Behaviour[0].Name != "log_odds" || len(p.Behaviour[0].Steps) != 10 || (len(p.Modules) > 0) != c.modules {
			t.Errorf("%v: %d curves, modules %v", c.names, len(p.Behaviour), p.Modules)
		}
		if !slices.ContainsFunc(p.Events, func(e Event) bool { return e.Kind == kindBehaviour && e.Step > 95 && e.Step <= 125 }) {
			t.Errorf("%v: no change of behaviour among %+v", c.names, p.Events)
		}
		src.close()
	}
}

// TestHeldCurve draws what is judged at some checkpoints as steps, so that the line at
// the cursor is the number beside it, which names the step it was judged at.
func TestHeldCurve(t *testing.T) {
	steps := []int{0, 10, 20, 30, 40, 50}
	c := chart{steps: steps}
	l := c.held(series{steps: []int{10, 40}, ys: []float64{1, 5}, lo: []float64{0, 4}, hi: []float64{2, 6}, hold: true})
	if !slices.Equal(l.steps, []int{10, 40, 40, 50}) || !slices.Equal(l.ys, []float64{1, 1, 5, 5}) || !slices.Equal(l.lo, []float64{0, 0, 4, 4}) {
		t.Errorf("found %+v", l)
	}
	for _, x := range []struct {
		step int
		want float64
		note string
	}{{10, 1, ""}, {30, 1, " @10"}, {39, 1, " @10"}, {40, 5, ""}, {50, 5, " @40"}, {5, math.NaN(), ""}} {
		cv := Curve{Lambda: 1, Steps: []int{10, 40}, Values: []float64{1, 5}}
		if got := atStep(cv.Values, cv.Steps, x.step); got != x.want && !(math.IsNaN(got) && math.IsNaN(x.want)) {
			t.Errorf("at %d: %g, expected %g", x.step, got, x.want)
		}
		if got := cv.judgedAt(x.step); got != x.note {
			t.Errorf("at %d: %q, expected %q", x.step, got, x.note)
		}
		if !math.IsNaN(x.want) && x.step < 50 {
			i := slices.Index(l.steps, 10)
			for j, s := range l.steps {
				if s <= x.step {
					i = j
				}
			}
			if l.ys[i] != x.want {
				t.Errorf("at %d the line is at %g, the number says %g", x.step, l.ys[i], x.want)
			}
		}
	}
	if s := (&Curve{Lambda: math.NaN(), Steps: []int{10}}).judgedAt(20); s != "" || strings.Contains(s, "@") {
		t.Errorf("a measure of the run is judged at %q", s)
	}
}
