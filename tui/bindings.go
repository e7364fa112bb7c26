package tui

import (
	"slices"
	"strings"

	"agar/tui/cell"
	"agar/tui/theme"

	tea "github.com/charmbracelet/bubbletea"
)

// binding is one thing a key does.
type binding struct {
	keys  []string       // as tea.KeyMsg names them
	help  string         // for the ? overlay and KEYS.md
	short string         // for the footer; "" keeps it out of there
	do    func() tea.Cmd // never nil
	when  func() string  // why it is not available now; nil or "" = it is
}

// group is a titled list of bindings.
type group struct {
	name     string
	bindings []binding
}

// reason is why b is not available, "" when it is.
func (b *binding) reason() string {
	if b.when == nil {
		return ""
	}
	return b.when()
}

// find returns the binding of key.
func find(groups []group, key string) (*binding, bool) {
	for i := range groups {
		for j := range groups[i].bindings {
			if b := &groups[i].bindings[j]; slices.Contains(b.keys, key) {
				return b, true
			}
		}
	}
	return nil, false
}

// keyNames are how keys read on the screen where that differs from tea's name.
var keyNames = map[string]string{
	"enter": "⏎", "left": "←", "right": "→", "up": "↑", "down": "↓", " ": "space",
	"pgdown": "pgdn", "shift+tab": "⇧tab", "-": "−",
}

func keyName(k string) string {
	if n, ok := keyNames[k]; ok {
		return n
	}
	return k
}

// keyNameOn is keyName, in ASCII where g shows nothing else: a sign that stands for
// an arrow would name another key.
func keyNameOn(g *cell.Grid, k string) string {
	if g.Fold == nil {
		return keyName(k)
	}
	if k == " " {
		return "space"
	}
	return k
}

// label is all keys of b as they are named on g.
func (b *binding) label(g *cell.Grid) string {
	names := make([]string, len(b.keys))
	for i, k := range b.keys {
		names[i] = keyNameOn(g, k)
	}
	return strings.Join(names, " ")
}

// drawFooter lists the bindings that have a short help, in their order; those not
// available now are faint. The last group always has its place, the others as
// many as fit.
func drawFooter(g *cell.Grid, r cell.Rect, groups []group, t *theme.Theme) {
	_, r = r.Left(1)
	n := len(groups) - 1
	always, left := fitFooter(g, groups[n:], r.W)
	shown, _ := fitFooter(g, groups[:n], left)
	for _, b := range append(shown, always...) {
		r = b.drawFooter(g, r, t)
	}
}

// fitFooter takes bindings while they fit into w cells and returns what is left.
func fitFooter(g *cell.Grid, groups []group, w int) (shown []*binding, left int) {
	for i := range groups {
		for j := range groups[i].bindings {
			b := &groups[i].bindings[j]
			if need := b.footerWidth(g); b.short != "" && need <= w {
				shown, w = append(shown, b), w-need
			}
		}
	}
	return shown, w
}

// footerWidth is the room of b in the footer, with the gap after it.
func (b *binding) footerWidth(g *cell.Grid) int {
	return cell.Width(keyNameOn(g, b.keys[0])) + cell.Width(b.short) + 3
}

func (b *binding) drawFooter(g *cell.Grid, r cell.Rect, t *theme.Theme) cell.Rect {
	st, ks := t.FG, t.Accent.With(cell.Bold)
	if b.reason() != "" {
		st, ks = t.Dim.With(cell.Faint), t.Dim.With(cell.Faint)
	}
	_, r = r.Left(g.Raw(r, keyNameOn(g, b.keys[0]), ks) + 1)
	_, r = r.Left(g.Raw(r, b.short, st) + 2)
	return r
}
