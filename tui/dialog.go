package tui

import (
	"fmt"

	"agar/tui/cell"

	tea "github.com/charmbracelet/bubbletea"
)

// dialog is a box over the screen. It gets every key until it closes.
type dialog interface {
	draw(g *cell.Grid, r cell.Rect, a *App)
	// key reports whether the dialog stays open.
	key(name string, a *App) (open bool)
}

// pager is a dialog of lines that can be scrolled.
type pager struct {
	title string
	lines func(w int) []styled
	top   int
}

// styled is a line of a pager: a label, which is set off, and text.
type styled struct {
	label, text string
}

func (p *pager) key(name string, _ *App) bool {
	switch name {
	case "j", "down":
		p.top++
	case "k", "up":
		p.top--
	case "pgdown", "ctrl+d", " ":
		p.top += 10
	case "pgup", "ctrl+u":
		p.top -= 10
	default:
		return false
	}
	return true
}

func (p *pager) draw(g *cell.Grid, r cell.Rect, a *App) {
	t := a.env.theme
	w := min(r.W-4, 96)
	lines := p.lines(w - 4)
	h := min(r.H-2, len(lines)+2)
	box := cell.Rect{X: (r.W - w) / 2, Y: (r.H - h) / 2, W: w, H: h}
	g.Fill(box, " ", t.FG)
	room := box.H - 2
	p.top = min(max(p.top, 0), max(len(lines)-room, 0))
	note := "any key closes"
	if len(lines) > room {
		note = fmt.Sprintf("j k scroll · %d of %d lines", min(p.top+room, len(lines)), len(lines))
	}
	g.Box(box, p.title, note, true, t.Focus, t.Title)
	for i := range room {
		if p.top+i >= len(lines) {
			break
		}
		row, l := box.Inner().Row(i), lines[p.top+i]
		_, text := row.Left(g.Text(row, l.label, t.Accent.With(cell.Bold)))
		g.Text(text, l.text, t.FG)
	}
}

// showHelp opens the list of all keys.
func (a *App) showHelp() tea.Cmd {
	name, _ := a.front().title()
	a.dialogs = append(a.dialogs, &pager{title: "Keys · " + name, lines: func(w int) []styled {
		return helpLines(a.grid, a.groups(), w, a.caps)
	}})
	return nil
}

func helpLines(g *cell.Grid, groups []group, w int, caps capabilities) []styled {
	var out []styled
	for _, gr := range groups {
		out = append(out, styled{label: "─ " + gr.name + " ─"})
		for i := range gr.bindings {
			b := &gr.bindings[i]
			text := b.help
			if why := b.reason(); why != "" {
				text += " (not now: " + why + ")"
			}
			for j, l := range cell.Wrap(text, w-14) {
				key := ""
				if j == 0 {
					key = b.label(g)
				}
				out = append(out, styled{cell.PadRight(key, 14), l})
			}
		}
	}
	out = append(out, styled{label: "─ terminal ─"})
	return append(out, styled{"", fmt.Sprintf("%s (%s) · %s (%s) · theme %s", caps.profile, caps.profileWhy, caps.symbols, caps.symbolsWhy, orAuto(caps.themeName))})
}

func orAuto(s string) string {
	if s == "" {
		return "auto"
	}
	return s
}

// showOrigin opens what is behind the numbers of the focused panel.
func (a *App) showOrigin() tea.Cmd {
	p := a.front().base().focused()
	a.dialogs = append(a.dialogs, &pager{title: "Where this comes from · " + p.name, lines: func(w int) []styled {
		return originLines(p.origin(), w)
	}})
	return nil
}

func originLines(os []origin, w int) []styled {
	var out []styled
	for _, o := range os {
		out = append(out, styled{label: o.Name})
		for _, f := range []struct{ label, text string }{{"is", o.Definition}, {"over", o.Denominator}, {"from", o.Source}} {
			if f.text == "" {
				continue
			}
			for j, l := range cell.Wrap(f.text, w-6) {
				label := f.label
				if j > 0 {
					label = ""
				}
				out = append(out, styled{"", cell.PadRight(label, 5) + " " + l})
			}
		}
	}
	return out
}
