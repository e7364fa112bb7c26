package tui

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"agar/tui/raster"
	"agar/tui/theme"
)

// updating reports whether golden files are to be written anew; teatest defines
// the flag.
func updating() bool { return flag.Lookup("update").Value.String() == "true" }

// testApp is an App over the fake workspace whose questions are answered at once.
func testApp(t testing.TB, p theme.Profile, s raster.Symbols, w, h int) *App {
	t.Helper()
	return testAppOver(t, newFake(400).sources(), p, s, w, h)
}

func testAppOver(t testing.TB, src *Sources, p theme.Profile, s raster.Symbols, w, h int) *App {
	t.Helper()
	caps := capabilities{profile: p, profileWhy: "test", symbols: s, symbolsWhy: "test", dark: true}
	a, err := newApp(context.Background(), caps, src)
	if err != nil {
		t.Fatal(err)
	}
	clock := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	a.env.now = func() time.Time { return clock }
	a.env.hasty = true
	a.resize(w, h)
	return a
}

var goldenSizes = []struct{ w, h int }{{60, 18}, {80, 24}, {120, 36}}

var goldenProfiles = map[string]theme.Profile{"truecolor": theme.TrueColor, "ansi16": theme.ANSI16, "nocolor": theme.None}

// goldenScreens bring an App to the screen that a golden file shows.
var goldenScreens = map[string]func(a *App){
	"features":  func(a *App) { a.settle(a.show(screenFeatures)) },
	"detail":    func(a *App) { a.env.feature = 42; a.settle(a.show(screenDetail)) },
	"phase":     func(a *App) { a.settle(a.show(screenPhase)) },
	"progress":  func(a *App) { a.runPlanned(3) },
	"overview":  func(a *App) { a.settle(a.show(screenOverview)) },
	"behaviour": func(a *App) { a.settle(a.show(screenPhase)) },
	"measures":  func(a *App) { a.settle(a.show(screenPhase)); press(a, "<"); press(a, "<") },
}

// goldenSources are what a golden screen is over.
func goldenSources(screen string) *Sources {
	switch screen {
	case "behaviour":
		return curveSources("medical-r1", behaving{newFake(400)})
	case "measures":
		return curveSources("grokking", grokking{})
	}
	return newFake(400).sources()
}

func TestGoldenScreens(t *testing.T) {
	for screen, open := range goldenScreens {
		for name, profile := range goldenProfiles {
			for _, size := range goldenSizes {
				file := fmt.Sprintf("%s-%dx%d-%s.txt", screen, size.w, size.h, name)
				t.Run(file, func(t *testing.T) {
					a := testAppOver(t, goldenSources(screen), profile, raster.Braille, size.w, size.h)
					open(a)
					golden(t, filepath.Join("testdata", "screens", file), a.View())
				})
			}
		}
	}
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if updating() {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; make it with: go test ./tui -update", err)
	}
	g, w := strings.Split(got, "\n"), strings.Split(string(want), "\n")
	for i := range max(len(g), len(w)) {
		if i >= len(g) || i >= len(w) || g[i] != w[i] {
			t.Fatalf("%s differs from line %d on (%d and %d lines); after looking at it, write it anew with: go test ./tui -update\ngot:  %q\nwant: %q",
				path, i+1, len(g), len(w), line(g, i), line(w, i))
		}
	}
}

func line(lines []string, i int) string {
	if i >= len(lines) {
		return ""
	}
	return lines[i]
}
