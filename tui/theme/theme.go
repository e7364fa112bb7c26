package theme

import (
	"fmt"
	"slices"
	"strings"

	"agar/tui/cell"
)

// HeatSteps is the number of steps of Heat, step 0 being no activation.
const HeatSteps = 9

// Theme is a style for every meaning.
type Theme struct {
	Name    string
	Profile Profile

	FG, Dim, Title, Accent cell.Style
	Pos, Neg, Warn         cell.Style // positive, negative, needs attention
	Border, Focus          cell.Style // edges of panels, and of the focused one
	Sel                    cell.Style // selected row, reversed
	Cursor                 cell.Style // position in time
	Heat                   [HeatSteps]cell.Style
	Series                 [8]cell.Style // lines of a chart
}

// Names lists the themes, auto first.
func Names() []string {
	names := make([]string, 0, len(palettes)+1)
	for n := range palettes {
		names = append(names, n)
	}
	slices.Sort(names)
	return append([]string{"auto"}, names...)
}

// New makes the theme name for a profile. auto (or "") is viridis in the variant
// for a dark or a light background.
func New(name string, p Profile, dark bool) (*Theme, error) {
	if name == "" || name == "auto" {
		name = "viridis-light"
		if dark {
			name = "viridis-dark"
		}
	}
	pal, ok := palettes[name]
	if !ok {
		return nil, fmt.Errorf("tui: theme: found %q, expected one of %s", name, strings.Join(Names(), ", "))
	}
	t := &Theme{Name: name, Profile: p, Sel: cell.Style{Attr: cell.Reverse}}
	pal.fill(t, p)
	return t, nil
}

// Color reports whether colours are there to carry heat; without them heat is
// written into the text.
func (t *Theme) Color() bool { return t.Profile != None }

func (pal palette) fill(t *Theme, p Profile) {
	st := func(s swatch) cell.Style { return cell.Style{FG: p.convert(s.rgb, s.ansi)} }
	t.FG, t.Dim, t.Title = st(pal.fg), st(pal.dim), st(pal.title).With(cell.Bold)
	t.Accent, t.Pos, t.Neg = st(pal.accent), st(pal.pos), st(pal.neg)
	t.Warn, t.Border = st(pal.warn).With(cell.Bold), st(pal.border)
	t.Focus, t.Cursor = st(pal.focus), st(pal.cursor)
	if p == ANSI16 {
		t.Dim, t.Border = t.Dim.With(cell.Faint), t.Border.With(cell.Faint)
	}
	for i, s := range pal.series {
		t.Series[i] = st(s)
	}
	t.Heat = pal.heatStyles(p, t.FG)
}

// heatStyles spreads the palette's ramp over steps 1…8.
func (pal palette) heatStyles(p Profile, fg cell.Style) (heat [HeatSteps]cell.Style) {
	heat[0] = fg
	for i := 1; i < HeatSteps; i++ {
		rgb := ramp(pal.heat, float64(i-1)/(HeatSteps-2))
		basic := pal.basic[(i+1)*3/HeatSteps]
		text, ansi := legible(rgb), 15
		if basic > 2 && basic != 4 && basic != 5 && basic != 8 {
			ansi = 0
		}
		heat[i] = cell.Style{FG: p.convert(text, ansi), BG: p.convert(rgb, basic)}
		if p == ANSI16 && basic < 0 {
			heat[i] = fg.With(cell.Underline)
		}
	}
	return heat
}

// ramp interpolates colours linearly, f in [0, 1].
func ramp(c []uint32, f float64) uint32 {
	x := min(max(f, 0), 1) * float64(len(c)-1)
	i := min(int(x), len(c)-2)
	var out uint32
	for shift := 16; shift >= 0; shift -= 8 {
		a, b := float64(c[i]>>shift&0xff), float64(c[i+1]>>shift&0xff)
		out |= uint32(a+(b-a)*(x-float64(i))+.5) << shift
	}
	return out
}
