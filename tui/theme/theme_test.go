package theme

import (
	"fmt"
	"testing"

	"agar/tui/cell"
)

func ExampleDetect() {
	env := EnvOf([]string{"TERM=xterm-256color", "NO_COLOR=1"})
	fmt.Println(Detect("auto", env, true))
	fmt.Println(Detect("256", env, true))
	// Output:
	// no colour NO_COLOR is set <nil>
	// 256 colours --color 256 <nil>
}

func TestDetect(t *testing.T) {
	for _, c := range []struct {
		flag string
		env  []string
		tty  bool
		want Profile
	}{
		{"", []string{"TERM=xterm", "COLORTERM=truecolor"}, true, TrueColor},
		{"", []string{"TERM=xterm", "COLORTERM=24bit"}, true, TrueColor},
		{"", []string{"TERM=xterm-kitty"}, true, TrueColor},
		{"", []string{"TERM=screen-256color"}, true, ANSI256},
		{"", []string{"TERM=linux"}, true, ANSI16},
		{"", []string{"TERM=dumb", "COLORTERM=truecolor"}, true, None},
		{"", []string{"TERM=xterm-256color", "NO_COLOR="}, true, ANSI256}, // empty counts as unset
		{"", []string{"TERM=xterm-256color", "NO_COLOR=1"}, true, None},
		{"", []string{"TERM=xterm-256color"}, false, None},
		{"", []string{"WT_SESSION=x"}, true, TrueColor},
		{"always", []string{"NO_COLOR=1"}, false, TrueColor},
		{"16", nil, true, ANSI16}, {"never", []string{"COLORTERM=truecolor"}, true, None},
	} {
		got, why, err := Detect(c.flag, EnvOf(c.env), c.tty)
		if err != nil || got != c.want || why == "" {
			t.Errorf("Detect(%q, %v, %v) = %v (%s), %v; expected %v", c.flag, c.env, c.tty, got, why, err, c.want)
		}
	}
	if _, _, err := Detect("rainbow", EnvOf(nil), true); err == nil {
		t.Error("an unknown value was taken")
	}
}

func TestDark(t *testing.T) {
	for v, want := range map[string]bool{"": true, "15;0": true, "0;15": false, "0;default;7": false, "7": true} {
		if got := Dark(EnvOf([]string{"COLORFGBG=" + v})); got != want {
			t.Errorf("COLORFGBG=%q: dark %v, expected %v", v, got, want)
		}
	}
}

// backgrounds are what a theme is meant for.
var backgrounds = map[string][]uint32{
	"viridis-dark": {0x000000, 0x1c1c1c}, "high-contrast": {0x000000, 0x1c1c1c}, "mono": {0x000000, 0x1c1c1c}, "deuter": {0x000000, 0x1c1c1c},
	"viridis-light": {0xffffff},
}

// TestTextIsLegible holds all text to the contrast of 4.5 that WCAG 2.1 asks for
// (1.4.3), and lines to 3 (1.4.11) where they carry data.
func TestTextIsLegible(t *testing.T) {
	for name, p := range palettes {
		for _, bg := range backgrounds[name] {
			text := map[string]swatch{"fg": p.fg, "dim": p.dim, "title": p.title, "accent": p.accent, "pos": p.pos, "neg": p.neg, "warn": p.warn, "focus": p.focus, "cursor": p.cursor}
			for i, s := range p.series {
				text[fmt.Sprintf("series %d", i)] = s
			}
			for slot, s := range text {
				if c := contrast(s.rgb, bg); c < 4.5 {
					t.Errorf("%s on %06x: contrast of %s is %.1f, expected at least 4.5", name, bg, slot, c)
				}
			}
		}
		for i := 1; i < HeatSteps; i++ {
			bg := ramp(p.heat, float64(i-1)/(HeatSteps-2))
			if c := contrast(legible(bg), bg); c < 4.5 {
				t.Errorf("%s: contrast of heat step %d is %.1f, expected at least 4.5", name, i, c)
			}
		}
	}
	if len(backgrounds) != len(palettes) {
		t.Errorf("%d themes have a background here, expected %d", len(backgrounds), len(palettes))
	}
}

func TestHeatStepsDiffer(t *testing.T) {
	for _, c := range []struct {
		p    Profile
		want int // different looks of the steps 1…8
	}{{TrueColor, 8}, {ANSI256, 6}, {ANSI16, 4}} {
		for name := range palettes {
			th, err := New(name, c.p, true)
			if err != nil {
				t.Fatal(err)
			}
			seen := map[cell.Style]bool{}
			for _, s := range th.Heat[1:] {
				seen[s] = true
			}
			if len(seen) < min(c.want, 4) || name == "viridis-dark" && len(seen) < c.want {
				t.Errorf("%s with %s has %d steps of heat, expected %d", name, c.p, len(seen), c.want)
			}
		}
	}
}

func TestNoColourMeansNone(t *testing.T) {
	for _, name := range Names() {
		th, err := New(name, None, true)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range append(th.Heat[:], th.FG, th.Dim, th.Accent, th.Pos, th.Neg, th.Warn, th.Border, th.Sel, th.Series[0]) {
			if s.FG != 0 || s.BG != 0 {
				t.Errorf("%s has the colour %v", name, s)
			}
		}
		if th.Color() || th.Sel.Attr&cell.Reverse == 0 {
			t.Errorf("%s: selections must be reversed and heat must be text", name)
		}
	}
}

func TestNew(t *testing.T) {
	if _, err := New("solarized", TrueColor, true); err == nil {
		t.Error("an unknown theme was taken")
	}
	light, _ := New("auto", TrueColor, false)
	dark, _ := New("", TrueColor, true)
	if light.Name != "viridis-light" || dark.Name != "viridis-dark" {
		t.Errorf("auto is %s on light and %s on dark", light.Name, dark.Name)
	}
}

func TestNearest256(t *testing.T) {
	for _, c := range []struct {
		r, g, b, want uint8
	}{{0, 0, 0, 16}, {255, 255, 255, 231}, {255, 0, 0, 196}, {128, 128, 128, 244}, {95, 135, 175, 67}} {
		if got := nearest256(c.r, c.g, c.b); got != c.want {
			t.Errorf("nearest256(%d, %d, %d) = %d, expected %d", c.r, c.g, c.b, got, c.want)
		}
	}
}
