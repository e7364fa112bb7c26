package tui

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"runtime"

	"agar/tui/theme"

	tea "github.com/charmbracelet/bubbletea"
)

// askBackground asks a terminal for the colour of its background (OSC 11). Nobody
// waits for the answer: listener picks it out of the input when it comes.
const askBackground = "\x1b]11;?\x07"

// maxAnswer bounds the bytes of an answer that is held back until it is whole.
const maxAnswer = 64

// listener is the terminal's input without the answers to askBackground, which
// would read as keys. It is a file, so that it can be put in raw mode.
type listener struct {
	*os.File
	held   []byte    // the beginning of an answer
	answer chan bool // whether the background is dark; holds one
}

// newListener listens to f.
func newListener(f *os.File) *listener { return &listener{File: f, answer: make(chan bool, 1)} }

// Read reads what was typed.
func (l *listener) Read(p []byte) (int, error) {
	if len(p) <= maxAnswer {
		return l.File.Read(p)
	}
	buf := make([]byte, len(p)-maxAnswer)
	n, err := l.File.Read(buf)
	if n == 0 {
		return 0, err
	}
	return copy(p, l.filter(buf[:n])), err
}

// filter takes whole answers out of b and holds the beginning of one back.
func (l *listener) filter(b []byte) []byte {
	b = append(l.held, b...)
	l.held = nil
	for {
		i := bytes.Index(b, []byte("\x1b]11;"))
		if i < 0 {
			break
		}
		rest := b[i:]
		end := bytes.IndexByte(rest, '\a')
		if st := bytes.Index(rest, []byte("\x1b\\")); st >= 0 && (end < 0 || st < end) {
			end = st + 1
		}
		if end < 0 {
			if len(rest) < maxAnswer {
				l.held = bytes.Clone(rest)
				return b[:i]
			}
			break
		}
		l.heard(rest[:end])
		b = append(b[:i:i], rest[end+1:]...)
	}
	return b
}

// heard passes an answer on, "…rgb:1e1e/1e1e/1e1e".
func (l *listener) heard(answer []byte) {
	dark, ok := darkAnswer(string(answer))
	if !ok {
		return
	}
	select {
	case l.answer <- dark:
	default:
	}
}

// darkAnswer reads the colour of an answer; it is dark when its luma is below half
// of white's.
func darkAnswer(s string) (dark, ok bool) {
	i := bytes.Index([]byte(s), []byte("rgb:"))
	if i < 0 {
		return false, false
	}
	var c [3]uint16
	if n, err := fmt.Sscanf(s[i:], "rgb:%4x/%4x/%4x", &c[0], &c[1], &c[2]); n != 3 || err != nil {
		return false, false
	}
	luma := .299*float64(c[0]) + .587*float64(c[1]) + .114*float64(c[2])
	full := 65535.0
	if len(s)-i <= len("rgb:ff/ff/ff")+1 {
		full = 255
	}
	return luma < full/2, true
}

// background waits for the answer.
func (l *listener) background(ctx context.Context) tea.Cmd {
	return func() tea.Msg {
		select {
		case dark := <-l.answer:
			return backgroundMsg{dark}
		case <-ctx.Done():
			return nil
		}
	}
}

// asks reports whether the terminal is to be asked: the theme depends on it, and
// it is not one that prints what it does not know.
func asks(o Options, c capabilities, env theme.Env) bool {
	name, _ := env("TERM")
	automatic := c.themeName == "" || c.themeName == "auto"
	return automatic && c.profile != theme.None && o.Input == nil && o.Output == nil &&
		runtime.GOOS != "windows" && name != "linux" && name != "dumb" && name != ""
}
