package report

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"agar/activations/manifest"
	"agar/model"
	"agar/model/behaviour"
	"agar/model/lora"
	"agar/model/progress"
	"agar/model/train"
	"agar/phase"
	"agar/phase/ledger"
)

// Roles of inputs in the manifest. Seeds and controls are numbered from 1.
const (
	roleRun            = "run"
	roleTwin           = "twin"
	roleBehaviour      = "run behaviour"
	roleTwinBehaviour  = "twin behaviour"
	roleTrajectory     = "run trajectory"
	roleTwinTrajectory = "twin trajectory"
	roleHeldOut        = "held-out trajectory"
	roleAnswers        = "answers"
	roleBase           = "base"
)

func roleSeed(i int) string    { return fmt.Sprintf("seed %d", i+1) }
func roleControl(i int) string { return fmt.Sprintf("control %d", i+1) }

// inputs is everything that was read, with its hashes.
type inputs struct {
	ledger.Evidence
	refs map[string]manifest.Ref
}

// read opens and analyses everything that o names.
func read(ctx context.Context, o *Options) (*inputs, error) {
	in := &inputs{refs: map[string]manifest.Ref{}}
	in.Trained, in.Lambda = o.Trained, o.lambda()
	if err := in.base(o); err != nil {
		return nil, err
	}
	run, err := in.run(ctx, o, roleRun, o.Run)
	if err != nil {
		return nil, err
	}
	in.Run = *run
	if o.Twin != "" {
		if in.Twin, err = in.run(ctx, o, roleTwin, o.Twin); err != nil {
			return nil, err
		}
	}
	if in.Seeds, err = in.runs(ctx, o, roleSeed, o.Seeds); err != nil {
		return nil, err
	}
	if in.Controls, err = in.runs(ctx, o, roleControl, o.Controls); err != nil {
		return nil, err
	}
	return in, in.beside(o)
}

func (in *inputs) runs(ctx context.Context, o *Options, role func(int) string, dirs []string) (out []ledger.Run, err error) {
	for i, dir := range dirs {
		r, err := in.run(ctx, o, role(i), dir)
		if err != nil {
			return nil, err
		}
		out = append(out, *r)
	}
	return out, nil
}

// run analyses one series: of adapters; of whole models against o.Base; or, of whole
// models without it, by what the run wrote down of itself.
func (in *inputs) run(ctx context.Context, o *Options, role, dir string) (*ledger.Run, error) {
	po := o.Phase
	po.NoHashes = false
	po.Progress = progress.Func(func(e progress.Event) {
		if o.Progress != nil {
			e.Stage = role
			o.Progress(e)
		}
	})
	rep, end, files, err := analyse(ctx, o, dir, po)
	if err != nil {
		return nil, fmt.Errorf("report: %s: %w: %w", role, ErrInput, err)
	}
	if in.refs[role], err = filesRef(dir, files); err != nil {
		return nil, fmt.Errorf("report: %s: %w", role, err)
	}
	if o.Base != "" {
		rename(rep, o.Base, roleBase)
		rep.BaseModel = filepath.Base(filepath.Clean(o.Base))
	}
	rename(rep, dir, o.nameOf(role))
	rep.Run = o.nameOf(role)
	return &ledger.Run{Name: role, Report: rep, Final: end}, nil
}

// analyse reports on a series and gives its end, nil where there are no adapters, and
// the files that were read.
func analyse(ctx context.Context, o *Options, dir string, po phase.Options) (*phase.Report, *lora.Adapter, []string, error) {
	if o.Base != "" {
		files, err := phase.FullFiles(dir)
		if err != nil {
			return nil, nil, nil, err
		}
		rep, end, err := phase.AnalyseFullEnd(ctx, dir, phase.FullOptions{Options: po, Base: o.Base, Rank: o.Rank})
		return rep, end, files, err
	}
	s, rep, err := phase.AnalyseRun(ctx, dir, po)
	if err != nil {
		return nil, nil, nil, err
	}
	if s == nil {
		return rep, nil, phase.BareFiles(dir), nil
	}
	end, err := s.Load(s.Len() - 1)
	if err != nil {
		return nil, nil, nil, err
	}
	files, err := seriesFilesOf(s)
	return rep, end, files, err
}

// rename calls a directory by a name wherever the report has its path, which is where
// it happened to lie.
func rename(rep *phase.Report, dir, name string) {
	if rep.Progress != nil {
		rep.Progress.Source = strings.ReplaceAll(rep.Progress.Source, dir, name)
	}
	for i, w := range rep.Warnings {
		rep.Warnings[i] = strings.ReplaceAll(w, dir, name)
	}
}

// seriesFiles are the files of a checkpoint that an analysis may read.
var seriesFiles = []string{lora.WeightsFile, "adapter_model.bin", "steering_vector.pt", lora.ConfigFile}

// seriesFilesOf are the files of a series that the analysis reads, as paths below it.
func seriesFilesOf(s *lora.Series) (names []string, err error) {
	add := func(path string) error {
		rel, err := filepath.Rel(s.Run, path)
		if err == nil {
			names = append(names, rel)
		}
		return err
	}
	for _, c := range s.Checkpoints {
		for _, f := range seriesFiles {
			path := filepath.Join(c.Dir, f)
			if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
				continue
			} else if err != nil {
				return nil, err
			}
			if err := add(path); err != nil {
				return nil, err
			}
		}
	}
	if s.StateFile != "" {
		if err := add(s.StateFile); err != nil {
			return nil, err
		}
	}
	if holding(s.Run, train.MeasuresFile) != "" {
		names = append(names, train.MeasuresFile)
	}
	return names, nil
}

// filesRef hashes files below a directory.
func filesRef(dir string, names []string) (manifest.Ref, error) {
	if len(names) == 0 {
		return manifest.Ref{}, fmt.Errorf("%w: %s: found no file to hash", ErrInput, dir)
	}
	ref, err := manifest.RefOf(dir, names...)
	if len(names) == 1 { // of one file the reference names none
		ref.Files = map[string]string{filepath.ToSlash(names[0]): ref.SHA256}
	}
	return ref, err
}

// base hashes the weights that fine-tunes in full are read against.
func (in *inputs) base(o *Options) error {
	if o.Base == "" {
		return nil
	}
	t, err := model.OpenTensors(o.Base)
	if err != nil {
		return fmt.Errorf("report: %s: %w: %w", roleBase, ErrInput, err)
	}
	var names []string
	for _, f := range t.Files() {
		names = append(names, filepath.Base(f))
	}
	if err := t.Close(); err != nil {
		return fmt.Errorf("report: %s: %w", roleBase, err)
	}
	in.refs[roleBase], err = filesRef(o.Base, names)
	return err
}

// beside reads what lies beside the series, behaviour and trajectories, and labels
// the run's events by its twin.
func (in *inputs) beside(o *Options) error {
	if in.Twin == nil && (o.TwinBehaviour != "" || o.TwinTrajectory != "") {
		return fmt.Errorf("report: %w: found behaviour or features of a twin, expected the twin's run with them", ErrInput)
	}
	if err := in.measured(&in.Run, roleRun, o.Behaviour, o.Trajectory); err != nil {
		return err
	}
	for i := range in.Seeds {
		if err := in.measured(&in.Seeds[i], roleSeed(i), holding(o.Seeds[i], behaviour.CurveFile), trajectoryIn(o.Seeds[i])); err != nil {
			return err
		}
	}
	if in.Twin != nil {
		if err := in.measured(in.Twin, roleTwin, o.TwinBehaviour, o.TwinTrajectory); err != nil {
			return err
		}
		if err := in.Run.Report.AddTwin(in.Twin.Report); err != nil {
			return fmt.Errorf("report: %w: %w", ErrInput, err)
		}
	}
	o.Measured.into(in.Run.Report)
	if err := in.answers(o); err != nil {
		return err
	}
	t, err := in.trajectory(roleHeldOut, o.HeldOut)
	in.HeldOut = t
	return err
}

// answers compares the judged answers between snapshots and across events.
func (in *inputs) answers(o *Options) error {
	habits, err := phase.ParseHabits(o.Habits)
	if err != nil {
		return fmt.Errorf("report: %w: %w", ErrInput, err)
	}
	if o.Answers == "" {
		return nil
	}
	r, err := phase.ReadResponses(o.Answers, phase.Columns(habits)...)
	if err != nil {
		return fmt.Errorf("report: %s: %w: %w", roleAnswers, ErrInput, err)
	}
	if in.refs[roleAnswers], err = manifest.RefOf(o.Answers); err != nil {
		return fmt.Errorf("report: %s: %w", roleAnswers, err)
	}
	in.Answers = &phase.AttributeOptions{Responses: r, Window: o.Window, Habits: habits}
	rep := in.Run.Report
	rep.AddThresholds(r)
	rep.AddAttributions(*in.Answers)
	if rep.Shift != nil {
		return nil // measured, with the likelihoods of whole answers
	}
	rep.Shift, err = phase.Shifted(context.Background(), phase.ShiftOptions{Responses: r, Window: o.Window, Habits: habits})
	if errors.Is(err, phase.ErrResponses) {
		rep.Warnings, err = append(rep.Warnings, fmt.Sprintf("the answers of successive snapshots were not compared: %d snapshots are fewer than two windows", len(r.Steps()))), nil
	}
	return err
}

// measured adds behaviour and features to a run, where there are any.
func (in *inputs) measured(r *ledger.Run, role, dir, path string) (err error) {
	if r.Behaviour, err = in.behaviour(role+" behaviour", dir); err != nil {
		return err
	}
	if r.Behaviour != nil {
		if err := r.Report.AddBehaviour(named(r.Behaviour, r.Report.Run)); err != nil {
			return fmt.Errorf("report: %s: %w: %w", role, ErrInput, err)
		}
	}
	r.Trajectory, err = in.trajectory(role+" trajectory", path)
	return err
}

// named is a curve whose run has the report's name of it, when its own is the name
// of a directory that ends so; a path would tie the report to where the run lay.
func named(c *behaviour.Curve, name string) *behaviour.Curve {
	out := *c
	if filepath.Base(filepath.Clean(c.Run)) == name {
		out.Run = name
	}
	return &out
}

// holding is dir when it holds a file, else "".
func holding(dir, name string) string {
	if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.IsDir() {
		return ""
	}
	return dir
}

func trajectoryIn(dir string) string {
	if holding(dir, "trajectory.arrow") == "" {
		return ""
	}
	return filepath.Join(dir, "trajectory.arrow")
}

func (in *inputs) behaviour(role, dir string) (*behaviour.Curve, error) {
	if dir == "" {
		return nil, nil
	}
	c, err := behaviour.ReadCurve(dir)
	if err != nil {
		return nil, fmt.Errorf("report: %s: %w: %w", role, ErrInput, err)
	}
	in.refs[role], err = manifest.RefOf(filepath.Join(dir, behaviour.CurveFile))
	return c, err
}

func (in *inputs) trajectory(role, path string) (*phase.Trajectory, error) {
	if path == "" {
		return nil, nil
	}
	t, err := phase.ReadTrajectory(path)
	if err != nil {
		return nil, fmt.Errorf("report: %s: %w: %w", role, ErrInput, err)
	}
	in.refs[role], err = manifest.RefOf(path)
	return t, err
}
