package cell

// Box draws a border on the edge of r, heavy when focused, with title at the left
// of the upper edge and note at its right.
func (g *Grid) Box(r Rect, title, note string, heavy bool, border, text Style) {
	if r.W < 4 || r.H < 2 {
		return
	}
	parts := [6]string{"─", "│", "┌", "┐", "└", "┘"}
	if heavy {
		parts = [6]string{"━", "┃", "┏", "┓", "┗", "┛"}
	}
	g.edges(r, parts, border)
	room := r.W - 4
	if title != "" && room > 4 {
		title = " " + Truncate(title, room-2) + " "
		g.Raw(Rect{r.X + 2, r.Y, room, 1}, title, text)
	}
	if left := room - Width(title) - 1; note != "" && left >= Width(note)+2 {
		g.Right(Rect{r.X + 2, r.Y, room, 1}, " "+note+" ", text)
	}
}

func (g *Grid) edges(r Rect, p [6]string, st Style) {
	right, bottom := r.X+r.W-1, r.Y+r.H-1
	g.Fill(Rect{r.X, r.Y, r.W, 1}, p[0], st)
	g.Fill(Rect{r.X, bottom, r.W, 1}, p[0], st)
	g.Fill(Rect{r.X, r.Y + 1, 1, r.H - 2}, p[1], st)
	g.Fill(Rect{right, r.Y + 1, 1, r.H - 2}, p[1], st)
	for _, c := range []struct {
		x, y int
		s    string
	}{{r.X, r.Y, p[2]}, {right, r.Y, p[3]}, {r.X, bottom, p[4]}, {right, bottom, p[5]}} {
		g.Raw(Rect{c.x, c.y, 1, 1}, c.s, st)
	}
}
