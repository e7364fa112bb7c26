package cell

// Rect is a rectangle of cells.
type Rect struct{ X, Y, W, H int }

// Empty reports whether r has no cells.
func (r Rect) Empty() bool { return r.W <= 0 || r.H <= 0 }

// Inset takes dx columns off both sides and dy rows off both ends.
func (r Rect) Inset(dx, dy int) Rect {
	return Rect{r.X + dx, r.Y + dy, max(r.W-2*dx, 0), max(r.H-2*dy, 0)}
}

// Inner is what a box drawn on the edge of r encloses, with a column of air at
// both sides.
func (r Rect) Inner() Rect { return r.Inset(2, 1) }

// Row is row i of r, one cell high; empty below the last.
func (r Rect) Row(i int) Rect {
	if i < 0 || i >= r.H {
		return Rect{r.X, r.Y, 0, 0}
	}
	return Rect{r.X, r.Y + i, r.W, 1}
}

// Top splits the upper n rows off.
func (r Rect) Top(n int) (top, rest Rect) {
	n = min(max(n, 0), r.H)
	return Rect{r.X, r.Y, r.W, n}, Rect{r.X, r.Y + n, r.W, r.H - n}
}

// Left splits the n columns at the left off.
func (r Rect) Left(n int) (left, rest Rect) {
	n = min(max(n, 0), r.W)
	return Rect{r.X, r.Y, n, r.H}, Rect{r.X + n, r.Y, r.W - n, r.H}
}

// Columns divides r into n rectangles side by side; the first ones are a column
// wider when W is no multiple of n.
func (r Rect) Columns(n int) []Rect {
	out := make([]Rect, n)
	for i := range out {
		out[i], r = r.Left((r.W + n - i - 1) / (n - i))
	}
	return out
}

// Rows divides r into n rectangles one above the other; the first ones are a row
// taller when H is no multiple of n.
func (r Rect) Rows(n int) []Rect {
	out := make([]Rect, n)
	for i := range out {
		out[i], r = r.Top((r.H + n - i - 1) / (n - i))
	}
	return out
}

// Intersect is the part that r and o share.
func (r Rect) Intersect(o Rect) Rect {
	x, y := max(r.X, o.X), max(r.Y, o.Y)
	return Rect{x, y, max(min(r.X+r.W, o.X+o.W)-x, 0), max(min(r.Y+r.H, o.Y+o.H)-y, 0)}
}
