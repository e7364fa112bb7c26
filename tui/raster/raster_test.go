package raster

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/quick"

	"agar/tui/cell"
)

func ExampleDots_Line() {
	g := cell.New(8, 2)
	d := NewDots(8, 2, Braille)
	ys := []float64{4, 3, 2, 1, 0, 1, 2, 3}
	yr, _ := Of(ys)
	d.Line(nil, ys, Range{Lo: 0, Hi: 7}, yr, cell.Style{})
	d.Draw(g, g.Bounds())
	fmt.Println(g.Plain())
	// Output:
	// ⠑⢄⡀   ⢀⠤
	//   ⠈⠢⢄⠔⠁
}

var allSymbols = []Symbols{Braille, Block, ASCII}

func TestGlyphsAreOneCell(t *testing.T) {
	for _, s := range allSymbols {
		dx, dy := s.dots()
		seen := map[string]bool{}
		for m := range 1 << (dx * dy) {
			g := s.glyph(uint8(m))
			if cell.Width(g) != 1 {
				t.Errorf("%s glyph %q of mask %d is %d cells wide", s, g, m, cell.Width(g))
			}
			if seen[g] {
				t.Errorf("%s mask %d looks like another: %q", s, m, g)
			}
			seen[g] = true
		}
	}
}

func TestBrailleBits(t *testing.T) {
	d := NewDots(1, 1, Braille)
	d.Set(0, 0, cell.Style{})
	d.Set(1, 3, cell.Style{})
	g := cell.New(1, 1)
	d.Draw(g, g.Bounds())
	if got, want := g.Plain(), "⢁"; got != want { // dots 1 and 8
		t.Errorf("got %s, expected %s", got, want)
	}
}

// lit are the dots of a bitmap.
func lit(d *Dots) map[[2]int]bool {
	w, h := d.Size()
	out := map[[2]int]bool{}
	for y := range h {
		for x := range w {
			if d.mask[y/d.dy*d.W+x/d.dx]>>(x%d.dx+d.dx*(y%d.dy))&1 == 1 {
				out[[2]int{x, y}] = true
			}
		}
	}
	return out
}

func TestLineShowsEveryPeak(t *testing.T) {
	ys := make([]float64, 100_000)
	ys[54_321], ys[77] = 1, -1
	for _, s := range allSymbols {
		d := NewDots(40, 4, s)
		d.Line(nil, ys, Range{0, float64(len(ys) - 1)}, Range{-1, 1}, cell.Style{})
		w, h := d.Size()
		dots := lit(d)
		for _, at := range [][2]int{{Range{0, 99_999}.Place(54_321, w), 0}, {0, h - 1}} {
			if !dots[at] {
				t.Errorf("%s: the peak at %v is not drawn", s, at)
			}
		}
	}
}

func TestLineHasNoHolesAndKeepsGaps(t *testing.T) {
	check := func(raw []int16, gap uint8) bool {
		if len(raw) < 2 {
			return true
		}
		ys := make([]float64, len(raw))
		for i, v := range raw {
			ys[i] = float64(v)
		}
		d := NewDots(20, 5, Braille)
		yr, _ := Of(ys)
		d.Line(nil, ys, Range{0, float64(len(ys) - 1)}, yr, cell.Style{})
		w, _ := d.Size()
		dots := lit(d)
		for x := range w {
			if _, n := column(dots, x); n == 0 {
				t.Errorf("column %d of %v is empty", x, ys)
				return false
			}
		}
		return true
	}
	if err := quick.Check(check, &quick.Config{MaxCount: 300}); err != nil {
		t.Error(err)
	}
	d := NewDots(10, 2, Braille)
	d.Line(nil, []float64{1, math.NaN(), math.Inf(1), 1}, Range{0, 3}, Range{0, 2}, cell.Style{})
	if n := len(lit(d)); n != 2 {
		t.Errorf("%d dots for two single points, expected 2", n)
	}
}

// column is the lowest lit row of a column and their number.
func column(dots map[[2]int]bool, x int) (low, n int) {
	for p := range dots {
		if p[0] == x {
			low, n = max(low, p[1]), n+1
		}
	}
	return low, n
}

func TestPlaceAtTheEdges(t *testing.T) {
	for _, c := range []struct {
		r    Range
		v    float64
		n    int
		want int
	}{
		{Range{0, 1}, 0, 10, 0}, {Range{0, 1}, 1, 10, 9}, {Range{0, 1}, -5, 10, 0}, {Range{0, 1}, 7, 10, 9},
		{Range{2, 2}, 2, 10, 5}, {Range{0, 1}, .5, 1, 0}, {Range{0, 1}, .5, 0, 0}, {Range{0, math.Inf(1)}, 3, 4, 2},
	} {
		if got := c.r.Place(c.v, c.n); got != c.want {
			t.Errorf("%v.Place(%v, %d) = %d, expected %d", c.r, c.v, c.n, got, c.want)
		}
	}
}

func TestPathIsConnected(t *testing.T) {
	d := NewDots(10, 5, Braille)
	d.Path([]float64{0, 5, 0, 9}, []float64{0, 9, 3, 3}, Range{0, 9}, Range{0, 9}, cell.Style{})
	dots := lit(d)
	for p := range dots {
		near := false
		for q := range dots {
			near = near || p != q && abs(p[0]-q[0]) <= 1 && abs(p[1]-q[1]) <= 1
		}
		if !near {
			t.Errorf("dot %v has no neighbour", p)
		}
	}
	if len(dots) < 20 {
		t.Errorf("only %d dots", len(dots))
	}
}

func TestSpark(t *testing.T) {
	for _, c := range []struct {
		v    []float64
		w    int
		sym  Symbols
		want string
	}{
		{[]float64{0, 1}, 2, Braille, "▁▇"}, {[]float64{0, 1}, 4, Braille, "▁▁▇▇"}, {[]float64{3, 3}, 2, Braille, "▁▁"},
		{[]float64{math.NaN(), 1, 2}, 3, Braille, " ▁▇"}, {nil, 3, Braille, "   "}, {[]float64{0, 1}, 2, ASCII, ".#"}, {[]float64{1}, 0, Braille, ""},
	} {
		if got := Spark(c.v, c.w, c.sym); got != c.want {
			t.Errorf("Spark(%v, %d) = %q, expected %q", c.v, c.w, got, c.want)
		}
	}
}

func TestBarsHaveTheirWidth(t *testing.T) {
	for _, f := range []float64{-1, 0, .3, 1, 2, math.NaN()} {
		for w := range 12 {
			full, rest := Bar(f, w, Braille)
			if got := cell.Width(full) + cell.Width(rest); got != w {
				t.Errorf("Bar(%v, %d) is %d cells wide", f, w, got)
			}
		}
	}
}

func TestColumnsShowEveryCount(t *testing.T) {
	g := cell.New(6, 3)
	Columns(g, g.Bounds(), []float64{0, 1, 1e6, 0, 3, 1e3}, false, Braille, cell.Style{})
	lines := strings.Split(g.Plain(), "\n")
	if got, want := lines[2], " ▁█ ▁▁"; got != want {
		t.Errorf("lowest row %q, expected %q", got, want)
	}
	if got, want := lines[0], "  █   "; got != want {
		t.Errorf("highest row %q, expected %q", got, want)
	}
}

func TestPyramid(t *testing.T) {
	check := func(raw []int8, width uint8) bool {
		var p Pyramid
		lo, hi := math.Inf(1), math.Inf(-1)
		for _, v := range raw {
			p.Append(float64(v))
			lo, hi = min(lo, float64(v)), max(hi, float64(v))
		}
		w := int(width%20) + 1
		spans := p.Spans(w)
		if len(raw) == 0 {
			return len(spans) == 0 && p.Len() == 0
		}
		r := Range{math.Inf(1), math.Inf(-1)}
		for _, s := range spans {
			r.Lo, r.Hi = min(r.Lo, s.Lo), max(r.Hi, s.Hi)
		}
		last, ok := p.Last()
		return r == Range{lo, hi} && len(spans) <= factor*w && ok && last == float64(raw[len(raw)-1]) && p.Len() == len(raw)
	}
	if err := quick.Check(check, &quick.Config{MaxCount: 500}); err != nil {
		t.Error(err)
	}
	var p Pyramid
	for i := range 10_000 {
		p.Append(float64(i))
		p.Append(math.NaN())
	}
	for i, s := range p.Spans(10) {
		if s.Lo >= s.Hi && i > 0 {
			t.Errorf("span %d is %v, expected ascending values", i, s)
		}
	}
	if n := len(p.Values(10)); n > 80 {
		t.Errorf("%d values for 10 columns, expected at most 80", n)
	}
}

func TestParseSymbols(t *testing.T) {
	for _, c := range []struct {
		flag, term, locale string
		want               Symbols
	}{
		{"", "xterm-256color", "en_US.UTF-8", Braille}, {"auto", "linux", "", ASCII}, {"auto", "dumb", "", ASCII}, {"", "xterm", "C", ASCII},
		{"", "xterm", "", Braille}, {"block", "linux", "C", Block}, {"ascii", "xterm", "", ASCII}, {"braille", "dumb", "", Braille},
	} {
		if got, _, err := ParseSymbols(c.flag, c.term, c.locale); err != nil || got != c.want {
			t.Errorf("ParseSymbols(%q, %q, %q) = %v, %v; expected %v", c.flag, c.term, c.locale, got, err, c.want)
		}
	}
	if _, _, err := ParseSymbols("hieroglyphs", "xterm", ""); err == nil {
		t.Error("an unknown set was taken")
	}
}

func FuzzLine(f *testing.F) {
	f.Add([]byte{1, 2, 3, 255, 0}, uint8(5), uint8(3))
	f.Fuzz(func(t *testing.T, raw []byte, w, h uint8) {
		ys := make([]float64, len(raw))
		for i, b := range raw {
			ys[i] = float64(b)
			if b == 255 {
				ys[i] = math.NaN()
			}
		}
		g := cell.New(int(w%60), int(h%20))
		for _, s := range allSymbols {
			d := NewDots(g.W, g.H, s)
			yr, _ := Of(ys)
			d.Line(nil, ys, Range{0, float64(len(ys))}, yr, cell.Style{})
			d.Path(ys, ys, yr, yr, cell.Style{})
			d.Band(ys, ys, ys, yr, yr, cell.Style{})
			d.Draw(g, g.Bounds())
			Columns(g, g.Bounds(), ys, true, s, cell.Style{})
		}
	})
}

func BenchmarkLine(b *testing.B) {
	for _, n := range []int{100, 10_000, 1_000_000} {
		ys := make([]float64, n)
		for i := range ys {
			ys[i] = math.Sin(float64(i) / 50)
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				d := NewDots(100, 10, Braille)
				d.Line(nil, ys, Range{0, float64(n)}, Range{-1, 1}, cell.Style{})
			}
		})
	}
}
