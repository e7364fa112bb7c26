package tui

import (
	"strings"
	"testing"
	"unicode/utf8"

	"agar/tui/raster"
	"agar/tui/theme"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/ansi"
)

// keyTypes are keys that are no runes.
var keyTypes = map[string]tea.KeyType{
	"enter": tea.KeyEnter, "esc": tea.KeyEsc, "tab": tea.KeyTab, "shift+tab": tea.KeyShiftTab, "up": tea.KeyUp, "down": tea.KeyDown,
	"left": tea.KeyLeft, "right": tea.KeyRight, "home": tea.KeyHome, "end": tea.KeyEnd, "pgup": tea.KeyPgUp, "pgdown": tea.KeyPgDown,
	"ctrl+c": tea.KeyCtrlC, "ctrl+d": tea.KeyCtrlD, "ctrl+u": tea.KeyCtrlU, "ctrl+l": tea.KeyCtrlL, "backspace": tea.KeyBackspace, " ": tea.KeySpace,
}

func keyMsg(name string) tea.KeyMsg {
	if t, ok := keyTypes[name]; ok {
		if t == tea.KeySpace {
			return tea.KeyMsg{Type: t, Runes: []rune{' '}}
		}
		return tea.KeyMsg{Type: t}
	}
	return tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(name)}
}

// press presses a key and carries out what follows.
func press(a *App, name string) {
	_, cmd := a.Update(keyMsg(name))
	a.settle(cmd)
}

// journey is a user's way through the program.
type journey struct {
	t *testing.T
	a *App
}

// open begins a journey over the fake workspace on a screen.
func open(t *testing.T, id screenID) *journey {
	a := testApp(t, theme.None, raster.Braille, 120, 36)
	a.settle(a.Init())
	a.settle(a.show(id))
	return &journey{t, a}
}

func (j *journey) press(keys ...string) *journey {
	for _, k := range keys {
		press(j.a, k)
	}
	return j
}

func (j *journey) typing(text string) *journey {
	for _, r := range text {
		if utf8.RuneLen(r) > 0 {
			press(j.a, string(r))
		}
	}
	return j
}

func (j *journey) see(texts ...string) *journey {
	j.t.Helper()
	frame := ansi.Strip(j.a.View())
	for _, s := range texts {
		if !strings.Contains(frame, s) {
			j.t.Fatalf("%q is not on the screen:\n%s", s, frame)
		}
	}
	return j
}

func (j *journey) notSee(texts ...string) *journey {
	j.t.Helper()
	frame := ansi.Strip(j.a.View())
	for _, s := range texts {
		if strings.Contains(frame, s) {
			j.t.Fatalf("%q is on the screen:\n%s", s, frame)
		}
	}
	return j
}

func TestJourneySearchFeatureNeighbourBack(t *testing.T) {
	open(t, screenFeatures).see("400 features · 20 dead", "sort: max ↓", "▸    232").
		press("/").typing("bad dos").see("/bad dos", "1 hit", "▸     42").
		press("enter").see("1 hit · n next").
		press("enter").see("feature #42 bad dosage", "Examples: top", "Trajectory", "Decoder neighbours").
		press("e").see("Examples: interval").press("e").see("Examples: random").
		press("tab", "tab", "tab").press("j").press("enter").see("feature #62", "esc goes back to #42").
		press("esc").see("feature #42").
		press("esc").see("sort: max ↓", "1 hit · n next").
		press("esc").notSee("1 hit")
}

func TestJourneySort(t *testing.T) {
	open(t, screenFeatures).press("s").see("sort: max ↑").
		press("l", "l", "s").see("sort: Δ train ↓", "+1.50", "▸      2").press("s").see("sort: Δ train ↑").
		press("l", "l", "s").see("this column has no order").
		press("G").see("rows 383–400 of 400").press("g").see("rows 1–18 of 400")
}

func TestJourneyHitsOnly(t *testing.T) {
	open(t, screenFeatures).press("/").typing("doctor").press("enter").press("f").see("only hits shown", "showing 94").
		press("n").press("N").press("F").notSee("showing")
	open(t, screenFeatures).press("/").typing("no such text").see("0 hits").press("enter").press("n").see("n: not now – nothing was found")
}

func TestJourneyScrubber(t *testing.T) {
	open(t, screenPhase).see("step 190 of 395", "▲190 turn 44.0° ± 6.0°", "λ = 1", "▲ turn at 190").
		press("h").see("step 185 of 395").press("l", "l").see("step 195 of 395").
		press("H").see("step 145 of 395").press("g").see("step 1 of 395").press(">").see("step 145 of 395").press(">").see("step 190 of 395").
		press(">").see("no event after this checkpoint").press("<").see("step 145 of 395").press("G").see("step 395 of 395").
		press("+").see("λ = 2").press("-", "-").see("λ = 0").press("-").see("λ = 0").
		press("K").see("k=40").press("K").see("k=10").press("V").see("L22 down_proj").
		press("j").press("enter").see("feature #").press("q").see("Timeline")
}

// TestEventsBetweenCheckpoints: an event between two checkpoints stops the cursor at
// the one before it once, and does not keep it there.
func TestEventsBetweenCheckpoints(t *testing.T) {
	j := open(t, screenPhase)
	p := j.a.screens[screenPhase].(*scrubber)
	p.data.Events = []Event{{Kind: "grad_peak", Step: 147}, {Kind: "turn", Step: 190}}
	j.press("g", ">").see("step 145 of 395", "grad_peak at 147").press(">").see("step 190 of 395").press("<").see("step 145 of 395").press("<").see("no event before")
}

func TestJourneyHelpInfoZoom(t *testing.T) {
	open(t, screenPhase).press("?").see("Keys · phase", "next window k of the turn angle", "j k scroll").
		press("x").notSee("Keys · phase").
		press("tab", "tab", "tab", "tab", "i").see("Where this comes from · turn angle", "arccos", "phase.arrow").press("esc").
		press("z").notSee("Grad norm").press("esc").see("Grad norm")
}

// TestKeysThatArriveTogether: terminals hand fast typing over in one piece.
func TestKeysThatArriveTogether(t *testing.T) {
	open(t, screenPhase).press("ghll").see("step 3 of 395").press("?x2").see("sort: max")
	open(t, screenFeatures).press("/bad dos").see("/bad dos", "1 hit")
	j := open(t, screenFeatures)
	j.a.Update(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("qqq"), Paste: true})
	j.see("400 features")
	if _, cmd := j.a.Update(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("jq")}); cmd == nil || !j.a.quit {
		t.Error("jq does not quit")
	}
}

func TestJourneyTheCursorIsShared(t *testing.T) {
	open(t, screenPhase).press("g").press("3").see("step 1").press("l").press("5").see("step 2 of 395")
}

func TestPlayMovesAndStopsAtTheEnd(t *testing.T) {
	j := open(t, screenPhase).press("G", "h")
	p := j.a.screens[screenPhase].(*scrubber)
	p.togglePlay()
	for range 3 {
		_, cmd := j.a.Update(playMsg{p.gen})
		_ = cmd
	}
	j.see("step 395 of 395").notSee("playing")
	p.togglePlay()
	j.see("step 1 of 395", "playing")
	j.a.Update(playMsg{p.gen - 1})
	j.see("step 1 of 395") // a tick of an earlier playing moves nothing
}

func TestStaleAnswersAreDropped(t *testing.T) {
	a := testApp(t, theme.None, raster.Braille, 120, 36)
	a.settle(a.show(screenFeatures))
	f := a.screens[screenFeatures].(*table)
	f.to(3)
	f.to(4)
	want := f.current()
	a.Update(loadedMsg[Feature]{reply{Req: f.look.load.latest - 2}, Feature{Row: Row{ID: 999}}})
	if f.look.feature.ID == 999 {
		t.Error("an answer to an older question was shown")
	}
	a.Update(loadedMsg[Feature]{reply{Req: f.look.load.latest}, Feature{Row: Row{ID: want}}})
	if f.look.feature.ID != want {
		t.Error("the answer to the newest question was not shown")
	}
}

func TestMissingPartsSayWhatMakesThem(t *testing.T) {
	src := newFake(50).sources()
	none := emptySources()
	src.Trajectory, src.Table, src.Detail = none.Trajectory, none.Table, none.Detail
	a := testAppOver(t, src, theme.None, raster.Braille, 120, 36)
	j := &journey{t, a}
	a.settle(a.show(screenPhase))
	j.see("no trajectory", makeTrajectory, "▲190 turn").press("h").see("step 185").press("2").see("no feature index here", makeFeatures)
	src = newFake(50).sources()
	src.Phase = none.Phase
	a = testAppOver(t, src, theme.None, raster.Braille, 120, 36)
	j = &journey{t, a}
	a.settle(a.show(screenPhase))
	j.see("no fine-tune here", "agar phase RUN", "step 395 of 395").press("h").see("step 390 of 395", "#")
}

func TestTooSmallATerminalIsRefusedWithBothSizes(t *testing.T) {
	a := testApp(t, theme.None, raster.Braille, 54, 20)
	(&journey{t, a}).see("need 60×18", "have 54×20")
	a.resize(60, 18)
	(&journey{t, a}).notSee("need 60×18")
}

func TestQuitting(t *testing.T) {
	for _, keys := range [][]string{{"q"}, {"ctrl+c"}, {"?", "ctrl+c"}, {"/", "ctrl+c"}} {
		j := open(t, screenFeatures).press(keys[:len(keys)-1]...)
		_, cmd := j.a.Update(keyMsg(keys[len(keys)-1]))
		if cmd == nil || cmd() != tea.Quit() {
			t.Errorf("%v does not quit", keys)
		}
	}
	j := open(t, screenFeatures).press("/")
	if _, cmd := j.a.Update(keyMsg("q")); cmd != nil && cmd() == tea.Quit() {
		t.Error("typing q quits")
	}
}
