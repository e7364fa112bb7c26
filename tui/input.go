package tui

import (
	"strings"
	"unicode/utf8"

	"agar/tui/cell"
	"agar/tui/theme"

	tea "github.com/charmbracelet/bubbletea"
)

// input is a line being typed. While there is one, every key but ctrl+c goes into
// it.
type input struct {
	prompt  string
	text    string
	note    func() string             // at its right
	changed func(text string) tea.Cmd // after every change
	done    func(text string) tea.Cmd // on enter
	cancel  func() tea.Cmd            // on esc
}

// maxInput bounds what can be typed or pasted.
const maxInput = 200

func (in *input) key(k tea.KeyMsg, a *App) tea.Cmd {
	switch k.Type {
	case tea.KeyEnter:
		a.input = nil
		return in.done(in.text)
	case tea.KeyEsc:
		a.input = nil
		return in.cancel()
	case tea.KeyBackspace:
		_, n := utf8.DecodeLastRuneInString(in.text)
		in.text = in.text[:len(in.text)-n]
	case tea.KeyCtrlU:
		in.text = ""
	case tea.KeyRunes, tea.KeySpace:
		if len(in.text) >= maxInput || k.Alt {
			return nil
		}
		in.text += strings.Map(printable, string(k.Runes))
	default:
		return nil
	}
	return in.changed(in.text)
}

// printable drops control characters of pasted text.
func printable(r rune) rune {
	if r < ' ' || r == 0x7f {
		return -1
	}
	return r
}

func (in *input) draw(g *cell.Grid, r cell.Rect, t *theme.Theme) {
	_, r = r.Left(g.Text(r, in.prompt+in.text, t.FG))
	_, r = r.Left(g.Raw(r, " ", t.Sel))
	if in.note != nil {
		_, r = r.Left(2)
		g.Text(r, in.note(), t.Dim)
	}
}

// groups is the footer while typing.
func (in *input) groups() []group {
	nothing := func() tea.Cmd { return nil }
	return []group{{"typing", []binding{
		{keys: []string{"enter"}, short: "keep", do: nothing},
		{keys: []string{"esc"}, short: "cancel", do: nothing},
		{keys: []string{"ctrl+u"}, short: "clear", do: nothing},
	}}}
}
