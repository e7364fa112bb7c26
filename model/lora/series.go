package lora

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
)

// Series is the checkpoints of one fine-tune, in the order of their steps.
// Steps may be spaced in any way.
type Series struct {
	Run         string
	Checkpoints []Checkpoint
	State       *TrainerState // of the last checkpoint that has one, nil when none has
	StateFile   string        // where State was read, "" when nowhere
	Warnings    []string      // checkpoint directories left out, and why
}

// Checkpoint is one saved state.
type Checkpoint struct {
	Step int
	Dir  string
}

// OpenSeries finds run/checkpoint-N and run/checkpoints/checkpoint-N, the
// layouts of the Trainer and of the model hub. No weights are read. A checkpoint
// directory without weights (a save that was cut short) is left out with a
// warning.
func OpenSeries(run string) (*Series, error) {
	s := &Series{Run: run}
	for _, dir := range []string{run, filepath.Join(run, "checkpoints")} {
		if err := s.scan(dir); err != nil {
			return nil, fmt.Errorf("lora: %w", err)
		}
	}
	if len(s.Checkpoints) == 0 {
		return nil, noCheckpoints(run, s.Warnings)
	}
	slices.SortFunc(s.Checkpoints, func(a, b Checkpoint) int { return a.Step - b.Step })
	for i := 1; i < len(s.Checkpoints); i++ {
		if a, b := s.Checkpoints[i-1], s.Checkpoints[i]; a.Step == b.Step {
			return nil, fmt.Errorf("lora: step %d is there twice: %s and %s", a.Step, a.Dir, b.Dir)
		}
	}
	return s, s.readState()
}

var checkpointForm = regexp.MustCompile(`^checkpoint-(\d+)$`)

// scan adds the checkpoints of one directory, which need not exist when it is
// the inner one.
func (s *Series) scan(dir string) error {
	found, err := Directories(dir)
	if errors.Is(err, fs.ErrNotExist) && dir != s.Run {
		return nil
	} else if err != nil {
		return err
	}
	for _, c := range found {
		if err := s.add(c.Step, c.Dir); err != nil {
			return err
		}
	}
	return nil
}

// Directories are what is called checkpoint-N in a directory, whatever it holds, in
// the order of their steps.
func Directories(dir string) ([]Checkpoint, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var found []Checkpoint
	for _, e := range entries {
		g := checkpointForm.FindStringSubmatch(e.Name())
		if g == nil {
			continue
		}
		path := filepath.Join(dir, e.Name())
		step, err := strconv.Atoi(g[1])
		if err != nil {
			return nil, fmt.Errorf("%s: found step %s, expected a number that fits", path, g[1])
		}
		found = append(found, Checkpoint{step, path})
	}
	slices.SortFunc(found, func(a, b Checkpoint) int { return a.Step - b.Step })
	return found, nil
}

func (s *Series) add(step int, dir string) error {
	_, err := weightsOf(dir)
	if _, ok := steeringOf(dir); ok {
		err = nil
	}
	if errors.Is(err, fs.ErrNotExist) {
		s.Warnings = append(s.Warnings, fmt.Sprintf("%s holds no %s and was left out", dir, WeightsFile))
		return nil
	} else if err != nil {
		return err
	}
	s.Checkpoints = append(s.Checkpoints, Checkpoint{step, dir})
	return nil
}

func noCheckpoints(run string, warnings []string) error {
	hint := "expected directories checkpoint-N or checkpoints/checkpoint-N"
	if _, err := os.Stat(filepath.Join(run, WeightsFile)); err == nil {
		hint = "this is one adapter, not a series: " + hint
	}
	if len(warnings) > 0 {
		hint = warnings[0]
	}
	return fmt.Errorf("lora: %s: %w: %s", run, ErrNoCheckpoints, hint)
}

// Len is the number of checkpoints.
func (s *Series) Len() int { return len(s.Checkpoints) }

// Steps lists the steps in ascending order, as a new slice.
func (s *Series) Steps() []int {
	out := make([]int, len(s.Checkpoints))
	for i, c := range s.Checkpoints {
		out[i] = c.Step
	}
	return out
}

// Load reads the adapter of checkpoint i, counted from 0. An all-zero B is
// legal here.
func (s *Series) Load(i int) (*Adapter, error) { return Load(s.Checkpoints[i].Dir) }

// At finds the checkpoint of a step. The error wraps ErrStep and names the
// nearest steps there are.
func (s *Series) At(step int) (Checkpoint, error) {
	i, ok := slices.BinarySearchFunc(s.Checkpoints, step, func(c Checkpoint, n int) int { return c.Step - n })
	if ok {
		return s.Checkpoints[i], nil
	}
	near := s.Checkpoints[max(i-1, 0):min(i+1, len(s.Checkpoints))]
	steps := make([]int, len(near))
	for j, c := range near {
		steps[j] = c.Step
	}
	return Checkpoint{}, fmt.Errorf("lora: %s: step %d: %w: nearest are %v", s.Run, step, ErrStep, steps)
}
