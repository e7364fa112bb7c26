package raster

import "agar/tui/cell"

// Dots is a bitmap of W×H cells, several dots each. Every cell has one style,
// that of the last dot set in it.
type Dots struct {
	W, H   int
	sym    Symbols
	dx, dy int
	mask   []uint8
	style  []cell.Style
}

// NewDots makes an empty bitmap for w×h cells.
func NewDots(w, h int, s Symbols) *Dots {
	d := &Dots{W: max(w, 0), H: max(h, 0), sym: s}
	d.dx, d.dy = s.dots()
	d.mask = make([]uint8, d.W*d.H)
	d.style = make([]cell.Style, d.W*d.H)
	return d
}

// Size is the number of dots across and down.
func (d *Dots) Size() (w, h int) { return d.W * d.dx, d.H * d.dy }

// Set lights the dot x, y, counted from the upper left; dots outside are ignored.
func (d *Dots) Set(x, y int, st cell.Style) {
	w, h := d.Size()
	if x < 0 || y < 0 || x >= w || y >= h {
		return
	}
	i := y/d.dy*d.W + x/d.dx
	d.mask[i] |= 1 << (x%d.dx + d.dx*(y%d.dy))
	d.style[i] = st
}

// Span lights column x from row y0 to row y1.
func (d *Dots) Span(x, y0, y1 int, st cell.Style) {
	_, h := d.Size()
	for y := max(min(y0, y1), 0); y <= min(max(y0, y1), h-1); y++ {
		d.Set(x, y, st)
	}
}

// Segment lights the dots on the straight line between two dots (Bresenham).
func (d *Dots) Segment(x0, y0, x1, y1 int, st cell.Style) {
	dx, dy := abs(x1-x0), -abs(y1-y0)
	sx, sy := sign(x1-x0), sign(y1-y0)
	for err := dx + dy; ; {
		d.Set(x0, y0, st)
		if x0 == x1 && y0 == y1 {
			return
		}
		if e := 2 * err; e >= dy {
			err += dy
			x0 += sx
			if e > dx {
				continue
			}
			err += dx
			y0 += sy
		} else {
			err += dx
			y0 += sy
		}
	}
}

func abs(x int) int { return max(x, -x) }

func sign(x int) int {
	switch {
	case x > 0:
		return 1
	case x < 0:
		return -1
	}
	return 0
}

// Draw puts the lit cells onto g at the upper left corner of r, clipped to r;
// cells without dots leave g as it is.
func (d *Dots) Draw(g *cell.Grid, r cell.Rect) {
	for y := range min(d.H, r.H) {
		for x := range min(d.W, r.W) {
			if m := d.mask[y*d.W+x]; m != 0 {
				g.Raw(cell.Rect{X: r.X + x, Y: r.Y + y, W: 1, H: 1}, d.sym.glyph(m), d.style[y*d.W+x])
			}
		}
	}
}

// Empty reports whether no dot is lit.
func (d *Dots) Empty() bool {
	for _, m := range d.mask {
		if m != 0 {
			return false
		}
	}
	return true
}
