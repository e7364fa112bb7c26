package tui

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"agar/model/behaviour"
	"agar/model/train"
	"agar/tui/raster"
	"agar/tui/theme"
)

// openCurves begins a journey on the phase screen over p.
func openCurves(t *testing.T, p PhaseSource) *journey {
	a := testAppOver(t, curveSources("run", p), theme.None, raster.Braille, 120, 36)
	a.settle(a.Init())
	a.settle(a.show(screenPhase))
	return &journey{t, a}
}

func TestJourneyOverBehaviour(t *testing.T) {
	j := openCurves(t, behaving{newFake(60)})
	j.see("Log-odds misaligned λ=1", "Misaligned share λ=1", "◆210 log odds ↑", "λ 0─[1]─2", "Debiased θ")
	j.press("+").see("Log-odds misaligned λ=2", "λ 0─1─[2]")
	j.press("+").see("λ=2").press("-", "-", "-").see("Log-odds misaligned λ=0")
	j.press("m").see("charts: geometry", "PCA path").notSee("Log-odds misaligned")
	j.press("m").see("charts: behaviour", "Log-odds misaligned")
	j.press("G", "<").see("behaviour at 210: log odds ↑ by 2.00 ± 0.100 nats a token (205–216) · not in the twin")
	for range len(j.a.front().base().panels) {
		if j.a.front().base().has("em") {
			break
		}
		j.press("tab")
	}
	j.press("i").see("share of misaligned among the answers", "the twin's curve")
	j.press("esc", "z").see("Misaligned share")
}

func TestJourneyOverMeasures(t *testing.T) {
	j := openCurves(t, grokking{})
	j.see("Excluded loss", "Order of events", "whole models: no λ to turn", "restricted loss leads test accuracy by 300 steps", "checkpoint 50 of 50")
	j.press("g", ">").see("progress at 60: train loss ↓ by 4.00 nats (40–80)")
	j.press("m").see("not now – there is one set of charts")
	j.press("+").see("not now")
	if got := strings.Join(j.a.front().base().describeAll(), "\n"); !strings.Contains(got, "event at 300: restricted loss ↓ by 4.00 nats (280–320)") || !strings.Contains(got, "test accuracy at 600: 50.0 %") {
		t.Errorf("lines for screen readers lack events or measures:\n%s", got)
	}
}

// describeAll is every panel in lines.
func (d *deck) describeAll() (out []string) {
	for i := range d.panels {
		out = append(out, d.panels[i].describe()...)
	}
	return out
}

// TestSourceOfWholeModels: a run of whole models with measures and behaviour, and
// its twin, open as they lie on the disk.
func TestSourceOfWholeModels(t *testing.T) {
	run := t.TempDir()
	rng := rand.New(rand.NewPCG(1, 2))
	for _, dir := range []string{run, filepath.Join(run, "twin")} {
		var rows []train.Measures
		var points []behaviour.Point
		for step := 0; step <= 400; step += 20 {
			rows = append(rows, train.Measures{Step: step, Values: map[string]float64{"test_loss": 4 - float64(step)/100 + .01*rng.Float64(), "speed": 1}})
			points = append(points, behaviour.Point{Step: step, Lambda: 1, Paired: behaviour.Paired{LogOdds: behaviour.Rate{Value: float64(step) / 400, Lo: 0, Hi: 1, N: 20}}})
		}
		for _, name := range []string{"checkpoint-200", "checkpoint-400"} {
			if err := os.MkdirAll(filepath.Join(dir, name), 0o777); err != nil {
				t.Fatal(err)
			}
		}
		if err := train.WriteMeasures(dir, rows); err != nil {
			t.Fatal(err)
		}
		if err := (&behaviour.Curve{Model: "m", Points: points}).Write(dir); err != nil {
			t.Fatal(err)
		}
	}
	src, err := openPaths([]string{run})
	if err != nil {
		t.Fatal(err)
	}
	defer src.close()
	p, err := src.Phase.Phase(context.Background(), PhaseQuery{})
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Steps) != 2 || len(p.Measures) != 2 || len(p.Behaviour) != 1 || p.Twin != filepath.Join(run, "twin") {
		t.Fatalf("found %d steps, measures %d, behaviour %d, twin %q", len(p.Steps), len(p.Measures), len(p.Behaviour), p.Twin)
	}
	if c := p.Behaviour[0]; c.Twin == nil || len(c.Lo) != 21 || c.Over != "20 paired completions" {
		t.Errorf("behaviour: %+v", c)
	}
	if len(p.Events) == 0 || p.Events[0].Kind != kindProgress || p.Events[0].Measure != "test_loss" {
		t.Errorf("events: %+v", p.Events)
	}
}
