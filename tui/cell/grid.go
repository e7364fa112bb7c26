package cell

import "strings"

// Grid is a frame of W×H cells.
type Grid struct {
	W, H  int
	cells []gridCell
	// Fold, when not nil, replaces each piece of text as it is rendered; it must
	// keep the width. It is how the ASCII symbol set is made.
	Fold func(string) string
}

// gridCell holds one cluster; the second cell of a wide one has wide set and no
// text.
type gridCell struct {
	text  string
	style Style
	wide  bool
}

// New returns a blank grid. Negative sizes count as 0.
func New(w, h int) *Grid {
	g := &Grid{}
	g.Resize(w, h)
	return g
}

// Resize makes the grid w×h and blank, reusing its memory.
func (g *Grid) Resize(w, h int) {
	g.W, g.H = max(w, 0), max(h, 0)
	n := g.W * g.H
	if cap(g.cells) < n {
		g.cells = make([]gridCell, n)
	}
	g.cells = g.cells[:n]
	clear(g.cells)
}

// Bounds is the whole grid.
func (g *Grid) Bounds() Rect { return Rect{0, 0, g.W, g.H} }

// set puts one cluster of w cells at x, y, which lies inside the grid.
func (g *Grid) set(x, y int, text string, w int, s Style) {
	i := y*g.W + x
	g.split(i)
	if w == 2 {
		g.split(i + 1)
		g.cells[i+1] = gridCell{style: s, wide: true}
	}
	g.cells[i] = gridCell{text: text, style: s}
}

// split blanks the other half of a wide cluster that cell i is part of.
func (g *Grid) split(i int) {
	if g.cells[i].wide {
		g.cells[i-1].text = ""
		g.cells[i].wide = false
	}
	if (i+1)%g.W != 0 && g.cells[i+1].wide {
		g.cells[i+1].wide = false
	}
}

// Text writes s into the first row of r and returns the number of cells used.
// What does not fit is cut; with cut text the last cell is ….
func (g *Grid) Text(r Rect, s string, st Style) int {
	if r.H < 1 {
		return 0
	}
	return g.Raw(r, Truncate(s, r.W), st)
}

// Raw is Text without the … of cut text.
func (g *Grid) Raw(r Rect, s string, st Style) int {
	used := 0
	if r.Y < 0 || r.Y >= g.H || r.H < 1 {
		return 0
	}
	for s != "" {
		text, w, rest := cluster(s)
		if used+w > r.W || r.X+used+w > g.W {
			break
		}
		if r.X+used >= 0 {
			g.set(r.X+used, r.Y, text, w, st)
		}
		used, s = used+w, rest
	}
	return used
}

// Right writes s at the right end of the first row of r.
func (g *Grid) Right(r Rect, s string, st Style) {
	s = Truncate(s, r.W)
	w := Width(s)
	g.Raw(Rect{r.X + r.W - w, r.Y, w, r.H}, s, st)
}

// Fill sets every cell of r to the one-cell text s.
func (g *Grid) Fill(r Rect, s string, st Style) {
	r = r.Intersect(g.Bounds())
	for y := r.Y; y < r.Y+r.H; y++ {
		for x := r.X; x < r.X+r.W; x++ {
			g.set(x, y, s, 1, st)
		}
	}
}

// Restyle changes the style of every cell of r to what f makes of it.
func (g *Grid) Restyle(r Rect, f func(Style) Style) {
	r = r.Intersect(g.Bounds())
	for y := r.Y; y < r.Y+r.H; y++ {
		row := g.cells[y*g.W+r.X : y*g.W+r.X+r.W]
		for i := range row {
			row[i].style = f(row[i].style)
		}
	}
}

// Blank reports whether the cell at x, y has no text; cells outside have none.
func (g *Grid) Blank(x, y int) bool {
	if x < 0 || y < 0 || x >= g.W || y >= g.H {
		return true
	}
	c := g.cells[y*g.W+x]
	return !c.wide && (c.text == "" || c.text == " ")
}

// String renders the grid: H lines joined by newlines, each of exactly W cells.
func (g *Grid) String() string {
	b := make([]byte, 0, g.W*g.H*3)
	for y := range g.H {
		if y > 0 {
			b = append(b, '\n')
		}
		b = g.appendLine(b, g.cells[y*g.W:(y+1)*g.W])
	}
	return string(b)
}

func (g *Grid) appendLine(b []byte, line []gridCell) []byte {
	var now Style
	for _, c := range line {
		if c.wide {
			continue
		}
		if c.style != now {
			b = c.style.appendSGR(b)
			now = c.style
		}
		switch {
		case c.text == "":
			b = append(b, ' ')
		case g.Fold != nil:
			b = append(b, g.Fold(c.text)...)
		default:
			b = append(b, c.text...)
		}
	}
	if now != (Style{}) {
		b = append(b, "\x1b[0m"...)
	}
	return b
}

// Plain renders without styles; trailing blanks of a line stay.
func (g *Grid) Plain() string {
	var b strings.Builder
	for y := range g.H {
		if y > 0 {
			b.WriteByte('\n')
		}
		for _, c := range g.cells[y*g.W : (y+1)*g.W] {
			switch {
			case c.wide:
			case c.text == "":
				b.WriteByte(' ')
			default:
				b.WriteString(c.text)
			}
		}
	}
	return b.String()
}
