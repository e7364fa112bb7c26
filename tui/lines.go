package tui

import (
	"context"
	"fmt"
	"io"
	"os"

	"agar/model/progress"

	tea "github.com/charmbracelet/bubbletea"
)

// printLines is line mode: every panel of every screen as lines "label: value".
func printLines(ctx context.Context, a *App, o Options) error {
	w := o.Output
	if w == nil {
		w = os.Stdout
	}
	if o.Demo != nil {
		ws, err := o.Demo(ctx, printProgress(w))
		if err != nil {
			return err
		}
		src, err := openWorkspace(ws)
		if err != nil {
			return err
		}
		defer src.close()
		*a.env.src = *src
	}
	a.env.hasty = true
	a.resize(120, 36)
	for _, id := range a.order {
		a.settle(a.show(id))
		if err := a.printScreen(w); err != nil {
			return err
		}
	}
	return nil
}

// printProgress prints the first event of every stage.
func printProgress(w io.Writer) progress.Func {
	last := ""
	return func(e progress.Event) {
		if key := e.Job + " " + e.Stage; key != last {
			last = key
			fmt.Fprintf(w, "running: %s %s\n", key, e.Message)
		}
	}
}

func (a *App) printScreen(w io.Writer) error {
	name, facts := a.front().title()
	if _, err := fmt.Fprintf(w, "screen: %s %s\n", name, facts); err != nil {
		return err
	}
	for _, p := range a.front().base().panels {
		for _, l := range p.describe() {
			if _, err := fmt.Fprintln(w, l); err != nil {
				return err
			}
		}
	}
	return nil
}

// settle carries a command out, and those that follow from its message, until
// nothing is left to do.
func (a *App) settle(cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	msg := cmd()
	if batch, ok := msg.(tea.BatchMsg); ok {
		for _, c := range batch {
			a.settle(c)
		}
		return
	}
	if msg != nil {
		_, next := a.Update(msg)
		a.settle(next)
	}
}
