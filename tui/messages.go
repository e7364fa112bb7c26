package tui

import (
	"context"
	"time"

	"agar/model/progress"

	tea "github.com/charmbracelet/bubbletea"
)

// reply is what every answer to a request carries. Req is unique in the program,
// so a panel knows the answer it waits for; all others are dropped.
type reply struct {
	Run string // name of the workspace that was asked
	Req uint64
	Err error
}

// loadedMsg is the answer to a question to a Source.
type loadedMsg[T any] struct {
	reply
	Value T
}

// settledMsg says that the cursor or the typing has rested after request Req was
// announced, so the question may be put.
type settledMsg struct{ reply }

// openedMsg says that the artefacts of a workspace are open.
type openedMsg struct {
	reply
	Sources *Sources
}

// feedMsg brings progress of the job that runs beside the screen, at most ten
// times a second.
type feedMsg struct{ Events []progress.Event }

// jobDoneMsg says that the job has ended.
type jobDoneMsg struct {
	reply
	Workspace Workspace
}

// playMsg moves the cursor of the phase scrubber by one checkpoint. Gen tells the
// ticks of one playing from those of the one before.
type playMsg struct{ Gen uint64 }

// slowMsg wakes the screen so that the spinner of a slow answer can turn.
type slowMsg struct{}

// backgroundMsg brings the answer of the terminal about its background.
type backgroundMsg struct{ Dark bool }

// ask puts a question in a command.
func ask[T any](ctx context.Context, run string, req uint64, f func(context.Context) (T, error)) tea.Cmd {
	return func() tea.Msg {
		v, err := f(ctx)
		return loadedMsg[T]{reply{run, req, err}, v}
	}
}

// after delivers msg when d has passed, at once when d is 0.
func after(d time.Duration, msg tea.Msg) tea.Cmd {
	if d <= 0 {
		return func() tea.Msg { return msg }
	}
	return tea.Tick(d, func(time.Time) tea.Msg { return msg })
}
