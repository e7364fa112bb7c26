package tui

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"agar/tui/cell"
	"agar/tui/raster"
	"agar/tui/theme"
)

// Every key of every screen has a scenario, which presses it in a real terminal and
// compares what is on the screen with what the help says that the key does. A key
// without a scenario fails TestEveryKeyHasAScenario, whether tmux is there or not.

// driver drives the program over artefacts about which it knows what the keys can
// do with them.
type driver struct {
	*terminal
	w, h int
	has  holds
}

// holds is what the artefacts have.
type holds struct {
	events, modules, lambdas int    // checkpoints with events, modules, λ
	sets                     int    // sets of charts, 0 for one
	word                     string // that the search finds
}

// scenario presses key, which belongs to a binding of screen, and fails when it
// does not do what the help says.
type scenario func(d *driver, key string)

// What scenarios look for on the screen.
var (
	stepAt     = regexp.MustCompile(`step (\d+)`)
	pointAt    = regexp.MustCompile(`checkpoint (\d+) of`)
	pointsOf   = regexp.MustCompile(`checkpoint \d+ of (\d+)`)
	rowAt      = regexp.MustCompile(`row ([\d,]+) ·`)
	rowsFrom   = regexp.MustCompile(`rows ([\d,]+)–`)
	rowsTo     = regexp.MustCompile(`rows [\d,]+–([\d,]+) of`)
	rowsOf     = regexp.MustCompile(`rows [\d,]+–[\d,]+ of ([\d,]+)`)
	rowID      = regexp.MustCompile(`▸ +†?(\d+) `)
	sortedBy   = regexp.MustCompile(`sort: ([^━─]+[↑↓])`)
	histForm   = regexp.MustCompile(`o: (log|plain)`)
	featureID  = regexp.MustCompile(`feature #(\d+)`)
	exampleAt  = regexp.MustCompile(`from (\d+) of`)
	markedID   = regexp.MustCompile(`▸ #(\d+)`)
	lambdaAt   = regexp.MustCompile(`λ = ([\d.]+)`)
	windowK    = regexp.MustCompile(`k=(\d+) · 0°`)
	moduleName = regexp.MustCompile(`phase +(\S.*?) · k=`)
	focusOn    = regexp.MustCompile(`┏━ (.*?) (?:…|━)`)
	cursorCell = regexp.MustCompile(`\n. 1 (.*?)┃`)
	eventLine  = regexp.MustCompile(`(?:turn|grad_peak|behaviour) at \d+: `)
	chartSet   = regexp.MustCompile(`charts: (\w+)`)
	boxTitle   = regexp.MustCompile(`[┏┌][━─] [^━─┓┐]*`)
	hitCount   = regexp.MustCompile(`(\d+) hits?`)
)

func up(by int) func(before, after int) bool { return func(b, a int) bool { return a == b+by } }

func other(before, after string) bool { return before != after }

// to goes to a screen.
func (d *driver) to(id screenID) *driver {
	d.t.Helper()
	d.press(fmt.Sprint(int(id)))
	return d
}

// disabled presses key and expects to be told why it does nothing.
func (d *driver) disabled(key, why string) {
	d.t.Helper()
	d.send(key)
	d.see(keyName(key)+": not now", why)
	d.rest()
}

// scenarios by screen and by the first key of the binding; screen 0 is every
// screen's.
var scenarios = map[screenID]map[string]scenario{
	screenFeatures: {
		"enter": driveOpenFeature,
		"j":     func(d *driver, key string) { d.press("g"); d.moves(key, rowAt, "the next row", up(1)) },
		"k":     func(d *driver, key string) { d.press("g", "j", "j"); d.moves(key, rowAt, "the row before", up(-1)) },
		"ctrl+d": func(d *driver, key string) {
			d.press("g")
			d.moves(key, rowAt, "half a page on", up(d.page()/2))
		},
		"ctrl+u": func(d *driver, key string) {
			d.press("G")
			d.moves(key, rowAt, "half a page back", up(-(d.page() / 2)))
		},
		"pgdown": func(d *driver, key string) { d.press("g"); d.moves(key, rowAt, "a page on", up(d.page())) },
		"pgup":   func(d *driver, key string) { d.press("G"); d.moves(key, rowAt, "a page back", up(-d.page())) },
		"g": func(d *driver, key string) {
			d.press("G")
			d.moves(key, rowAt, "the first row", func(_, a int) bool { return a == 1 })
		},
		"G": func(d *driver, key string) {
			d.press("g")
			all := d.number(rowsOf)
			d.moves(key, rowAt, "the last row", func(_, a int) bool { return a == all })
		},
		"/": driveSearch,
		"n": func(d *driver, key string) { driveHits(d, key, 1) },
		"N": func(d *driver, key string) { driveHits(d, key, -1) },
		"f": driveOnlyHits,
		"F": func(d *driver, key string) {
			d.search()
			d.press(key)
			d.notSee("n next").see("row ")
		},
		"s": driveSort,
		"h": func(d *driver, key string) {
			d.sortColumn("l", "l", "l", key) // one less than without key
		},
		"l": func(d *driver, key string) { d.sortColumn(key) },
		"o": func(d *driver, key string) {
			d.changes(key, histForm, "the other form", other)
			d.changes(key, histForm, "the first form", other)
		},
	},
	screenDetail: {
		"j":      driveNextFeature,
		"k":      driveNextFeature,
		"e":      driveExampleKinds,
		"ctrl+d": func(d *driver, key string) { driveExamples(d, key, "ctrl+u") },
		"ctrl+u": func(d *driver, key string) { driveExamples(d, "ctrl+d", key) },
		"enter":  driveNeighbour,
		"h":      func(d *driver, key string) { d.firstFeature(); driveStep(d, stepAt, key, "l", 1, -1) },
		"l":      func(d *driver, key string) { d.firstFeature(); driveStep(d, stepAt, "h", key, 1, 1) },
		"H":      func(d *driver, key string) { d.firstFeature(); driveStep(d, stepAt, key, "L", 10, -1) },
		"L":      func(d *driver, key string) { d.firstFeature(); driveStep(d, stepAt, "H", key, 10, 1) },
		"g":      func(d *driver, key string) { d.firstFeature(); driveEnds(d, stepAt, key, "G", key) },
		"G":      func(d *driver, key string) { d.firstFeature(); driveEnds(d, stepAt, "g", key, key) },
	},
	screenPhase: {
		"h":     func(d *driver, key string) { driveStep(d, pointAt, key, "l", 1, -1) },
		"l":     func(d *driver, key string) { driveStep(d, pointAt, "h", key, 1, 1) },
		"H":     func(d *driver, key string) { driveStep(d, pointAt, key, "L", 10, -1) },
		"L":     func(d *driver, key string) { driveStep(d, pointAt, "H", key, 10, 1) },
		"g":     func(d *driver, key string) { driveEnds(d, pointAt, key, "G", key) },
		"G":     func(d *driver, key string) { driveEnds(d, pointAt, "g", key, key) },
		">":     func(d *driver, key string) { driveEvents(d, key, "g") },
		"<":     func(d *driver, key string) { driveEvents(d, key, "G") },
		" ":     drivePlay,
		"+":     func(d *driver, key string) { driveLambda(d, key, "-") },
		"-":     func(d *driver, key string) { driveLambda(d, key, "+") },
		"K":     driveWindow,
		"V":     driveModule,
		"m":     driveSets,
		"x":     driveLogSteps,
		"j":     func(d *driver, key string) { driveChanges(d, key, "k") },
		"k":     func(d *driver, key string) { driveChanges(d, key, "j") },
		"enter": driveOpenChange,
	},
	0: {
		"tab":       func(d *driver, key string) { driveFocus(d, key, "shift+tab") },
		"shift+tab": func(d *driver, key string) { driveFocus(d, key, "tab") },
		"z":         driveZoom,
		"i":         driveOrigin,
		"1":         func(d *driver, key string) { d.press(key); d.until("the overview", isOverview) },
		"2":         func(d *driver, key string) { d.press(key).see("▸ features", "sort: ") },
		"3":         func(d *driver, key string) { d.press(key).see("▸ feature #", "Examples: ") },
		"5":         func(d *driver, key string) { d.press(key).see("▸ phase", "Timeline") },
		"?":         driveHelp,
		"esc":       driveEscape,
		"q":         driveBack,
		"ctrl+l":    driveRedraw,
		"ctrl+c":    func(d *driver, key string) {}, // ends the program: driveEnd
	},
}

func isOverview(f string) bool {
	return strings.Contains(f, "What is open") && (strings.Contains(f, "▸ overview") || strings.Contains(f, "▸ demo"))
}

// TestEveryKeyHasAScenario: the table of bindings and the scenarios are of the same
// keys.
func TestEveryKeyHasAScenario(t *testing.T) {
	a := testApp(t, theme.None, raster.Braille, 120, 36)
	bound := map[screenID][]group{0: a.global()}
	for _, id := range a.order {
		bound[id] = a.screens[id].bindings()
	}
	for id, groups := range bound {
		seen := map[string]bool{}
		for _, g := range groups {
			for i := range g.bindings {
				key := g.bindings[i].keys[0]
				if seen[key] = true; scenarios[id][key] == nil {
					t.Errorf("screen %d: no scenario drives %s, %s", id, keyName(key), g.bindings[i].help)
				}
			}
		}
		for key := range scenarios[id] {
			if !seen[key] {
				t.Errorf("screen %d: a scenario drives %s, which is not bound", id, keyName(key))
			}
		}
	}
}

// drive runs every scenario on every key that is bound, aliases too when all is
// set.
func (d *driver) drive(t *testing.T, all bool) {
	d.rest()
	a := testApp(t, theme.None, raster.Braille, d.w, d.h)
	for _, id := range a.order {
		for _, on := range []screenID{id, 0} {
			groups := a.global()
			if on == id {
				groups = a.screens[id].bindings()
			}
			for _, g := range groups {
				for i := range g.bindings {
					keys := g.bindings[i].keys
					if !all {
						keys = keys[:1]
					}
					for _, key := range keys {
						d.one(t, id, scenarios[on][g.bindings[i].keys[0]], key)
					}
				}
			}
		}
	}
	slices.Sort(d.delays)
	if n := len(d.delays); n > 0 {
		t.Logf("%d keys measured: what they change is on the screen after %v (median), %v (95th percentile)", n, d.delays[n/2].Round(time.Millisecond), d.delays[n*95/100].Round(time.Millisecond))
	}
}

// one runs a scenario of screen id on key.
func (d *driver) one(t *testing.T, id screenID, s scenario, key string) {
	t.Run(fmt.Sprintf("%s %s", screenNames[id], keyName(key)), func(t *testing.T) {
		was := d.terminal.t
		d.terminal.t = t
		defer func() { d.terminal.t = was }()
		for _, left := range []string{"any key closes", "j k scroll", "clear"} { // of a scenario that failed
			if strings.Contains(d.frame(), left) {
				d.press("esc")
			}
		}
		d.to(id)
		s(d, key)
		within(t, d.frame(), d.w, d.h)
	})
}

// page is the number of rows of the table.
func (d *driver) page() int { return d.number(rowsTo) - d.number(rowsFrom) + 1 }

// firstFeature opens the first feature of the table.
func (d *driver) firstFeature() {
	d.t.Helper()
	d.to(screenFeatures).press("g", "enter").see("feature #")
}

// search searches for the word that is there.
func (d *driver) search() {
	d.t.Helper()
	d.press("g", "/").press(strings.Split(d.has.word, "")...)
	d.until("hits", func(f string) bool {
		m := hitCount.FindStringSubmatch(f)
		return m != nil && m[1] != "0" && !strings.Contains(f, "hits …")
	})
	d.press("enter").see("n next")
}

func driveOpenFeature(d *driver, key string) {
	id := d.get(rowID)
	d.press(key).see("feature #"+id, "Examples: ").press("esc").see("sort: ")
}

// driveSearch types, corrects, clears, cancels and keeps a search.
func driveSearch(d *driver, key string) {
	d.press(key).see("/", "tokens, labels, top examples", "cancel")
	d.press("q", "j").see("/qj").press("backspace").see("/q ").press("ctrl+u").notSee("/q")
	d.press(strings.Split(d.has.word, "")...).see("/"+d.has.word, "hit")
	d.press("esc").notSee("/"+d.has.word, "n next")
	d.search()
	d.press("esc").notSee("n next")
}

// driveHits: from a hit, key leads to another row with a hit, and the other way
// back.
func driveHits(d *driver, key string, by int) {
	d.search()
	hits := d.number(hitCount)
	id := d.get(rowID)
	d.press(key)
	if next := d.get(rowID); (next == id) != (hits == 1) {
		d.t.Errorf("with %d hits %s leads from #%s to #%s", hits, key, id, next)
	}
	d.press(map[int]string{1: "N", -1: "n"}[by])
	if back := d.get(rowID); back != id {
		d.t.Errorf("back at #%s, expected #%s", back, id)
	}
	d.press("F")
	d.disabled(key, "nothing was found")
}

func driveOnlyHits(d *driver, key string) {
	d.disabled(key, "nothing was found")
	d.search()
	hits, all := d.number(hitCount), d.number(rowsOf)
	d.press(key).see("only hits shown", fmt.Sprintf(" of %s ", count(hits)))
	d.press(key).notSee("only hits shown")
	if got := d.number(rowsOf); got != all {
		d.t.Errorf("%d rows, expected %d again", got, all)
	}
	d.press("F")
}

// driveSort: again is the other direction, with the cursor at the top.
func driveSort(d *driver, key string) {
	d.press("G")
	turned := func(b, a string) bool { return b != a && b[:len(b)-len("↑")] == a[:len(a)-len("↑")] }
	d.changes(key, sortedBy, "the other direction", turned)
	if got := d.number(rowAt); got != 1 {
		d.t.Errorf("row %d after sorting, expected the first", got)
	}
	d.changes(key, sortedBy, "the first direction", turned)
}

// sortColumn marks the first column, presses keys and sorts: the column must be as
// many to the right as keys say; then it sorts by max again.
func (d *driver) sortColumn(keys ...string) {
	d.t.Helper()
	columns := tableColumns(d.w - 4)
	want := 0
	for _, k := range keys {
		want += map[bool]int{true: 1, false: -1}[k == "l" || k == "right"]
	}
	first := strings.Split("hhhhhhhh", "")
	d.press(append(append(slices.Clone(first), keys...), "s")...).see("sort: " + columns[want].head)
	for _, c := range columns {
		if c.col == ColMax {
			break
		}
		first = append(first, "l")
	}
	d.press(append(first, "s")...).see("sort: max ↓")
}

// driveNextFeature: j and k go along the table, and along the neighbours where they
// have the focus.
func driveNextFeature(d *driver, key string) {
	forward := key == "j" || key == "down"
	d.to(screenFeatures).press("g")
	ids := []string{d.get(rowID)}
	d.press("j")
	ids = append(ids, d.get(rowID))
	back := map[bool]string{true: "k", false: "j"}[forward]
	if !forward {
		slices.Reverse(ids)
	} else {
		d.press("k")
	}
	d.press("enter").see("feature #" + ids[0] + " ")
	d.press(key).see("feature #" + ids[1] + " ").press(back).see("feature #" + ids[0] + " ")
	d.focus("Decoder neighbours")
	if !forward {
		d.press("j")
	}
	d.changes(key, markedID, "another neighbour", other)
	d.changes(back, markedID, "the neighbour before", other)
	d.see("feature #" + ids[0] + " ")
	d.focus("Examples")
}

// focus moves the focus to the panel whose title begins so.
func (d *driver) focus(title string) {
	d.t.Helper()
	for range 12 {
		if strings.HasPrefix(d.get(focusOn), title) {
			return
		}
		d.press("tab")
	}
	d.t.Fatalf("tab never leads to %q:\n%s", title, d.frame())
}

func driveExampleKinds(d *driver, key string) {
	d.firstFeature()
	d.see("Examples: top")
	for _, kind := range []string{"interval", "random", "top"} {
		d.press(key).see("Examples: " + kind)
	}
}

func driveExamples(d *driver, on, back string) {
	d.firstFeature()
	d.moves(on, exampleAt, "further examples", func(b, a int) bool { return a > b })
	d.moves(back, exampleAt, "examples before", func(b, a int) bool { return a < b })
}

// driveNeighbour: enter goes where the mark is, esc back.
func driveNeighbour(d *driver, key string) {
	d.firstFeature()
	id := d.get(featureID)
	d.focus("Decoder neighbours")
	d.press("j")
	near := d.get(markedID)
	d.press(key).see("feature #"+near+" ", "esc goes back to #"+id)
	d.press("esc").see("feature #" + id + " ").notSee("esc goes back")
	d.focus("Examples")
}

// driveStep: by checkpoints back and on again; ten are ten times one. Which of the
// keys is driven says the sign.
func driveStep(d *driver, where *regexp.Regexp, back, on string, by, sign int) {
	d.press("G")
	single := [2]string{"h", "l"}
	if by == 10 && sign < 0 {
		start := d.number(where)
		d.moves(back, where, "checkpoints back", func(b, a int) bool { return a < b })
		got := d.number(where)
		d.press("G")
		d.press(strings.Split(strings.Repeat(single[0], 10), "")...)
		if want := d.number(where); got != want || want == start {
			d.t.Errorf("%s leads to %d, ten times %s to %d", back, got, single[0], want)
		}
		return
	}
	d.press("g")
	if sign < 0 {
		d.press(on)
		d.moves(back, where, "the checkpoint before", func(b, a int) bool { return a < b })
		d.moves(on, where, "the next checkpoint", func(b, a int) bool { return a > b })
		return
	}
	d.moves(on, where, "checkpoints on", func(b, a int) bool { return a > b })
	got := d.number(where)
	d.press("g")
	d.press(strings.Split(strings.Repeat(single[1], by), "")...)
	if want := d.number(where); got != want {
		d.t.Errorf("%s leads to %d, %d times %s to %d", on, got, by, single[1], want)
	}
}

// driveEnds: key leads to its end of the run.
func driveEnds(d *driver, where *regexp.Regexp, first, last, key string) {
	if key == first {
		d.press(last)
		d.moves(key, where, "the first checkpoint", func(b, a int) bool { return a < b && a == 1 })
		return
	}
	d.press(first)
	end := 0
	if where == pointAt {
		end = d.number(pointsOf)
	}
	d.moves(key, where, "the last checkpoint", func(b, a int) bool { return a > b && (end == 0 || a == end) })
}

// driveEvents goes to all checkpoints with events, which the status line names, and
// no farther.
func driveEvents(d *driver, key, from string) {
	d.press(from)
	if d.has.events == 0 {
		d.disabled(key, "no event was found")
		return
	}
	for range d.has.events {
		d.moves(key, pointAt, "the next event", func(b, a int) bool { return (a > b) == (key == ">") && a != b })
		d.until("an event in the status line", eventLine.MatchString)
	}
	d.press(key).see("no event ")
}

func drivePlay(d *driver, key string) {
	d.press("g")
	d.send(key)
	d.see("playing").until("a step after the first", func(f string) bool {
		m := pointAt.FindStringSubmatch(f)
		return m != nil && m[1] != "1"
	})
	d.send(key)
	d.notSee("playing")
	at := d.number(pointAt)
	time.Sleep(3 * playEvery)
	if now := d.number(pointAt); now != at {
		d.t.Errorf("checkpoint %d, stopped at %d", now, at)
	}
}

// driveLambda: key goes to another λ, back to the one before; at the ends it stays.
func driveLambda(d *driver, key, back string) {
	if d.has.lambdas < 2 {
		d.disabled(key, "one λ only")
		return
	}
	start := d.get(lambdaAt)
	d.changes(key, lambdaAt, "another λ", other)
	d.see("[" + d.get(lambdaAt) + "]")
	d.press(slices.Repeat([]string{key}, d.has.lambdas)...)
	end := d.get(lambdaAt)
	d.press(key)
	if got := d.get(lambdaAt); got != end {
		d.t.Errorf("λ = %s beyond the last, %s", got, end)
	}
	for range d.has.lambdas {
		if d.get(lambdaAt) == start {
			return
		}
		d.press(back)
	}
	d.t.Errorf("λ never comes back to %s", start)
}

// driveWindow: k goes through all and round again.
func driveWindow(d *driver, key string) {
	start := d.get(windowK)
	for range 20 {
		d.changes(key, windowK, "another k", other)
		if d.get(windowK) == start {
			return
		}
	}
	d.t.Errorf("k never comes back to %s", start)
}

func driveModule(d *driver, key string) {
	if d.has.modules < 2 {
		d.disabled(key, "the adapter has one module")
		return
	}
	start := d.get(moduleName)
	d.changes(key, moduleName, "another module", other)
	d.press(slices.Repeat([]string{key}, d.has.modules-2)...)
	if got := d.get(moduleName); got == start {
		d.t.Errorf("back at %s after %d of %d modules", start, d.has.modules-1, d.has.modules)
	}
	d.changes(key, moduleName, "the first module", func(_, a string) bool { return a == start })
}

// driveSets: the charts change, and come back after all sets.
func driveSets(d *driver, key string) {
	if d.has.sets < 2 {
		d.disabled(key, "one set of charts")
		return
	}
	start := d.rest()
	seen := map[string]bool{}
	for range d.has.sets {
		d.press(key).see("charts: ")
		seen[d.get(chartSet)] = true
	}
	if len(seen) != d.has.sets {
		d.t.Errorf("saw the sets %v, expected %d", seen, d.has.sets)
	}
	d.press("g", "G")
	d.until("the charts of before", func(f string) bool { return charts(f) == charts(start) })
}

// charts are the titles on a screen.
func charts(f string) string { return strings.Join(boxTitle.FindAllString(f, -1), " ") }

// driveLogSteps: the cursor stands elsewhere on a logarithmic axis.
func driveLogSteps(d *driver, key string) {
	d.press("g", "L")
	wider := func(b, a string) bool { return cell.Width(a) > cell.Width(b) }
	d.changes(key, cursorCell, "the cursor farther right", wider)
	d.changes(key, cursorCell, "the cursor where it was", func(b, a string) bool { return wider(a, b) })
}

// driveChanges marks another feature of the list, and the one before again.
func driveChanges(d *driver, key, back string) {
	d.press("G")
	if key == "k" || key == "up" {
		d.press(back, back)
	}
	id := d.get(markedID)
	d.changes(key, markedID, "another feature", other)
	d.changes(back, markedID, "the feature before", func(_, a string) bool { return a == id })
}

func driveOpenChange(d *driver, key string) {
	d.press("G")
	id := d.get(markedID)
	d.press(key).see("feature #"+id+" ", "Examples: ").press("esc").see("Timeline")
}

// driveFocus goes through all panels and back.
func driveFocus(d *driver, key, back string) {
	start := d.get(focusOn)
	seen := []string{start}
	for range 12 {
		d.changes(key, focusOn, "the focus on another panel", other)
		if d.get(focusOn) == start {
			break
		}
		seen = append(seen, d.get(focusOn))
	}
	if len(seen) < 2 || d.get(focusOn) != start {
		d.t.Fatalf("%s goes through %q and does not come back", key, seen)
	}
	d.changes(back, focusOn, "the panel before", func(_, a string) bool { return a == seen[len(seen)-1] })
	d.press(key)
}

func driveZoom(d *driver, key string) {
	before := d.rest()
	d.press(key).notSee("┌─").see("┏━")
	d.press(key).until("the panels as before", func(f string) bool { return f == before })
	d.press(key).press("esc").until("the panels as before", func(f string) bool { return f == before })
}

// driveOrigin: every panel says what its numbers are and which file they are from.
func driveOrigin(d *driver, key string) {
	start := d.get(focusOn)
	for range 12 {
		d.press(key).see("Where this comes from")
		if f := d.frame(); !strings.Contains(f, "┃ is ") || !strings.Contains(f, "┃ from ") {
			d.t.Errorf("%s of %q lacks a definition or a source:\n%s", key, d.get(focusOn), f)
		}
		d.press("esc").notSee("Where this comes from").press("tab")
		if d.get(focusOn) == start {
			return
		}
	}
	d.t.Errorf("tab never leads back to %q", start)
}

// driveHelp reads the whole list: every binding of the screen with its help.
func driveHelp(d *driver, key string) {
	d.press(key).see("Keys ·")
	text := d.frame()
	for range 8 {
		text += d.press("pgdown").frame()
	}
	d.press("esc").notSee("Keys ·")
	a := testApp(d.t, theme.None, raster.Braille, d.w, d.h)
	for _, g := range append(a.screens[d.screen()].bindings(), a.global()...) {
		for i := range g.bindings {
			b := &g.bindings[i]
			line := cell.PadRight(b.label(a.grid), 14) + cell.Wrap(b.help, 40)[0]
			if !strings.Contains(text, line) {
				d.t.Errorf("the help does not say %q", line)
			}
		}
	}
}

// screen is the screen in front.
func (d *driver) screen() screenID {
	head, _, _ := strings.Cut(d.frame(), "\n")
	switch {
	case strings.Contains(head, "▸ features"):
		return screenFeatures
	case strings.Contains(head, "▸ feature #"):
		return screenDetail
	case strings.Contains(head, "▸ phase"):
		return screenPhase
	}
	return screenOverview
}

// driveEscape: first the search is cleared, then the screen is left for the one
// that opened it; at a screen that was jumped to it does nothing.
func driveEscape(d *driver, key string) {
	id := d.screen()
	d.press(key)
	if got := d.screen(); got != id {
		d.t.Errorf("screen %d, expected %d still", got, id)
	}
	d.to(screenFeatures).search()
	d.press("enter").see("▸ feature #").press(key).see("sort: ", "n next").press(key).notSee("n next").see("sort: ")
	d.to(id)
}

// driveBack: q leads back from a screen that was opened from another.
func driveBack(d *driver, key string) {
	id := d.screen()
	d.to(screenFeatures).press("enter").see("▸ feature #").press(key).see("sort: ")
	d.to(id)
}

// driveRedraw: what something else wrote over the screen goes.
func driveRedraw(d *driver, key string) {
	before := d.rest()
	d.run("send-keys", "-R", "-t", "s")
	if d.frame() == before {
		d.t.Fatal("the screen was not cleared")
	}
	d.send(key)
	d.until("the frame of before", func(f string) bool { return f == before })
}
