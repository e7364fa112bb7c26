package tui

import (
	"fmt"

	tea "github.com/charmbracelet/bubbletea"
)

// refusal is what a terminal of w×h that is too small shows.
func refusal(w, h int) []string {
	return []string{fmt.Sprintf("need %d×%d,", minW, minH), fmt.Sprintf("have %d×%d", w, h), "q leaves"}
}

// keys routes what was typed. Letters that arrive together come as one message;
// outside of the typing field each is a key of its own, and what is pasted means
// nothing there.
func (a *App) keys(k tea.KeyMsg) tea.Cmd {
	if k.Type != tea.KeyRunes || len(k.Runes) < 2 || a.input != nil {
		return a.key(k)
	}
	var cmds []tea.Cmd
	for i, r := range k.Runes {
		if k.Paste || a.quit {
			break
		}
		if a.input != nil {
			return tea.Batch(append(cmds, a.key(tea.KeyMsg{Type: tea.KeyRunes, Runes: k.Runes[i:]}))...)
		}
		cmds = append(cmds, a.key(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune{r}, Alt: k.Alt}))
	}
	return tea.Batch(cmds...)
}

// key routes a key: dialogs, typing field, program, screen.
func (a *App) key(k tea.KeyMsg) tea.Cmd {
	name := k.String()
	if name == "ctrl+c" {
		return a.leave()
	}
	if n := len(a.dialogs); n > 0 {
		if !a.dialogs[n-1].key(name, a) {
			a.dialogs = a.dialogs[:n-1]
		}
		return nil
	}
	if a.input != nil {
		return a.input.key(k, a)
	}
	a.hint = ""
	b, ok := find(a.groups(), name)
	if !ok {
		return nil
	}
	if why := b.reason(); why != "" {
		a.hint = fmt.Sprintf("%s: not now – %s", keyName(name), why)
		return nil
	}
	return b.do()
}

// groups are all bindings that hold now, the screen's own first.
func (a *App) groups() []group {
	return append(a.front().bindings(), a.global()...)
}

// footerGroups are the groups in the order of the footer.
func (a *App) footerGroups() []group {
	if a.input != nil {
		return a.input.groups()
	}
	return a.groups()
}

// global are the keys that mean the same on every screen.
func (a *App) global() []group {
	d := func() *deck { return a.front().base() }
	return []group{
		{"panels", []binding{
			{keys: []string{"tab"}, help: "next panel", short: "panel", do: func() tea.Cmd { return d().move(1) }},
			{keys: []string{"shift+tab"}, help: "previous panel", do: func() tea.Cmd { return d().move(-1) }},
			{keys: []string{"z"}, help: "give the focused panel the whole screen, and back", short: "zoom", do: func() tea.Cmd { return d().toggleZoom() }},
			{keys: []string{"i"}, help: "where the numbers of the focused panel come from", short: "info", do: a.showOrigin},
		}},
		{"screens", []binding{
			a.jump(screenOverview, "overview: what is open and what is running"),
			a.jump(screenFeatures, "feature table"),
			a.jump(screenDetail, "the feature looked at last"),
			a.jump(screenPhase, "phase scrubber"),
		}},
		{"program", []binding{
			{keys: []string{"?"}, help: "all keys of this screen", short: "help", do: a.showHelp},
			{keys: []string{"esc"}, help: "back: clears the search first, then leaves the screen", do: a.escape},
			{keys: []string{"q"}, help: "back; at the first screen it quits and stops what this program started", short: "quit", do: a.back},
			{keys: []string{"ctrl+l"}, help: "draw everything anew", do: func() tea.Cmd { return tea.ClearScreen }},
			{keys: []string{"ctrl+c"}, help: "quit at once", do: a.leave},
		}},
	}
}

func (a *App) jump(id screenID, help string) binding {
	return binding{keys: []string{fmt.Sprint(int(id))}, help: help, do: func() tea.Cmd { return a.show(id) }}
}

// escaper is the ability of a screen to undo something smaller before esc leaves
// it.
type escaper interface {
	// escape reports whether there was something to undo.
	escape() (tea.Cmd, bool)
}

func (a *App) escape() tea.Cmd {
	if s, ok := a.front().(escaper); ok {
		if cmd, done := s.escape(); done {
			return cmd
		}
	}
	if d := a.front().base(); d.zoom {
		return d.toggleZoom()
	}
	if len(a.trail) == 0 {
		return nil
	}
	return a.back()
}
