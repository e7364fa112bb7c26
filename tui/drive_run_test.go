package tui

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"agar/model/lora"
	"agar/phase"
)

var truecolor = []string{"TERM=tmux-256color", "COLORTERM=truecolor", "NO_COLOR="}

// whatHas reads what a report and a trajectory have.
func whatHas(t testing.TB, report, trajectory, word string) holds {
	t.Helper()
	rep, err := phase.ReadReport(report)
	if err != nil {
		t.Fatal(err)
	}
	tr, err := phase.ReadTrajectory(trajectory)
	if err != nil {
		t.Fatal(err)
	}
	var steps []int
	for i := range rep.Checkpoints {
		steps = append(steps, rep.Checkpoints[i].Step)
	}
	with := map[int]bool{}
	for _, e := range rep.Events {
		with[indexAt(steps, e.Step)] = true
	}
	sets := 1
	if rep.Behaviour != nil {
		sets++
	}
	return holds{events: len(with), modules: len(rep.Modules), lambdas: len(tr.Lambdas), sets: sets, word: word}
}

// TestTerminalDemo drives every key of the demo in both sizes, after having pressed
// some while it still runs, and leaves it by q and by ctrl+c.
func TestTerminalDemo(t *testing.T) {
	needTmux(t)
	for _, c := range []struct {
		w, h  int
		leave string
	}{{120, 36, "q"}, {80, 24, "ctrl+c"}} {
		t.Run(fmt.Sprintf("%dx%d", c.w, c.h), func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "kept")
			tm := openTerminal(t, c.w, c.h, truecolor, agar(t), "demo", "--keep", dir)
			tm.see("Stages")
			tm.send("?")
			tm.see("Keys · demo").press("esc").notSee("Keys · demo")
			tm.patience = 2 * time.Minute
			tm.see("done. h l go through", "▸ phase")
			tm.patience = tmuxPatience
			d := &driver{terminal: tm, w: c.w, h: c.h, has: whatHas(t, filepath.Join(dir, "phase.arrow"), filepath.Join(dir, "trajectory.arrow"), "money")}
			if d.has.events < 3 || d.has.sets != 2 {
				t.Errorf("%d events and %d sets of charts, expected a peak, a turn and a change of behaviour in the demo", d.has.events, d.has.sets)
			}
			d.drive(t, c.w == 120)
			d.to(screenPhase).send(c.leave)
			d.ended()
		})
	}
}

// keptDemo is the artefacts of a demo.
func keptDemo(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "kept")
	if out, err := exec.Command(agar(t), "demo", "--no-tui", "--keep", dir).CombinedOutput(); err != nil {
		t.Fatalf("agar demo: %v\n%s", err, out)
	}
	return dir
}

// Escape sequences of styles, and those among their numbers that are colours.
var (
	sgr    = regexp.MustCompile(`\x1b\[([0-9;:]*)m`)
	colour = regexp.MustCompile(`^(3[0-8]|4[0-8]|9[0-7]|10[0-7])$`)
)

// styles counts the styles on a screen that have a number of a kind.
func styles(styled string, kind *regexp.Regexp) (n int) {
	for _, m := range sgr.FindAllStringSubmatch(styled, -1) {
		if slices.ContainsFunc(strings.FieldsFunc(m[1], func(r rune) bool { return r == ';' || r == ':' }), kind.MatchString) {
			n++
		}
	}
	return n
}

// TestTerminalKinds: on terminals of all kinds every screen comes, without colour
// where none is wanted or known and without braille where the locale has none; the
// selected row stands out everywhere.
func TestTerminalKinds(t *testing.T) {
	needTmux(t)
	dir := keptDemo(t)
	for _, c := range []struct {
		name  string
		env   []string
		color bool
		ascii bool
	}{
		{"true colour", truecolor, true, false},
		{"256 colours", []string{"TERM=xterm-256color", "COLORTERM=", "NO_COLOR="}, true, false},
		{"16 colours", []string{"TERM=vt100", "COLORTERM=", "NO_COLOR="}, true, false},
		{"NO_COLOR", append(truecolor[:2:2], "NO_COLOR=1"), false, false},
		{"dumb", []string{"TERM=dumb", "COLORTERM=", "NO_COLOR="}, false, true},
		{"no TERM", []string{"-u", "TERM", "-u", "COLORTERM", "NO_COLOR="}, true, false},
		{"linux console", []string{"TERM=linux", "COLORTERM=", "NO_COLOR="}, true, true},
		{"ASCII locale", append(truecolor[:3:3], "LC_ALL=C"), true, true},
		{"ASCII without colour", []string{"TERM=vt220", "NO_COLOR=1", "LC_ALL=POSIX"}, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			tm := openTerminal(t, 80, 24, c.env, agar(t), "tui", dir)
			tm.see("Timeline").press("2").see("log10 density")
			if tm.rest(); styles(tm.styled(), regexp.MustCompile(`^7$`)) == 0 {
				t.Errorf("no row is reversed:\n%s", tm.frame())
			}
			for _, key := range []string{"1", "2", "3", "5"} {
				tm.press(key)
				if n := styles(tm.styled(), colour); (n > 0) != c.color {
					t.Errorf("screen %s has %d coloured styles", key, n)
				}
				f := tm.frame()
				within(t, f, 80, 24)
				for _, r := range f {
					if c.ascii && r > 0x7e {
						t.Errorf("screen %s shows %q:\n%s", key, r, f)
						break
					}
				}
			}
			tm.press("2")
			if key := map[bool]string{true: "enter", false: "⏎"}[c.ascii]; !strings.Contains(tm.frame(), key+" open") {
				t.Errorf("the footer does not name %s:\n%s", key, tm.frame())
			}
			tm.send("q")
			tm.ended()
		})
	}
}

// TestTerminalResize: frames follow the size of the terminal and nothing is lost.
func TestTerminalResize(t *testing.T) {
	needTmux(t)
	tm := openTerminal(t, 120, 36, truecolor, agar(t), "tui", keptDemo(t))
	tm.see("Timeline").press("g", "L", "l")
	large, at := tm.rest(), tm.number(pointAt)
	for _, size := range [][2]int{{80, 24}, {200, 60}, {60, 18}, {54, 16}, {20, 5}, {81, 25}, {120, 36}} {
		tm.resize(size[0], size[1])
		if size[0] < minW || size[1] < minH {
			tm.see(fmt.Sprintf("need %d×%d", minW, minH), fmt.Sprintf("have %d×%d", size[0], size[1]))
			continue
		}
		tm.until(fmt.Sprintf("a frame of %d×%d", size[0], size[1]), func(f string) bool {
			lines := strings.Split(f, "\n")
			return len([]rune(lines[1])) == size[0] || size[0] < 80 && strings.Contains(lines[1], "▸timeline")
		})
		within(t, tm.rest(), size[0], size[1])
		if got := tm.number(pointAt); got != at {
			t.Errorf("%v: checkpoint %d, expected %d", size, got, at)
		}
		tm.press("2").see("Features").press("5").see("Timeline")
	}
	tm.until("the frame of before", func(f string) bool { return f == large })
}

// TestTerminalMessages: what can not be opened is said on the terminal itself, which
// is left as it was.
func TestTerminalMessages(t *testing.T) {
	needTmux(t)
	dir := keptDemo(t)
	for _, c := range []struct {
		args []string
		want string
		code int
	}{
		{[]string{"nowhere"}, "found nothing there", 3},
		{[]string{t.TempDir()}, "an empty directory", 3},
		{[]string{"--theme", "nope", dir}, `found "nope"`, 2},
		{[]string{"--nope"}, "unknown flag", 2},
	} {
		tm := openTerminal(t, 120, 36, truecolor, append([]string{agar(t), "tui"}, c.args...)...)
		tm.see(fmt.Sprintf("exit=%d", c.code))
		if f := strings.ReplaceAll(tm.frame(), "\n", ""); !strings.Contains(f, c.want) {
			t.Errorf("%v: expected %q:\n%s", c.args, c.want, f)
		}
	}
	// A store without an index, and an index without the rest.
	tm := openTerminal(t, 80, 24, truecolor, agar(t), "tui", filepath.Join(dir, "capture"), filepath.Join(dir, "sae"))
	tm.see("What is open", "feature index missing").press("2").see("no feature index here", "agar sae index").press("5").see("no fine-tune here")
	tm = openTerminal(t, 80, 24, truecolor, agar(t), "tui", filepath.Join(dir, "index"))
	tm.see("Features", "log10 density").press("enter").see("▸ feature #", "no trajectory here")
}

// TestHelpIsQuick: agar --help takes at most 50 ms, start of the process included;
// the best of twenty, since other work may be going on.
func TestHelpIsQuick(t *testing.T) {
	needTmux(t)
	var took []time.Duration
	for range 20 {
		start := time.Now()
		if err := exec.Command(agar(t), "--help").Run(); err != nil {
			t.Fatal(err)
		}
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	t.Logf("agar --help: %v at best, %v median of %d", took[0], took[len(took)/2], len(took))
	if took[0] > 50*time.Millisecond {
		t.Errorf("agar --help takes %v, expected at most 50 ms", took[0])
	}
}

// TestTerminalSmolLM2 drives every key over artefacts of a real model: its
// fine-tune's 20 checkpoints, 20,000 tokens of it, a dictionary of 1,024 features.
func TestTerminalSmolLM2(t *testing.T) {
	needTmux(t)
	dir := smolArtefacts(t)
	path := func(name string) string { return filepath.Join(dir, name) }
	has := whatHas(t, path("run/phase.arrow"), path("run/trajectory.arrow"), "king")
	for _, c := range []struct{ w, h int }{{120, 36}, {80, 24}} {
		t.Run(fmt.Sprintf("%dx%d", c.w, c.h), func(t *testing.T) {
			d := &driver{w: c.w, h: c.h, has: has}
			d.terminal = openTerminal(t, c.w, c.h, truecolor, agar(t), "tui", path("run"), path("index"), path("sae"), path("store"))
			d.see("Timeline", "λ = 1")
			d.drive(t, false)
			d.to(screenPhase).send("q")
			d.ended()
		})
	}
	t.Run("modules", func(t *testing.T) { driveManyModules(t, filepath.Join(filepath.Dir(realModel(t)), "smollm2-r4")) })
}

// driveManyModules: V goes through all modules of an adapter that has several; its
// run is the adapter three times over.
func driveManyModules(t *testing.T, adapter string) {
	run := filepath.Join(t.TempDir(), "run")
	for _, step := range []string{"10", "20", "30"} {
		if err := os.CopyFS(filepath.Join(run, "checkpoint-"+step), os.DirFS(adapter)); err != nil {
			t.Fatal(err)
		}
	}
	series, err := lora.OpenSeries(run)
	if err != nil {
		t.Fatal(err)
	}
	rep, err := phase.Analyse(t.Context(), series, phase.Options{NoHashes: true})
	if err != nil {
		t.Fatal(err)
	}
	d := &driver{terminal: openTerminal(t, 120, 36, truecolor, agar(t), "tui", run), w: 120, h: 36, has: holds{modules: len(rep.Modules)}}
	if d.has.modules < 3 {
		t.Fatalf("%d modules in %s, expected several", d.has.modules, adapter)
	}
	t.Logf("%d modules", d.has.modules)
	d.see("Timeline")
	driveModule(d, "V")
	d.send("q")
	d.ended()
}

// realModel is the first HF directory of AGAR_MODELS.
func realModel(t testing.TB) string {
	t.Helper()
	for _, dir := range filepath.SplitList(os.Getenv("AGAR_MODELS")) {
		if _, err := os.Stat(filepath.Join(dir, "config.json")); err == nil {
			return dir
		}
	}
	t.Skip("AGAR_MODELS names no model directory")
	return ""
}

// smolArtefacts makes the artefacts with the program itself and keeps them in the
// cache for as long as the program is the same.
func smolArtefacts(t testing.TB) string {
	t.Helper()
	model := realModel(t)
	beside := filepath.Dir(model)
	root, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	root = filepath.Join(root, "agar", "terminal")
	dir := filepath.Join(root, hashOf(t, agar(t), filepath.Join(beside, ".key")))
	if _, err := os.Stat(filepath.Join(dir, "done")); err == nil {
		return dir
	}
	if err := os.RemoveAll(root); err != nil { // what other versions made
		t.Fatal(err)
	}
	start := time.Now()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	path := func(name string) string { return filepath.Join(dir, name) }
	if err := os.CopyFS(path("run"), os.DirFS(filepath.Join(beside, "smollm2-run"))); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"capture", model, "--data", os.Getenv("AGAR_CORPUS"), "--adapter", path("run/checkpoint-80"), "--hooks", "blocks.15.hook_resid_post", "--tokens", "20000", "--out", path("store")},
		{"sae", "train", path("store"), "--d-sae", "1024", "--k", "32", "--tokens", "40000", "--ce-tokens", "1024", "--out", path("sae")},
		{"sae", "index", path("sae"), path("store"), "--out", path("index")},
		{"phase", path("run"), "--sae", path("sae"), "--data", filepath.Join(beside, "tea.jsonl"), "--model", model, "--lambda", "0,1,5", "--ce-docs", "1"},
	} {
		if out, err := exec.Command(agar(t), args...).CombinedOutput(); err != nil {
			t.Fatalf("agar %v: %v\n%s", args, err, out)
		}
	}
	if err := os.WriteFile(path("done"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	t.Logf("made the artefacts in %v", time.Since(start).Round(time.Second))
	return dir
}

// hashOf names files by their content.
func hashOf(t testing.TB, paths ...string) string {
	t.Helper()
	h := sha256.New()
	for _, p := range paths {
		f, err := os.Open(p)
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.Copy(h, f)
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}
