package tui

import (
	"context"
	"fmt"

	_ "agar/tui/background" // before bubbletea: no waiting for the terminal

	tea "github.com/charmbracelet/bubbletea"
)

// Run shows o until the user leaves or ctx ends.
func Run(ctx context.Context, o Options) error {
	opts := []tea.ProgramOption{tea.WithAltScreen(), tea.WithContext(ctx)}
	if o.Input != nil {
		opts = append(opts, tea.WithInput(o.Input))
	}
	if o.Output != nil {
		opts = append(opts, tea.WithOutput(o.Output))
	}
	if _, err := tea.NewProgram(&App{options: o}, opts...).Run(); err != nil {
		return fmt.Errorf("tui: %w", err)
	}
	return nil
}

// App is the one tea.Model.
type App struct{ options Options }

// Init starts the first loads.
func (a *App) Init() tea.Cmd { return nil }

// Update routes a message.
func (a *App) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	if k, ok := msg.(tea.KeyMsg); ok && (k.String() == "q" || k.String() == "ctrl+c") {
		return a, tea.Quit
	}
	return a, nil
}

// View draws the frame.
func (a *App) View() string { return fmt.Sprintf("agar ▸ %d paths", len(a.options.Paths)) }
