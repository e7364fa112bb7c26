package cell

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
)

// cluster splits the first grapheme cluster off s and returns it in a form that
// every terminal gives the same width: control and bidirectional characters
// become visible stand-ins, joined emoji are reduced to their first, variation
// selectors are dropped. w is 1 or 2.
func cluster(s string) (text string, w int, rest string) {
	if c := s[0]; c < utf8.RuneSelf && (len(s) == 1 || s[1] < utf8.RuneSelf) {
		return control(s[:1]), 1, s[1:]
	}
	c, w := ansi.FirstGraphemeCluster(s, ansi.GraphemeWidth)
	if c == "" {
		return "�", 1, s[1:]
	}
	rest = s[len(c):]
	r, n := utf8.DecodeRuneInString(c)
	switch {
	case r == utf8.RuneError || hidden(r):
		return "�", 1, rest
	case r < ' ' || r == 0x7f:
		return control(c[:1]), 1, rest
	case strings.ContainsFunc(c, disputed):
		c = c[:n]
		w = ansi.StringWidth(c)
	}
	if w < 1 {
		return "�", 1, rest
	}
	return c, w, rest
}

// disputed reports characters that some terminals take into the cell before them
// and others do not: joiners, variation selectors, skin tones, flags.
func disputed(r rune) bool {
	return r == '\u200d' || r == '\ufe0e' || r == '\ufe0f' || r >= 0x1f3fb && r <= 0x1f3ff || r >= 0x1f1e6 && r <= 0x1f1ff
}

// hidden reports characters that take no cell of their own or reorder others.
func hidden(r rune) bool {
	return r >= 0x80 && (unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Cc, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r))
}

// control gives the stand-in of an ASCII character.
func control(c string) string {
	switch {
	case c[0] >= ' ' && c[0] != 0x7f:
		return c
	case c == "\n":
		return "⏎"
	case c == "\t":
		return "→"
	case c == "\r":
		return "␍"
	}
	return "�"
}

// Width is the number of cells that s takes on a Grid.
func Width(s string) int {
	n := 0
	for s != "" {
		_, w, rest := cluster(s)
		n, s = n+w, rest
	}
	return n
}

// Truncate shortens s to at most w cells and ends it with … when something was
// cut.
func Truncate(s string, w int) string {
	if w <= 0 {
		return ""
	}
	n, end := 0, 0
	for rest := s; rest != ""; {
		_, cw, r := cluster(rest)
		if n+cw > w {
			return s[:end] + "…"
		}
		n += cw
		rest = r
		if n < w || rest == "" {
			end = len(s) - len(rest)
		}
	}
	return s
}

// PadLeft right-aligns s in w cells; longer text is returned as it is, since
// numbers are never cut.
func PadLeft(s string, w int) string {
	return strings.Repeat(" ", max(w-Width(s), 0)) + s
}

// PadRight cuts or fills s to exactly w cells.
func PadRight(s string, w int) string {
	s = Truncate(s, w)
	return s + strings.Repeat(" ", max(w-Width(s), 0))
}

// Wrap breaks s at spaces into lines of at most w cells; words that are longer
// are cut. Newlines in s begin new lines.
func Wrap(s string, w int) []string {
	var lines []string
	for part := range strings.SplitSeq(s, "\n") {
		lines = append(lines, wrapLine(part, max(w, 1))...)
	}
	return lines
}

func wrapLine(s string, w int) []string {
	var lines []string
	line, used := "", 0
	for _, word := range strings.Fields(s) {
		n := Width(word)
		if used > 0 && used+1+n > w {
			lines, line, used = append(lines, line), "", 0
		}
		if used > 0 {
			line, used = line+" ", used+1
		}
		word = Truncate(word, w-used)
		line, used = line+word, used+Width(word)
	}
	return append(lines, line)
}
