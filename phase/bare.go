package phase

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"agar/model/behaviour"
	"agar/model/lora"
	"agar/model/train"
)

// AnalyseRun is Analyse of the series of adapters in a run; a run that has none, but
// measures.jsonl, is reported by AnalyseMeasures, its series nil.
func AnalyseRun(ctx context.Context, run string, o Options) (*lora.Series, *Report, error) {
	s, err := lora.OpenSeries(run)
	if err == nil {
		rep, err := Analyse(ctx, s, o)
		return s, rep, err
	}
	if !errors.Is(err, lora.ErrNoCheckpoints) {
		return nil, nil, err
	}
	rep, other := AnalyseMeasures(run)
	if errors.Is(other, fs.ErrNotExist) {
		return nil, nil, err
	}
	return nil, rep, other
}

// AnalyseMeasures reports on a run without adapters, a fine-tune in full or a model
// grown from nothing, by what it wrote down of itself: its measures and the trainer's
// log. It has no modules, no angles and no components. A run without measures.jsonl
// wraps fs.ErrNotExist.
func AnalyseMeasures(run string) (*Report, error) {
	rows, err := train.ReadMeasures(run)
	if err != nil {
		return nil, fmt.Errorf("phase: %w", err)
	}
	steps, state, err := bareRun(run)
	if err != nil {
		return nil, fmt.Errorf("phase: %w", err)
	}
	if len(steps) == 0 {
		for _, m := range rows {
			steps = append(steps, m.Step)
		}
	}
	b := bareBuilder(run, steps, "the checkpoints hold whole models, no adapters: angles and norms of ΔW are left out")
	b.checkpoints(&lora.Series{Run: run, State: state})
	b.gradient()
	return b.rep, b.rep.AddMeasures(filepath.Join(run, train.MeasuresFile), rows)
}

// AnalyseBehaviour reports on behaviour alone, without the run that it was measured on:
// its change points, at the steps that were judged. A curve without any step wraps
// ErrBehaviour.
func AnalyseBehaviour(c *behaviour.Curve, dir string) (*Report, error) {
	var steps []int
	for _, p := range c.Points {
		if p.Step != behaviour.NoStep {
			steps = append(steps, p.Step)
		}
	}
	if len(steps) == 0 {
		return nil, fmt.Errorf("phase: %w: found no point at a checkpoint of a run among %d", ErrBehaviour, len(c.Points))
	}
	slices.Sort(steps)
	run := dir
	if c.Run != "" {
		run = c.Run
	}
	b := bareBuilder(run, slices.Compact(steps), "behaviour alone was opened, without the run: no angles, norms or loss")
	b.checkpoints(&lora.Series{Run: run})
	return b.rep, b.rep.AddBehaviour(c)
}

// bareBuilder begins a report without modules.
func bareBuilder(run string, steps []int, warning string) *builder {
	b := &builder{steps: steps, ks: []int{}, dks: []int{}}
	b.rep = &Report{
		Format: Format, Run: run, Spacing: spacingOf(steps), Unit: unitOf(steps), Ks: []int{}, DebiasedKs: []int{}, Convention: convention,
		Modules: []ModuleSummary{}, Events: []Event{}, ZeroSteps: []int{}, Log: []LogRow{}, Lags: []Lag{}, Degenerate: []Degenerate{}, Definitions: definitions,
		PCA: PCA{Ratios: []Number{}, RandomWalk: randomWalkShares}, Noise: Noise{MedianDeg: Missing()}, Warnings: []string{warning},
	}
	return b
}

// bareRun lists the steps of the checkpoints in a run, and reads the log that the
// last one with a log has.
func bareRun(run string) (steps []int, state *lora.TrainerState, err error) {
	found, err := lora.Directories(run)
	if err != nil {
		return nil, nil, err
	}
	for _, c := range found {
		steps = append(steps, c.Step)
	}
	for _, c := range slices.Backward(found) {
		path := filepath.Join(c.Dir, "trainer_state.json")
		data, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		if state, err = lora.ParseTrainerState(data); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", path, err)
		}
		break
	}
	return steps, state, nil
}

// BareFiles are the measures and the trainer's states of a run, as paths below it.
func BareFiles(run string) (files []string) {
	steps, _, err := bareRun(run)
	if err != nil {
		return nil
	}
	names := []string{train.MeasuresFile}
	for _, s := range steps {
		names = append(names, filepath.Join(fmt.Sprintf("checkpoint-%d", s), "trainer_state.json"))
	}
	for _, n := range names {
		if _, err := os.Stat(filepath.Join(run, n)); err == nil {
			files = append(files, n)
		}
	}
	return files
}

// addMeasures adds what the run wrote down of itself, if it did.
func (r *Report) addMeasures() error {
	rows, err := train.ReadMeasures(r.Run)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("phase: %w", err)
	}
	return r.AddMeasures(filepath.Join(r.Run, train.MeasuresFile), rows)
}
