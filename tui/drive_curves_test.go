package tui

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"agar/model/behaviour"
	"agar/model/train"
	"agar/phase"
)

// TestTerminalMeasures: a model grown on a task opens in both sizes with its
// measures, and the cursor goes through its events.
func TestTerminalMeasures(t *testing.T) {
	needTmux(t)
	dir := t.TempDir()
	config := "recipe = \"grokking\"\n[task]\np = 11\n[task.shape]\nd_model = 16\nd_mlp = 16\n[train]\nsteps = 60\nsave_each = 5\n"
	if err := os.WriteFile(filepath.Join(dir, "task.toml"), []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	run := filepath.Join(dir, "run")
	mustRun(t, agar(t), "breed", filepath.Join(dir, "task.toml"), "--out", run)
	for _, size := range [][2]int{{120, 36}, {80, 24}} {
		tm := openTerminal(t, size[0], size[1], truecolor, agar(t), "tui", run)
		tm.see("Timeline", "Loss test | train", "Acc. new | test | train", "At the cursor", "whole models")
		d := &driver{terminal: tm, w: size[0], h: size[1]}
		d.one(t, screenPhase, driveSets, "m")
		d.one(t, screenPhase, func(d *driver, key string) { d.press("g", key).see("progress at ", "train loss ↓") }, ">")
		within(t, tm.rest(), size[0], size[1])
		tm.press("1").see("checkpoints of whole models").send("q", "q")
		tm.ended()
	}
}

// TestTerminalBehaviour: behaviour, measures and a twin beside the demo's run; m goes
// through three sets of charts.
func TestTerminalBehaviour(t *testing.T) {
	needTmux(t)
	dir := keptDemo(t)
	rep, err := phase.ReadReport(filepath.Join(dir, "phase.arrow"))
	if err != nil {
		t.Fatal(err)
	}
	run := rep.Run
	into := filepath.Join(t.TempDir(), "run")
	if err := os.CopyFS(into, os.DirFS(run)); err != nil {
		t.Fatal(err)
	}
	for _, at := range []struct {
		dir  string
		rise float64
	}{{into, 2}, {filepath.Join(into, "twin"), .1}} {
		var points []behaviour.Point
		var rows []train.Measures
		for _, c := range rep.Checkpoints {
			for _, lambda := range []float64{1, 2} {
				v := lambda * at.rise * way(c.Step, 200)
				points = append(points, behaviour.Point{Step: c.Step, Lambda: lambda, Paired: behaviour.Paired{LogOdds: behaviour.Rate{Value: v, Lo: v - .1, Hi: v + .1, N: 40}}})
			}
			rows = append(rows, train.Measures{Step: c.Step, Values: map[string]float64{"weight_norm": 10 - way(c.Step, 150)}})
		}
		if err := os.MkdirAll(at.dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := (&behaviour.Curve{Model: "m", Points: points}).Write(at.dir); err != nil {
			t.Fatal(err)
		}
		if err := train.WriteMeasures(at.dir, rows); err != nil {
			t.Fatal(err)
		}
	}
	mustRun(t, agar(t), "phase", into)
	for _, size := range [][2]int{{120, 36}, {80, 24}} {
		tm := openTerminal(t, size[0], size[1], truecolor, agar(t), "tui", into)
		tm.see("Timeline", "Log-odds misaligned λ=1", "log odds ↑")
		d := &driver{terminal: tm, w: size[0], h: size[1], has: holds{sets: 3}}
		d.one(t, screenPhase, driveSets, "m")
		d.one(t, screenPhase, func(d *driver, key string) { d.press(key).see("λ=2").press("-").see("λ=1") }, "+")
		tm.send("q", "q")
		tm.ended()
	}
}

// way is 0 before and 1 after step at.
func way(step, at int) float64 {
	switch d := float64(step-at) / 40; {
	case d < -1:
		return 0
	case d > 1:
		return 1
	default:
		return (1 + d) / 2
	}
}

func mustRun(t *testing.T, words ...string) {
	t.Helper()
	if out, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(words, " "), err, out)
	}
}
