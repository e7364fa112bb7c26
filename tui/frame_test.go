package tui

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"agar/tui/raster"
	"agar/tui/theme"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/ansi"
)

// checkFrame fails when a frame is not exactly w×h.
func checkFrame(t *testing.T, frame string, w, h int, after any) {
	t.Helper()
	lines := strings.Split(frame, "\n")
	if len(lines) != h {
		t.Fatalf("after %v: %d lines, expected %d", after, len(lines), h)
	}
	for i, l := range lines {
		if got := ansi.StringWidth(l); got != w {
			t.Fatalf("after %v: line %d is %d cells wide, expected %d: %q", after, i, got, w, l)
		}
	}
}

// anyKeys are the keys that random users press. Those that quit are left out.
func anyKeys(a *App) []string {
	keys := []string{"x", "d", "o", "backspace", "医", "~", "-", "="}
	for _, id := range a.order {
		for _, g := range append(a.screens[id].bindings(), a.global()...) {
			for _, b := range g.bindings {
				for _, k := range b.keys {
					if k != "q" && k != "ctrl+c" {
						keys = append(keys, k)
					}
				}
			}
		}
	}
	return keys
}

// randomWalk presses keys, resizes and delivers answers late or never; the frame
// must keep its size all the time.
func randomWalk(t *testing.T, seed uint64, steps int) {
	rng := rand.New(rand.NewPCG(seed, 7))
	src := newFake(60).sources()
	if seed%4 == 3 {
		src = emptySources()
	}
	a := testAppOver(t, src, []theme.Profile{theme.None, theme.ANSI16, theme.TrueColor}[seed%3], []raster.Symbols{raster.Braille, raster.Block, raster.ASCII}[seed/3%3], 100, 30)
	a.settle(a.Init())
	if seed%5 == 0 {
		a.runPlanned(1 + int(seed%6))
	}
	keys := anyKeys(a)
	w, h := 100, 30
	for range steps {
		var after any
		if rng.IntN(8) == 0 {
			w, h = rng.IntN(180), rng.IntN(60)
			after = fmt.Sprintf("%d×%d", w, h)
			a.Update(tea.WindowSizeMsg{Width: w, Height: h})
		} else {
			k := keys[rng.IntN(len(keys))]
			after = k
			_, cmd := a.Update(keyMsg(k))
			if rng.IntN(3) > 0 && k != " " { // playing never ends when settled
				a.settle(cmd)
			}
		}
		if h > 0 {
			checkFrame(t, a.View(), w, h, after)
		}
	}
}

func TestRandomUsersNeverBreakTheFrame(t *testing.T) {
	users := uint64(20)
	if testing.Short() {
		users = 6
	}
	for seed := range users {
		randomWalk(t, seed, 80)
	}
}

func FuzzUser(f *testing.F) {
	for seed := range uint64(3) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) { randomWalk(t, seed, 80) })
}

// TestASCIIScreensAreASCII: with the plain symbols all that is not data is ASCII.
func TestASCIIScreensAreASCII(t *testing.T) {
	defer func(old []string) { fakeTokens = old }(fakeTokens)
	fakeTokens = []string{" the", " dose", ",", " wait"}
	for name, show := range goldenScreens {
		a := testApp(t, theme.None, raster.ASCII, 120, 36)
		show(a)
		press(a, "i")
		frames := a.View()
		press(a, "esc")
		press(a, "?")
		frames += a.View()
		press(a, "esc")
		for _, r := range ansi.Strip(frames + a.View()) {
			if r > 0x7e {
				t.Errorf("%s shows %q", name, r)
			}
		}
	}
}

// BenchmarkFrame draws every screen; 8 ms a frame is what scrolling at 120 Hz leaves.
func BenchmarkFrame(b *testing.B) {
	for name, show := range goldenScreens {
		for _, size := range []struct{ w, h int }{{80, 24}, {120, 36}, {200, 60}} {
			b.Run(fmt.Sprintf("%s/%dx%d", name, size.w, size.h), func(b *testing.B) {
				a := testApp(b, theme.TrueColor, raster.Braille, size.w, size.h)
				show(a)
				b.ReportAllocs()
				for b.Loop() {
					a.View()
				}
			})
		}
	}
}

// BenchmarkMillionRows moves the cursor through a table of a million features.
func BenchmarkMillionRows(b *testing.B) {
	a := testApp(b, theme.TrueColor, raster.Braille, 120, 36)
	f := a.screens[screenFeatures].(*table)
	a.settle(a.show(screenFeatures))
	ids := make([]uint32, 1_000_000)
	for i := range ids {
		ids[i] = uint32(i % 400)
	}
	f.setOrder(Order{IDs: ids, Total: len(ids)})
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		f.to(i * 37 % len(ids))
		a.View()
	}
}
