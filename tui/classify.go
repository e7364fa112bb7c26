package tui

import "context"

// Kinds of artefacts.
const (
	kindRun        = "run"
	kindReport     = "phase report"
	kindTrajectory = "trajectory"
	kindFeatures   = "feature index"
	kindSAE        = "SAE"
	kindCapture    = "capture"
)

func openPaths(ctx context.Context, paths []string) (*Sources, error)  { return emptySources(), nil }
func openWorkspace(ctx context.Context, w Workspace) (*Sources, error) { return emptySources(), nil }
