package tui

import (
	"context"
	"sync"
	"time"

	"agar/model/progress"

	tea "github.com/charmbracelet/bubbletea"
)

// Progress reaches the screen at most this often, and this much at a time.
const (
	feedEvery = 100 * time.Millisecond
	feedMax   = 2000
)

// job is work that runs beside the screen. Its events are collected under a lock
// and handed over in batches, so it never waits for the terminal.
type job struct {
	do      func(ctx context.Context, emit progress.Func) (Workspace, error)
	running bool
	every   time.Duration
	ended   chan struct{} // closed when do has returned
	result  jobDoneMsg    // to be read when ended is closed

	mu      sync.Mutex
	pending []progress.Event
	bell    chan struct{} // holds one token while there are events
}

func newJob(do func(context.Context, progress.Func) (Workspace, error)) *job {
	return &job{do: do, running: true, every: feedEvery, ended: make(chan struct{}), bell: make(chan struct{}, 1)}
}

// start runs the job in a command. Its end is announced by next, after its last
// event.
func (j *job) start(ctx context.Context) tea.Cmd {
	return func() tea.Msg {
		defer close(j.ended)
		j.result.Workspace, j.result.Err = j.do(ctx, j.emit)
		return nil
	}
}

// emit takes an event from the job. When the screen falls behind, the oldest
// waiting events go.
func (j *job) emit(e progress.Event) {
	j.mu.Lock()
	if len(j.pending) >= feedMax {
		j.pending = append(j.pending[:0], j.pending[feedMax/2:]...)
	}
	j.pending = append(j.pending, e)
	j.mu.Unlock()
	select {
	case j.bell <- struct{}{}:
	default:
	}
}

func (j *job) drain() []progress.Event {
	j.mu.Lock()
	defer j.mu.Unlock()
	out := j.pending
	j.pending = nil
	return out
}

// next waits for events, and at last for the job's end. It is to be called again
// after every feedMsg.
func (j *job) next() tea.Cmd {
	return func() tea.Msg {
		select {
		case <-j.bell:
		case <-j.ended:
			if rest := j.drain(); len(rest) > 0 {
				return feedMsg{rest}
			}
			return j.result
		}
		select {
		case <-time.After(j.every):
		case <-j.ended:
		}
		return feedMsg{j.drain()}
	}
}

// wait gives a cancelled job d to end; it reports whether it did.
func (j *job) wait(d time.Duration) bool {
	select {
	case <-j.ended:
		return true
	case <-time.After(d):
		return false
	}
}
