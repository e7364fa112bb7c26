package lora

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// TrainerState is what matters of a trainer_state.json.
type TrainerState struct {
	GlobalStep, MaxSteps int
	Rows                 []LogRow // training rows by step
	Other                int      // rows of evaluations and summaries, left out
}

// LogRow is one row of log_history. A value that is absent, NaN or infinite is
// nil, never 0.
type LogRow struct {
	Step         int      `json:"step"`
	Loss         *float64 `json:"loss"`
	GradNorm     *float64 `json:"grad_norm"` // global, before clipping
	LearningRate *float64 `json:"learning_rate"`
}

// ParseTrainerState reads the bytes of a trainer_state.json. The literals NaN,
// Infinity and −Infinity, which Python's json writes, are read as null.
func ParseTrainerState(data []byte) (*TrainerState, error) {
	var file struct {
		GlobalStep int      `json:"global_step"`
		MaxSteps   int      `json:"max_steps"`
		History    []LogRow `json:"log_history"`
	}
	if err := json.Unmarshal(nullLiterals(data), &file); err != nil {
		return nil, err
	}
	s := &TrainerState{GlobalStep: file.GlobalStep, MaxSteps: file.MaxSteps}
	for _, r := range file.History {
		if r.Loss == nil && r.GradNorm == nil && r.LearningRate == nil {
			s.Other++
			continue
		}
		s.Rows = append(s.Rows, r)
	}
	slices.SortStableFunc(s.Rows, func(a, b LogRow) int { return a.Step - b.Step })
	return s, nil
}

// At finds the row of a step; of several, the last written.
func (s *TrainerState) At(step int) (LogRow, bool) {
	for i := len(s.Rows) - 1; i >= 0; i-- {
		if s.Rows[i].Step == step {
			return s.Rows[i], true
		}
	}
	return LogRow{}, false
}

// nullLiterals replaces NaN, Infinity and -Infinity outside strings by null of
// the same or shorter length, in a copy.
func nullLiterals(data []byte) []byte {
	out := make([]byte, 0, len(data))
	inString := false
	for i := 0; i < len(data); i++ {
		c := data[i]
		switch {
		case inString && c == '\\' && i+1 < len(data):
			out = append(out, c)
			i++
			c = data[i]
		case c == '"':
			inString = !inString
		case !inString:
			if n := literal(data[i:]); n > 0 {
				out = append(out, "null"...)
				i += n - 1
				continue
			}
		}
		out = append(out, c)
	}
	return out
}

// literal is the length of the Python literal at the start of b, 0 when there
// is none.
func literal(b []byte) int {
	for _, l := range []string{"NaN", "Infinity", "-Infinity"} {
		if len(b) >= len(l) && string(b[:len(l)]) == l {
			return len(l)
		}
	}
	return 0
}

// readState looks for the trainer state in the checkpoints, last first, then in
// the run directory: log_history is cumulative.
func (s *Series) readState() error {
	dirs := []string{s.Run}
	for _, c := range s.Checkpoints {
		dirs = append(dirs, c.Dir)
	}
	slices.Reverse(dirs)
	for _, dir := range dirs {
		path := filepath.Join(dir, "trainer_state.json")
		data, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return fmt.Errorf("lora: %w", err)
		}
		if s.State, err = ParseTrainerState(data); err != nil {
			return fmt.Errorf("lora: %s: %w", path, err)
		}
		s.StateFile = path
		return nil
	}
	return nil
}
