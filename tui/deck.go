package tui

import (
	"agar/tui/cell"

	tea "github.com/charmbracelet/bubbletea"
)

// panel is a titled part of a screen.
type panel struct {
	id    string
	name  string        // in the tab strip and line mode
	title func() string // upper edge, left
	note  func() string // upper edge, right; nil = nothing
	draw  func(g *cell.Grid, r cell.Rect, focused bool)
	// describe is the panel as lines "label: value".
	describe func() []string
	// origin says where its numbers come from.
	origin func() []origin
}

// origin is where a number comes from.
type origin struct {
	Name        string // the number as the panel calls it
	Definition  string
	Denominator string // over what it is taken
	Source      string // file
}

// arrange places panels in a body of w×h; see layout.go. Panels without a
// rectangle are reached by tab and take guest's place.
type arrange func(w, h int) (rects map[string]cell.Rect, guest string)

// deck is the part that all screens share: panels, focus, zoom.
type deck struct {
	env     *env
	panels  []panel
	arrange arrange
	focus   int
	zoom    bool
	w, h    int
	rects   map[string]cell.Rect
	loaders []*loader // questions of its panels
}

func (d *deck) base() *deck { return d }

// waiting reports whether an answer is awaited.
func (d *deck) waiting() bool {
	for _, l := range d.loaders {
		if l.busy {
			return true
		}
	}
	return false
}

// resize places the panels for a body of w×h.
func (d *deck) resize(w, h int) {
	d.w, d.h = w, h
	d.place()
}

func (d *deck) place() {
	if d.zoom || narrow(d.w) {
		body := cell.Rect{W: d.w, H: d.h}
		if narrow(d.w) && !d.zoom {
			_, body = body.Top(1)
		}
		d.rects = map[string]cell.Rect{d.panels[d.focus].id: body}
		return
	}
	rects, guest := d.arrange(d.w, d.h)
	if id := d.panels[d.focus].id; rects[id].Empty() {
		rects[id] = rects[guest]
		delete(rects, guest)
	}
	d.rects = rects
}

// focused is the panel that has the focus.
func (d *deck) focused() *panel { return &d.panels[d.focus] }

// has reports whether the panel id has the focus.
func (d *deck) has(id string) bool { return d.focused().id == id }

// inner is the room inside the panel id, empty when it is not on the screen.
func (d *deck) inner(id string) cell.Rect {
	r, ok := d.rects[id]
	if !ok {
		return cell.Rect{}
	}
	return r.Inner()
}

func (d *deck) move(by int) tea.Cmd {
	d.focus = (d.focus + by + len(d.panels)) % len(d.panels)
	d.place()
	return nil
}

func (d *deck) setFocus(id string) {
	for i := range d.panels {
		if d.panels[i].id == id {
			d.focus = i
		}
	}
	d.place()
}

func (d *deck) toggleZoom() tea.Cmd {
	d.zoom = !d.zoom
	d.place()
	return nil
}

// draw draws the panels that have a place into body.
func (d *deck) draw(g *cell.Grid, body cell.Rect) {
	if narrow(d.w) && !d.zoom {
		strip, _ := body.Top(1)
		d.drawStrip(g, strip)
	}
	t := d.env.theme
	for i := range d.panels {
		p := &d.panels[i]
		r, ok := d.rects[p.id]
		if !ok || r.Empty() {
			continue
		}
		r.X, r.Y = r.X+body.X, r.Y+body.Y
		focused := i == d.focus
		border, title, note := t.Border, t.Title, ""
		if focused {
			border = t.Focus
		}
		if p.note != nil {
			note = p.note()
		}
		g.Box(r, p.title(), note, focused, border, title)
		p.draw(g, r.Inner(), focused)
	}
}

// stripFrom is the first panel named in a strip of w cells, so that the focused one
// is.
func (d *deck) stripFrom(w int) int {
	used := 0
	for i := d.focus; i >= 0; i-- {
		if used += cell.Width(d.panels[i].name) + 2; used > w-1 {
			return min(i+1, d.focus)
		}
	}
	return 0
}

// drawStrip names the panels when only one is shown.
func (d *deck) drawStrip(g *cell.Grid, r cell.Rect) {
	t := d.env.theme
	_, r = r.Left(1)
	from := d.stripFrom(r.W)
	if from > 0 {
		_, r = r.Left(g.Raw(r, "…", t.Dim))
	}
	for i, p := range d.panels {
		if i < from {
			continue
		}
		st, mark := t.Dim, " "
		if i == d.focus {
			st, mark = t.Sel, "▸"
		}
		_, r = r.Left(g.Raw(r, mark+p.name+" ", st))
	}
}
