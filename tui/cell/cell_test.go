package cell

import (
	"fmt"
	"strings"
	"testing"
	"testing/quick"

	"github.com/charmbracelet/x/ansi"
)

func ExampleGrid() {
	g := New(16, 3)
	g.Box(g.Bounds(), "loss", "", false, Style{}, Style{})
	g.Text(g.Bounds().Inner(), "医生 says: wait", Style{})
	fmt.Println(g.Plain())
	// Output:
	// ┌─ loss ───────┐
	// │ 医生 says: … │
	// └──────────────┘
}

// awkward are texts whose width is easy to get wrong.
var awkward = []string{
	"", "a", "abc def", "医生", "a医b", "🙂", "👨‍👩‍👧‍👦 family", "é combining", "️x", "\x00\x01\t\n\r", "\u202eright\u202c to left",
	"\u200bzero width", "\xff\xfe broken", "🇩🇪 flag", "❤️ heart", "ﷺ", "हिन्दी", strings.Repeat("宽", 40), "ｆｕｌｌ", "\u00ad\u2028",
}

// checkFrame fails when a line of g is not exactly W cells wide for the terminal
// library that measures frames.
func checkFrame(t *testing.T, g *Grid) {
	t.Helper()
	lines := strings.Split(g.String(), "\n")
	if len(lines) != max(g.H, 1) {
		t.Fatalf("%d lines, expected %d", len(lines), g.H)
	}
	for i, l := range lines {
		if w := ansi.StringWidth(l); w != g.W {
			t.Fatalf("line %d is %d cells wide, expected %d: %q", i, w, g.W, l)
		}
	}
}

func TestNothingLeavesTheGrid(t *testing.T) {
	for _, s := range awkward {
		for w := range 12 {
			g := New(w, 2)
			g.Text(Rect{-2, 0, 30, 1}, s, Style{Attr: Bold})
			g.Raw(Rect{3, 1, 30, 1}, s, Style{FG: Indexed(3)})
			g.Right(Rect{0, 1, w, 1}, s, Style{BG: RGB(1, 2, 3)})
			g.Raw(Rect{w - 1, 5, 9, 1}, s, Style{})
			checkFrame(t, g)
		}
	}
}

func TestOverwritingHalfOfAWideCharacter(t *testing.T) {
	for x := range 8 {
		g := New(8, 1)
		g.Text(g.Bounds(), "医生医生", Style{})
		g.Raw(Rect{x, 0, 1, 1}, "x", Style{})
		checkFrame(t, g)
		if !strings.Contains(g.Plain(), "x") {
			t.Errorf("x at %d was lost: %q", x, g.Plain())
		}
		g.Raw(Rect{x, 0, 2, 1}, "宽", Style{})
		checkFrame(t, g)
	}
}

func TestTextHelpersKeepTheirWidth(t *testing.T) {
	check := func(s string, width uint8) bool {
		w := int(width % 40)
		for _, l := range Wrap(s, w) {
			if Width(l) > max(w, 1) {
				t.Errorf("Wrap(%q, %d) gave %q of %d cells", s, w, l, Width(l))
				return false
			}
		}
		return Width(Truncate(s, w)) <= w && Width(PadRight(s, w)) == w && Width(PadLeft(s, w)) >= min(w, Width(s))
	}
	for _, s := range awkward {
		for w := range uint8(20) {
			if !check(s, w) {
				t.Errorf("width of %q in %d cells", s, w)
			}
		}
	}
	if err := quick.Check(check, &quick.Config{MaxCount: 2000}); err != nil {
		t.Error(err)
	}
}

func TestTruncate(t *testing.T) {
	for _, c := range []struct {
		in   string
		w    int
		want string
	}{
		{"abc", 3, "abc"}, {"abcd", 3, "ab…"}, {"医生", 4, "医生"}, {"医生", 3, "医…"}, {"医生", 2, "…"}, {"abc", 1, "…"}, {"abc", 0, ""}, {"", 3, ""},
	} {
		if got := Truncate(c.in, c.w); got != c.want {
			t.Errorf("Truncate(%q, %d) = %q, expected %q", c.in, c.w, got, c.want)
		}
	}
}

func TestControlCharactersBecomeVisible(t *testing.T) {
	g := New(8, 1)
	g.Text(g.Bounds(), "a\nb\t\x1b[1m", Style{})
	if got, want := g.Plain(), "a⏎b→�[1m"; got != want {
		t.Errorf("got %q, expected %q", got, want)
	}
}

func TestStyles(t *testing.T) {
	g := New(4, 1)
	g.Raw(Rect{0, 0, 1, 1}, "a", Style{FG: Indexed(9), Attr: Bold | Reverse})
	g.Raw(Rect{1, 0, 1, 1}, "b", Style{FG: RGB(1, 2, 3), BG: Indexed(200)})
	if got, want := g.String(), "\x1b[0;1;7;91ma\x1b[0;38;2;1;2;3;48;5;200mb\x1b[0m  "; got != want {
		t.Errorf("got %q, expected %q", got, want)
	}
	g.Restyle(g.Bounds(), func(Style) Style { return Style{} })
	if got, want := g.String(), "ab  "; got != want {
		t.Errorf("got %q, expected %q", got, want)
	}
}

func TestRectanglesPartition(t *testing.T) {
	for w := range 30 {
		for n := 1; n < 6; n++ {
			r, sum := Rect{3, 4, w, w}, 0
			for _, c := range r.Columns(n) {
				sum += c.W
			}
			for _, c := range r.Rows(n) {
				sum += c.H
			}
			if sum != 2*w {
				t.Errorf("%d columns and rows of %d cover %d", n, w, sum)
			}
		}
	}
}

func TestASCIIKeepsTheWidth(t *testing.T) {
	for from, to := range asciiOf {
		if len(to) != Width(from) {
			t.Errorf("%q of %d cells became %q", from, Width(from), to)
		}
	}
}

func FuzzText(f *testing.F) {
	for _, s := range awkward {
		f.Add(s, 7)
	}
	f.Fuzz(func(t *testing.T, s string, w int) {
		w = ((w % 50) + 50) % 50
		g := New(w, 2)
		g.Text(g.Bounds(), s, Style{Attr: Bold})
		g.Box(g.Bounds(), s, s, true, Style{}, Style{})
		checkFrame(t, g)
		if Width(Truncate(s, w)) > w {
			t.Errorf("Truncate(%q, %d) is %d cells wide", s, w, Width(Truncate(s, w)))
		}
	})
}
