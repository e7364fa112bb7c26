package tui

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"agar/tui/raster"
	"agar/tui/theme"
)

//go:generate go test . -run TestKeysDocument -update

// keysDocument is KEYS.md.
func keysDocument(a *App) string {
	var b strings.Builder
	b.WriteString("# Keys\n\nMade from the bindings by `go generate ./tui`; the help of the program (`?`) shows the same, with what is not available and why.\n")
	for _, id := range a.order {
		groups := a.screens[id].bindings()
		if len(groups) > 0 {
			fmt.Fprintf(&b, "\n## %s (`%d`)\n", screenNames[id], id)
			writeGroups(&b, groups)
		}
	}
	b.WriteString("\n## On every screen\n")
	writeGroups(&b, a.global())
	b.WriteString("\nWhile typing after `/`: enter keeps the search, esc cancels it, ctrl+u clears the line.\n")
	return b.String()
}

var screenNames = map[screenID]string{screenOverview: "Overview", screenFeatures: "Feature table", screenDetail: "Feature", screenPhase: "Phase scrubber"}

func writeGroups(b *strings.Builder, groups []group) {
	b.WriteString("\n| keys | meaning |\n|---|---|\n")
	for _, g := range groups {
		for i := range g.bindings {
			keys := make([]string, len(g.bindings[i].keys))
			for j, k := range g.bindings[i].keys {
				keys[j] = "`" + keyName(k) + "`"
			}
			fmt.Fprintf(b, "| %s | %s |\n", strings.Join(keys, " "), g.bindings[i].help)
		}
	}
}

func TestKeysDocument(t *testing.T) {
	a := testApp(t, theme.None, raster.Braille, 120, 36)
	got := keysDocument(a)
	if updating() {
		if err := os.WriteFile("KEYS.md", []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("KEYS.md")
	if err != nil || string(want) != got {
		t.Errorf("KEYS.md is not what the bindings say (%v); write it anew with: go generate ./tui", err)
	}
}

// movement are the keys that move; a screen that binds one of them uses it for
// moving.
var movementKeys = []string{"j", "k", "h", "l", "g", "G", "up", "down", "left", "right", "home", "end", "pgup", "pgdown", "ctrl+d", "ctrl+u", "H", "L"}

// TestOneKeyOneMeaning: no key is bound twice on a screen, nothing shadows a
// movement key, and every binding says what it does.
func TestOneKeyOneMeaning(t *testing.T) {
	a := testApp(t, theme.None, raster.Braille, 120, 36)
	for _, id := range a.order {
		a.current = id
		seen := map[string]string{}
		for _, g := range a.groups() {
			for _, b := range g.bindings {
				if b.help == "" || b.do == nil || len(b.keys) == 0 {
					t.Errorf("screen %d: binding %v says or does nothing", id, b.keys)
				}
				for _, k := range b.keys {
					if other, twice := seen[k]; twice {
						t.Errorf("screen %d: %s means %q and %q", id, k, other, b.help)
					}
					seen[k] = b.help
					if slices.Contains(movementKeys, k) && !moves(b.help) {
						t.Errorf("screen %d: the movement key %s means %q", id, k, b.help)
					}
				}
			}
		}
		for _, k := range []string{"?", "q", "ctrl+c", "i", "tab", "z", "esc"} {
			if seen[k] == "" {
				t.Errorf("screen %d: %s means nothing", id, k)
			}
		}
	}
}

func moves(help string) bool {
	for _, w := range []string{"next", "previous", "first", "last", "page", "back", "on", "left", "right", "further", "before"} {
		if slices.Contains(strings.FieldsFunc(help, func(r rune) bool { return r < 'a' || r > 'z' }), w) {
			return true
		}
	}
	return false
}

// TestDisabledKeysSayWhy: on an empty workspace no key does anything without
// saying why not.
func TestDisabledKeysSayWhy(t *testing.T) {
	a := testAppOver(t, emptySources(), theme.None, raster.Braille, 120, 36)
	for _, id := range a.order {
		a.settle(a.show(id))
		for _, g := range a.front().bindings() {
			for _, b := range g.bindings {
				if why := b.reason(); why == "" {
					a.settle(b.do()) // must not panic
				}
			}
		}
	}
	a.input = nil
	a.settle(a.show(screenPhase))
	press(a, "l")
	if !strings.Contains(a.hint, "not now") || !strings.Contains(a.View(), "not now") {
		t.Errorf("hint %q, expected why l does nothing", a.hint)
	}
}
