package report

import (
	"errors"

	"path/filepath"

	"agar/model/progress"
	"agar/phase"
)

// Format is the version that report.json and the manifest carry.
const Format = "agar-report/1"

// Files of a report directory beside the pictures.
const (
	DataFile     = "report.json"
	MarkdownFile = "report.md"
	HTMLFile     = "report.html"
	ArrowFile    = "phase.arrow"
)

// Errors of this package.
var (
	ErrNotEmpty = errors.New("expected an empty directory or none") // the directory to write holds something
	ErrInput    = errors.New("input of a report")                   // an input cannot be read
	ErrNoReport = errors.New("expected the directory of a report")  // Verify was given something else
)

// Options say what to report on and what to put beside it. Only Run must be given;
// an empty path leaves that part out.
type Options struct {
	Run  string // checkpoint series
	Name string // what the report calls it; "": its directory's name

	Base string // directory of the model that was fine-tuned, where checkpoints are whole models; of every series
	Rank int    // top singular directions of each matrix, for Base; 0: 8

	Twin     string   // the same recipe on benign data
	Seeds    []string // the same recipe from other seeds
	Controls []string // other data, an adapter of about the same size

	Behaviour     string  // directory of behaviour.json, of the run
	TwinBehaviour string  // the same of the twin
	Trained       string  // domain of Behaviour that was trained on
	Lambda        float64 // dial that behaviour and features are read at in the ledger; 0: 1

	Answers string   // judged answers of the run: responses.arrow
	Habits  []string // surface habits to look for in them: NAME=REGEXP, or the NAME of a column
	Window  int      // snapshots on either side where answers are compared; 0: 1 across an event, 2 between snapshots

	Measured *Measured // what running a model gave; nil for nothing

	Trajectory     string // features of the run: trajectory.arrow
	TwinTrajectory string // the same of the twin
	HeldOut        string // the run's features on held-out prompts

	Phase    phase.Options // of every series; Progress is replaced
	Command  []string      // recorded
	Version  string        // recorded
	Kernel   string        // recorded: path of the numeric kernels
	Progress progress.Func
}

// lambda is the dial with its default.
func (o *Options) lambda() float64 {
	if o.Lambda == 0 {
		return 1
	}
	return o.Lambda
}

// nameOf is what the report calls a series: the run by its name, others by their
// roles.
func (o *Options) nameOf(role string) string {
	switch {
	case role != roleRun:
		return role
	case o.Name != "":
		return o.Name
	}
	return filepath.Base(filepath.Clean(o.Run))
}
