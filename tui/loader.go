package tui

import (
	"errors"
	"time"

	tea "github.com/charmbracelet/bubbletea"
)

// How long a cursor or the typing must rest before a question is put, and how
// long an answer may take before a spinner shows.
const (
	restCursor = 60 * time.Millisecond
	restTyping = 120 * time.Millisecond
	slowAfter  = 300 * time.Millisecond
)

// loader is the questions of one panel. Only the answer to the newest counts;
// what the panel shows meanwhile is stale.
type loader struct {
	latest uint64
	busy   bool
	since  time.Time
	err    error
	put    func(req uint64) tea.Cmd
}

// now announces a question and puts it.
func (l *loader) now(e *env, put func(req uint64) tea.Cmd) tea.Cmd {
	l.begin(e, put)
	return tea.Batch(put(l.latest), e.wake())
}

// soon announces a question that is put when no other was announced for d.
func (l *loader) soon(e *env, d time.Duration, put func(req uint64) tea.Cmd) tea.Cmd {
	if e.hasty {
		return l.now(e, put)
	}
	l.begin(e, put)
	return tea.Batch(after(d, settledMsg{reply{Req: l.latest}}), e.wake())
}

func (l *loader) begin(e *env, put func(uint64) tea.Cmd) {
	if !l.busy {
		l.since = e.now()
	}
	l.latest, l.busy, l.put = e.request(), true, put
}

// settled puts the announced question when m belongs to it.
func (l *loader) settled(m settledMsg) tea.Cmd {
	if m.Req != l.latest || l.put == nil {
		return nil
	}
	return l.put(l.latest)
}

// take reports whether r answers the newest question without error. Answers to
// older ones are to be dropped.
func (l *loader) take(r reply) bool {
	if r.Req != l.latest {
		return false
	}
	l.busy, l.err, l.put = false, r.Err, nil
	return r.Err == nil
}

// missing is the reason when the newest answer was that an artefact is missing.
func (l *loader) missing() *Missing {
	var m *Missing
	if errors.As(l.err, &m) {
		return m
	}
	return nil
}

var spinner = [...]string{"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"}

// mark is what a panel's title carries while an answer is awaited: … at once, a
// spinner when it is slow.
func (l *loader) mark(e *env) string {
	if !l.busy {
		return ""
	}
	wait := e.now().Sub(l.since)
	if wait < slowAfter || e.still {
		return " …"
	}
	return " " + spinner[int(wait/(100*time.Millisecond))%len(spinner)]
}
