package theme

import (
	"fmt"
	"strings"

	"agar/tui/cell"
)

// Profile is how many colours a terminal can show.
type Profile uint8

// Profiles from poorest to richest.
const (
	None Profile = iota
	ANSI16
	ANSI256
	TrueColor
)

// String names the profile as a person would.
func (p Profile) String() string {
	return [...]string{"no colour", "16 colours", "256 colours", "true colour"}[p]
}

// Env looks a variable up, as os.LookupEnv does.
type Env func(name string) (string, bool)

// EnvOf makes an Env of KEY=VALUE strings; later ones win.
func EnvOf(environ []string) Env {
	m := map[string]string{}
	for _, kv := range environ {
		if k, v, ok := strings.Cut(kv, "="); ok {
			m[k] = v
		}
	}
	return func(name string) (string, bool) {
		v, ok := m[name]
		return v, ok
	}
}

func (e Env) get(name string) string {
	v, _ := e(name)
	return v
}

// Detect chooses the profile. flag is auto (or ""), always, 256, 16 or never; tty
// says whether output goes to a terminal. why is the ground in a few words. An
// explicit flag is stronger than NO_COLOR.
func Detect(flag string, env Env, tty bool) (p Profile, why string, err error) {
	switch flag {
	case "always":
		return TrueColor, "--color always", nil
	case "256":
		return ANSI256, "--color 256", nil
	case "16":
		return ANSI16, "--color 16", nil
	case "never":
		return None, "--color never", nil
	case "", "auto":
		p, why = detectEnv(env, tty)
		return p, why, nil
	}
	return None, "", fmt.Errorf("tui: colour: found %q, expected auto, always, 256, 16 or never", flag)
}

func detectEnv(env Env, tty bool) (Profile, string) {
	if v, ok := env("NO_COLOR"); ok && v != "" {
		return None, "NO_COLOR is set"
	}
	if !tty {
		return None, "output is no terminal"
	}
	name, color := env.get("TERM"), strings.ToLower(env.get("COLORTERM"))
	switch {
	case name == "dumb":
		return None, "TERM=dumb"
	case color == "truecolor" || color == "24bit":
		return TrueColor, "COLORTERM=" + color
	case env.get("WT_SESSION") != "":
		return TrueColor, "Windows Terminal"
	case hasAny(name, "direct", "kitty", "ghostty", "alacritty", "wezterm", "foot"):
		return TrueColor, "TERM=" + name
	case strings.Contains(name, "256color"):
		return ANSI256, "TERM=" + name
	}
	return ANSI16, "TERM=" + name
}

func hasAny(s string, parts ...string) bool {
	for _, p := range parts {
		if strings.Contains(s, p) {
			return true
		}
	}
	return false
}

// Dark guesses from COLORFGBG whether the background is dark; it is taken to be
// dark when the terminal says nothing.
func Dark(env Env) bool {
	v := env.get("COLORFGBG")
	i := strings.LastIndexByte(v, ';')
	if i < 0 {
		return true
	}
	bg := v[i+1:]
	return bg != "7" && bg != "15"
}

// convert brings an RGB colour to what p can show. ansi is the basic colour that
// stands for it among 16; −1 is the terminal's default.
func (p Profile) convert(rgb uint32, ansi int) cell.Color {
	r, g, b := uint8(rgb>>16), uint8(rgb>>8), uint8(rgb)
	switch {
	case p == TrueColor:
		return cell.RGB(r, g, b)
	case p == ANSI256:
		return cell.Indexed(nearest256(r, g, b))
	case p == ANSI16 && ansi >= 0:
		return cell.Indexed(uint8(ansi))
	}
	return 0
}

// levels of the 6×6×6 colour cube of 256-colour terminals.
var levels = [6]int{0, 95, 135, 175, 215, 255}

// nearest256 is the entry of the cube or of the grey ramp with the least squared
// distance.
func nearest256(r, g, b uint8) uint8 {
	cube := [3]int{level(r), level(g), level(b)}
	grey := min(max((int(r)+int(g)+int(b))/3-3, 0)/10, 23)
	gv := 8 + 10*grey
	if distance(r, g, b, gv, gv, gv) < distance(r, g, b, levels[cube[0]], levels[cube[1]], levels[cube[2]]) {
		return uint8(232 + grey)
	}
	return uint8(16 + 36*cube[0] + 6*cube[1] + cube[2])
}

func level(v uint8) int {
	best := 0
	for i, l := range levels {
		if abs(l-int(v)) < abs(levels[best]-int(v)) {
			best = i
		}
	}
	return best
}

func abs(x int) int { return max(x, -x) }

func distance(r, g, b uint8, x, y, z int) int {
	dr, dg, db := int(r)-x, int(g)-y, int(b)-z
	return dr*dr + dg*dg + db*db
}
