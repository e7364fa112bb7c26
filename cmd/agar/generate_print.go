package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"unicode"

	"github.com/charmbracelet/x/ansi"
	"golang.org/x/term"
)

// narrowest is the width of a column below which texts stand one below the other.
const narrowest = 24

// terminalWidth is the width of the terminal that w is, 0 when it is none.
func terminalWidth(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok || !isTerminal(f) {
		return 0
	}
	if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
		return width
	}
	return 80
}

// printGenerated prints the completions of a prompt: as they are when width is
// 0, else for a terminal of that width, variants beside each other where each
// has room for a column.
func printGenerated(w io.Writer, g generated, variants, width int) error {
	var b strings.Builder
	column := 0
	if variants > 1 {
		column = (width - 3*(variants-1)) / variants
	}
	switch {
	case width == 0:
		fmt.Fprintf(&b, "prompt  %s\n", g.Prompt)
		for _, x := range g.Completions {
			fmt.Fprintf(&b, "\n── %s\n%s\n", x.title(), x.Text)
		}
	case column >= narrowest:
		b.WriteString(wrapped("prompt  "+g.Prompt, width) + "\n")
		columns(&b, g.Completions, variants, column)
	default:
		b.WriteString(wrapped("prompt  "+g.Prompt, width) + "\n")
		for _, x := range g.Completions {
			fmt.Fprintf(&b, "\n%s\n%s\n", ansi.Truncate("── "+x.title(), width, "…"), wrapped(x.Text, width))
		}
	}
	b.WriteByte('\n')
	_, err := io.WriteString(w, b.String())
	return err
}

// columns writes a row of completions a sample, a column a variant. Completions
// are ordered by variant, then sample.
func columns(b *strings.Builder, cs []completion, variants, width int) {
	samples := len(cs) / variants
	for s := range samples {
		cells := make([][]string, variants)
		most := 0
		for v := range variants {
			x := cs[v*samples+s]
			title := ansi.Truncate(x.title(), width, "…")
			cells[v] = append([]string{title, strings.Repeat("─", width)}, strings.Split(wrapped(x.Text, width), "\n")...)
			most = max(most, len(cells[v]))
		}
		b.WriteByte('\n')
		for line := range most {
			row := make([]string, variants)
			for v := range variants {
				if line < len(cells[v]) {
					row[v] = cells[v][line]
				}
				row[v] += strings.Repeat(" ", max(width-ansi.StringWidth(row[v]), 0))
			}
			b.WriteString(strings.TrimRight(strings.Join(row, " │ "), " ") + "\n")
		}
	}
}

// wrapped breaks a text into lines of a width, at spaces where there are some.
func wrapped(s string, width int) string { return ansi.Wrap(harmless(s), width, "") }

// harmless is s without characters that would steer a terminal.
func harmless(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return r
		case r == '\t':
			return ' '
		case unicode.IsControl(r):
			return '\uFFFD'
		}
		return r
	}, s)
}

func (x completion) title() string {
	if x.Adapter == nil {
		return fmt.Sprintf("base · sample %d", x.Sample)
	}
	return fmt.Sprintf("%s · λ %g · sample %d", filepath.Base(*x.Adapter), *x.Lambda, x.Sample)
}

// streamer writes a text that grows.
type streamer struct {
	w     io.Writer
	stops []string
	clean bool // for a terminal
	done  string
	err   error
}

func (s *streamer) write(text string) {
	if s.clean {
		text = harmless(text)
	}
	if s.err == nil {
		_, s.err = io.WriteString(s.w, text)
	}
}

// show writes what is new and settled in a text.
func (s *streamer) show(text string) {
	text = text[:len(text)-heldBack(text, s.stops)]
	if rest, ok := strings.CutPrefix(text, s.done); ok {
		s.write(rest)
		s.done = text
	}
}

// finish writes the rest of the final text.
func (s *streamer) finish(text string) {
	rest, ok := strings.CutPrefix(text, s.done)
	if !ok { // a decoder that rewrites what came before
		rest = "\n" + text
	}
	s.write(rest + "\n\n")
}
