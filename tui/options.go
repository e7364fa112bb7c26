package tui

import (
	"context"
	"io"

	"agar/model/progress"
)

// Workspace names what a job made or what the user has, as directories and
// files. Empty means that there is none; the panels that would need it say so,
// and name the command that makes it.
type Workspace struct {
	Name       string // in the header; "" = taken from the paths
	Run        string // fine-tune: directory of checkpoint-N
	Report     string // phase.arrow
	Trajectory string // trajectory.arrow
	Features   string // feature index: features.arrow, examples.arrow
	SAE        string // SAELens directory: cfg.json
	Capture    string // capture store: manifest agar-capture
	Judged     string // what agar judge measured: behaviour.json
}

// Options says what to open and how to show it. The zero value opens nothing and
// detects the terminal by itself.
type Options struct {
	// Paths are artefacts of any kind, told apart by their content.
	Paths []string
	// Demo, when given, runs at once beside a screen of its progress; what it
	// returns is opened when it ends. Its context ends when the user leaves.
	Demo func(ctx context.Context, emit progress.Func) (Workspace, error)

	Theme   string // auto, viridis-dark, viridis-light, high-contrast, mono, deuter; "" = auto
	Symbols string // auto, braille, block, ascii; "" = auto
	Color   string // auto, always, 256, 16, never; "" = auto

	// ScreenReader prints every panel as lines "label: value" instead of drawing.
	ScreenReader bool

	Input   io.Reader // keys; nil = standard input
	Output  io.Writer // frames; nil = standard output
	Environ []string  // KEY=VALUE as os.Environ; nil = the process's own
}
