package report

import (
	"fmt"
	"strings"

	"golang.org/x/image/font/sfnt"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
)

// plain stands for signs that formulas use and the plots' font may lack.
var plain = map[rune]string{'‖': "||", '‑': "-", '−': "-", '→': "->", '≤': "<=", '≥': ">=", '₁': "1", '₂': "2", '\t': " ", '\n': " "}

// Escape writes s in glyphs that the plots' font has: plots drop others silently. A
// sign of a formula becomes its ASCII form, anything else, as in tokens of other
// scripts, its code point as U+4E2D.
func Escape(s string) string {
	face := plot.DefaultTextHandler.Cache().Lookup(font.Font{Typeface: "Liberation", Variant: "Sans"}, fontSize)
	var buf sfnt.Buffer
	var b strings.Builder
	for _, r := range s {
		i, err := face.Face.GlyphIndex(&buf, r)
		switch p, ok := plain[r]; {
		case r >= ' ' && err == nil && i != 0:
			b.WriteRune(r)
		case ok:
			b.WriteString(p)
		default:
			fmt.Fprintf(&b, "U+%04X", r)
		}
	}
	return b.String()
}
