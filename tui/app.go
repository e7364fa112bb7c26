package tui

import (
	"context"
	"strings"
	"time"

	"agar/tui/cell"
	"agar/tui/raster"
	"agar/tui/theme"

	tea "github.com/charmbracelet/bubbletea"
)

// App is the program's one tea.Model. It owns the screens, decides which of them
// a key belongs to, and draws the frame around the one in front.
type App struct {
	env     *env
	caps    capabilities
	w, h    int
	grid    *cell.Grid
	screens map[screenID]screen
	order   []screenID
	current screenID
	trail   []screenID // screens under the current one
	dialogs []dialog   // the last has the input
	input   *input     // where typing goes; nil = nowhere
	hint    string     // a line for the user until the next key
	job     *job       // what runs beside the screen; nil = nothing
	listen  tea.Cmd    // waits for the terminal's background; nil = it was not asked
	quit    bool
}

// capabilities is what was found out about the terminal, and why.
type capabilities struct {
	profile    theme.Profile
	profileWhy string
	themeName  string // as asked for
	symbols    raster.Symbols
	symbolsWhy string
	dark       bool
}

// newApp makes an App over src, which may be nil while a job is still making it.
func newApp(ctx context.Context, caps capabilities, src *Sources) (*App, error) {
	th, err := theme.New(caps.themeName, caps.profile, caps.dark)
	if err != nil {
		return nil, err
	}
	if src == nil {
		src = emptySources()
	}
	a := &App{caps: caps, grid: cell.New(0, 0)}
	if caps.symbols == raster.ASCII {
		a.grid.Fold = cell.ASCII
	}
	a.env = &env{ctx: ctx, src: src, theme: th, sym: caps.symbols, now: time.Now, goTo: a.push, say: func(hint string) { a.hint = hint }}
	a.order = []screenID{screenOverview, screenFeatures, screenDetail, screenPhase}
	a.screens = map[screenID]screen{
		screenOverview: newOverview(a),
		screenFeatures: newFeatures(a),
		screenDetail:   newDetail(a.env),
		screenPhase:    newPhase(a.env),
	}
	a.current = screenOverview
	return a, nil
}

// front is the screen in front.
func (a *App) front() screen { return a.screens[a.current] }

// Init starts the job when there is one, and the first questions.
func (a *App) Init() tea.Cmd {
	cmds := []tea.Cmd{a.front().enter(), a.listen}
	if a.job != nil {
		cmds = append(cmds, a.job.start(a.env.ctx), a.job.next())
	}
	return tea.Batch(cmds...)
}

// Update routes a message: capabilities first, then dialogs, typing, keys of the
// program and of the screen; data goes to every screen.
func (a *App) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch m := msg.(type) {
	case tea.WindowSizeMsg:
		a.resize(m.Width, m.Height)
		return a, nil
	case backgroundMsg:
		a.background(m.Dark)
		return a, nil
	case tea.KeyMsg:
		return a, a.keys(m)
	case slowMsg:
		a.env.waking = false
		return a, a.keepWaking()
	case feedMsg:
		return a, tea.Batch(a.broadcast(m), a.job.next())
	case jobDoneMsg:
		return a, tea.Batch(a.broadcast(m), a.openWorkspace(m))
	case openedMsg:
		return a, a.opened(m)
	}
	return a, a.broadcast(msg)
}

// broadcast hands data to every screen.
func (a *App) broadcast(msg tea.Msg) tea.Cmd {
	var cmds []tea.Cmd
	if ax, ok := msg.(loadedMsg[Axes]); ok && ax.Err == nil {
		a.env.axes = ax.Value
		a.env.dialOne()
	}
	for _, id := range a.order {
		if cmd := a.screens[id].apply(msg); cmd != nil {
			cmds = append(cmds, cmd)
		}
	}
	return tea.Batch(cmds...)
}

// keepWaking redraws while a question is open for long.
func (a *App) keepWaking() tea.Cmd {
	if a.job == nil || !a.job.running {
		if !a.front().base().waiting() {
			return nil
		}
	}
	a.env.waking = true
	return after(100*time.Millisecond, slowMsg{})
}

func (a *App) resize(w, h int) {
	a.w, a.h = w, h
	if f, ok := layoutFrame(w, h); ok {
		for _, s := range a.screens {
			s.base().resize(f.body.W, f.body.H)
		}
	}
}

// background switches the automatic theme to the variant for the background.
func (a *App) background(dark bool) {
	a.caps.dark = dark
	if th, err := theme.New(a.caps.themeName, a.caps.profile, dark); err == nil {
		a.env.theme = th
	}
}

// show brings a screen to the front in place of the current one.
func (a *App) show(id screenID) tea.Cmd {
	a.trail = nil
	return a.bring(id)
}

// push brings a screen to the front, to which esc and q lead back.
func (a *App) push(id screenID) tea.Cmd {
	a.trail = append(a.trail, a.current)
	return a.bring(id)
}

func (a *App) bring(id screenID) tea.Cmd {
	a.current = id
	return a.front().enter()
}

// back leaves the current screen; at the root it quits.
func (a *App) back() tea.Cmd {
	if len(a.trail) == 0 {
		return a.leave()
	}
	a.current = a.trail[len(a.trail)-1]
	a.trail = a.trail[:len(a.trail)-1]
	return a.front().enter()
}

// leave ends the program.
func (a *App) leave() tea.Cmd {
	a.quit = true
	return tea.Quit
}

// View draws the frame.
func (a *App) View() string {
	if a.quit {
		return ""
	}
	g := a.grid
	g.Resize(a.w, a.h)
	f, ok := layoutFrame(a.w, a.h)
	if !ok {
		drawRefusal(g, a.env.theme)
		return g.String()
	}
	s := a.front()
	a.drawHeader(g, f.header, s)
	s.base().draw(g, f.body)
	a.drawStatus(g, f.status, s)
	drawFooter(g, f.footer, a.footerGroups(), a.env.theme)
	for _, d := range a.dialogs {
		d.draw(g, g.Bounds(), a)
	}
	return g.String()
}

// drawHeader writes where we are, and what the screen knows at the right.
func (a *App) drawHeader(g *cell.Grid, r cell.Rect, s screen) {
	t := a.env.theme
	_, r = r.Left(1)
	r.W--
	name, facts := s.title()
	parts := []string{"agar"}
	if a.env.src.Name != "" {
		parts = append(parts, a.env.src.Name)
	}
	crumbs := strings.Join(append(parts, name), " ▸ ")
	used := g.Text(r, crumbs, t.Title)
	_, rest := r.Left(used + 2)
	g.Right(rest, facts, t.Dim)
}

// drawStatus writes the line being typed, the hint, or what the screen says.
func (a *App) drawStatus(g *cell.Grid, r cell.Rect, s screen) {
	t := a.env.theme
	_, r = r.Left(1)
	if a.input != nil {
		a.input.draw(g, r, t)
		return
	}
	line, urgent := s.status()
	st := t.Dim
	if a.hint != "" {
		line, st = a.hint, t.Accent
	} else if urgent {
		st = t.Warn
	}
	g.Text(r, line, st)
}

// drawRefusal says that the terminal is too small, with both sizes.
func drawRefusal(g *cell.Grid, t *theme.Theme) {
	lines := refusal(g.W, g.H)
	r := g.Bounds()
	_, r = r.Top(max((r.H-len(lines))/2, 0))
	for _, l := range lines {
		var row cell.Rect
		row, r = r.Top(1)
		_, row = row.Left(max((row.W-cell.Width(l))/2, 0))
		g.Text(row, l, t.Warn)
	}
}
