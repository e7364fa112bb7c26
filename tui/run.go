package tui

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	_ "agar/tui/background" // before bubbletea: no waiting for the terminal
	"agar/tui/raster"
	"agar/tui/theme"

	tea "github.com/charmbracelet/bubbletea"
	"golang.org/x/term"
)

// jobEnds is how long a cancelled job may take before the program leaves it.
const jobEnds = 5 * time.Second

// InputError is an error about what Options names: a path, or when Option is set
// a theme, a set of symbols or of colours.
type InputError struct {
	Err    error
	Option bool
}

func (e *InputError) Error() string { return e.Err.Error() }
func (e *InputError) Unwrap() error { return e.Err }

// Run shows o until the user leaves or ctx ends. A demo that still runs then is
// cancelled and waited for. With Options.ScreenReader it prints and returns.
func Run(ctx context.Context, o Options) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	caps, err := detect(o)
	if err != nil {
		return &InputError{err, true}
	}
	var src *Sources
	if o.Demo == nil || len(o.Paths) > 0 {
		if src, err = openPaths(o.Paths); err != nil {
			return &InputError{err, false}
		}
		defer src.close()
	}
	a, err := newApp(ctx, caps, src)
	if err != nil {
		return &InputError{err, true}
	}
	if o.ScreenReader {
		return printLines(ctx, a, o)
	}
	if o.Output == nil && !isTerminal(nil) {
		return &InputError{errors.New("tui: standard output is not a terminal, expected one; --screen-reader prints every panel as lines"), true}
	}
	if o.Demo != nil {
		a.job = newJob(o.Demo)
		a.screens[screenOverview].(*overview).watch()
	} else {
		a.current = firstScreen(src)
	}
	return a.run(ctx, cancel, o)
}

// run hands the terminal to bubbletea.
func (a *App) run(ctx context.Context, cancel func(), o Options) error {
	if w, h, err := term.GetSize(int(os.Stdout.Fd())); err == nil {
		a.resize(w, h)
	}
	opts := []tea.ProgramOption{tea.WithAltScreen(), tea.WithContext(ctx), tea.WithFPS(30)}
	if o.Input != nil {
		opts = append(opts, tea.WithInput(o.Input))
	}
	if o.Output != nil {
		opts = append(opts, tea.WithOutput(o.Output))
	}
	if asks(o, a.caps, o.env()) && term.IsTerminal(int(os.Stdin.Fd())) {
		l := newListener(os.Stdin)
		a.listen = l.background(ctx)
		opts = append(opts, tea.WithInput(l))
		fmt.Fprint(os.Stdout, askBackground)
	}
	_, err := tea.NewProgram(a, opts...).Run()
	cancel()
	if a.job != nil && !a.job.wait(jobEnds) {
		return fmt.Errorf("tui: the job did not stop within %s", jobEnds)
	}
	a.env.src.close()
	if err != nil && !errors.Is(err, tea.ErrProgramKilled) {
		return fmt.Errorf("tui: %w", err)
	}
	return nil
}

// env is the environment to look at.
func (o *Options) env() theme.Env {
	if o.Environ == nil {
		return theme.EnvOf(os.Environ())
	}
	return theme.EnvOf(o.Environ)
}

// detect finds out what the terminal can show.
func detect(o Options) (capabilities, error) {
	env := o.env()
	c := capabilities{themeName: o.Theme, dark: theme.Dark(env)}
	var err error
	if c.profile, c.profileWhy, err = theme.Detect(o.Color, env, isTerminal(o.Output)); err != nil {
		return c, err
	}
	termName, _ := env("TERM")
	c.symbols, c.symbolsWhy, err = raster.ParseSymbols(o.Symbols, termName, locale(env))
	return c, err
}

// locale is the locale for characters, as the C library looks it up.
func locale(env theme.Env) string {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v, ok := env(name); ok && v != "" {
			return v
		}
	}
	return ""
}

func isTerminal(w io.Writer) bool {
	if w == nil {
		w = os.Stdout
	}
	f, ok := w.(interface{ Fd() uintptr })
	return ok && term.IsTerminal(int(f.Fd()))
}

// firstScreen is where a workspace is best looked at first.
func firstScreen(src *Sources) screenID {
	has := func(kind string) bool {
		for _, a := range src.Artefacts {
			if a.Kind == kind && a.Path != "" {
				return true
			}
		}
		return false
	}
	switch {
	case has(kindRun) || has(kindReport) || has(kindTrajectory) || has(kindJudged):
		return screenPhase
	case has(kindFeatures):
		return screenFeatures
	}
	return screenOverview
}

// openWorkspace opens what the job made.
func (a *App) openWorkspace(m jobDoneMsg) tea.Cmd {
	a.job.running = false
	if m.Err != nil {
		a.hint = "the job failed: " + m.Err.Error()
		return nil
	}
	req := a.env.request()
	return func() tea.Msg {
		if m.Workspace.Name == "" {
			m.Workspace.Name = "built-in organism"
		}
		src, err := openWorkspace(m.Workspace)
		return openedMsg{reply{Req: req, Err: err}, src}
	}
}

// opened shows a workspace that has just been opened.
func (a *App) opened(m openedMsg) tea.Cmd {
	if m.Err != nil {
		a.hint = m.Err.Error()
		return nil
	}
	*a.env.src = *m.Sources
	if a.current != screenOverview {
		return nil
	}
	a.hint = "done. h l go through the fine-tune, > to events, ⏎ opens a feature, ? all keys"
	return a.show(firstScreen(a.env.src))
}
