package tui

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"agar/tui/cell"
	"agar/tui/raster"
	"agar/tui/theme"

	"github.com/charmbracelet/x/ansi"
)

// layoutSizes are the terminals that layouts are held to.
var layoutSizes = []struct{ w, h int }{
	{60, 18}, {61, 19}, {64, 50}, {70, 20}, {79, 24}, {80, 18}, {80, 24}, {80, 25}, {90, 30}, {100, 28},
	{109, 36}, {110, 18}, {110, 36}, {120, 36}, {132, 43}, {149, 40}, {150, 50}, {160, 45}, {200, 60}, {300, 100},
}

var layouts = map[string]arrange{"overview": layoutOverview, "features": layoutFeatures, "detail": layoutDetail, "phase": geometryLayout}

// geometryLayout is the phase screen of a run with adapters alone.
func geometryLayout(w, h int) (map[string]cell.Rect, string) {
	ids := []string{"loss", "grad", "norm", "turn", "debiased", "pca"}
	if w < 110 {
		ids = []string{"loss", "debiased", "grad", "pca"}
	}
	return layoutPhase(w, h, phaseShape{charts: ids, below: "changes", list: 1})
}

// TestLayoutsPartitionTheBody: panels lie inside, do not overlap, leave nothing
// out, and are large enough to show a line.
func TestLayoutsPartitionTheBody(t *testing.T) {
	for name, layout := range layouts {
		for _, s := range layoutSizes {
			if s.w < 80 {
				continue // one panel at a time, see TestEveryPanelIsReachable
			}
			t.Run(fmt.Sprintf("%s/%dx%d", name, s.w, s.h), func(t *testing.T) {
				f, ok := layoutFrame(s.w, s.h)
				if !ok {
					t.Fatal("refused")
				}
				rects, guest := layout(f.body.W, f.body.H)
				checkPartition(t, rects, f.body)
				if rects[guest].Empty() {
					t.Errorf("guest %q has no place", guest)
				}
			})
		}
	}
}

func checkPartition(t *testing.T, rects map[string]cell.Rect, body cell.Rect) {
	t.Helper()
	area := 0
	ids := slices.Sorted(maps.Keys(rects))
	for i, a := range ids {
		r := rects[a]
		area += r.W * r.H
		if r != r.Intersect(cell.Rect{W: body.W, H: body.H}) {
			t.Errorf("%s leaves the body: %v", a, r)
		}
		if in := r.Inner(); in.W < 10 || in.H < 1 {
			t.Errorf("%s has no room: %v", a, r)
		}
		for _, b := range ids[i+1:] {
			if x := r.Intersect(rects[b]); !x.Empty() {
				t.Errorf("%s and %s overlap in %v", a, b, x)
			}
		}
	}
	if area != body.W*body.H {
		t.Errorf("panels cover %d cells of %d", area, body.W*body.H)
	}
}

func TestFrame(t *testing.T) {
	for _, c := range []struct {
		w, h int
		ok   bool
	}{{60, 18, true}, {59, 18, false}, {60, 17, false}, {0, 0, false}, {80, 24, true}, {1000, 1000, true}} {
		f, ok := layoutFrame(c.w, c.h)
		if ok != c.ok {
			t.Errorf("%d×%d: taken %v, expected %v", c.w, c.h, ok, c.ok)
		}
		if ok && (f.header.H != 1 || f.body.H != c.h-3 || f.status.Y != c.h-2 || f.footer.Y != c.h-1) {
			t.Errorf("%d×%d: %+v", c.w, c.h, f)
		}
	}
}

// TestEveryPanelIsReachable: tab shows every panel at every size.
func TestEveryPanelIsReachable(t *testing.T) {
	for _, s := range layoutSizes {
		a := testApp(t, theme.None, raster.Braille, s.w, s.h)
		for id, scr := range a.screens {
			d := scr.base()
			for range d.panels {
				if r := d.rects[d.focused().id]; r.Empty() {
					t.Errorf("%d×%d: panel %q of screen %d has no place when focused", s.w, s.h, d.focused().id, id)
				}
				for p, r := range d.rects {
					if r != r.Intersect(cell.Rect{W: s.w, H: s.h - 3}) {
						t.Errorf("%d×%d: panel %q leaves the body: %v", s.w, s.h, p, r)
					}
				}
				d.move(1)
			}
		}
	}
}

// TestTheStripNamesTheFocusedPanel: on a narrow terminal, whichever has the focus.
func TestTheStripNamesTheFocusedPanel(t *testing.T) {
	a := testApp(t, theme.None, raster.Braille, 60, 18)
	a.settle(a.show(screenPhase))
	for range a.front().base().panels {
		press(a, "tab")
		line := strings.Split(ansi.Strip(a.View()), "\n")[1]
		if name := a.front().base().focused().name; !strings.Contains(line, "▸"+name) {
			t.Errorf("the strip does not name %s: %s", name, line)
		}
	}
}

func TestTableColumnsLeaveInOrder(t *testing.T) {
	last := len(allColumns)
	for w := 140; w >= 20; w-- {
		cols := tableColumns(w)
		if len(cols) > last {
			t.Errorf("%d cells show %d columns, %d cells showed %d", w, len(cols), w+1, last)
		}
		last = len(cols)
		used := 2
		for _, c := range cols {
			used += c.width + 1
		}
		if len(cols) > 2 && used+minTokens(w) > w {
			t.Errorf("%d cells: columns take %d and leave less than %d", w, used, minTokens(w))
		}
		if cols[0].col != ColID || cols[len(cols)-1].col != ColTokens {
			t.Errorf("%d cells: id or tokens are gone", w)
		}
	}
	if got := len(tableColumns(116)); got != len(allColumns) {
		t.Errorf("116 cells show %d columns, expected all %d", got, len(allColumns))
	}
}
