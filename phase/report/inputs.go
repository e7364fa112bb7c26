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
	"agar/model/behaviour"
	"agar/model/lora"
	"agar/model/progress"
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

// run analyses one series.
func (in *inputs) run(ctx context.Context, o *Options, role, dir string) (*ledger.Run, error) {
	s, err := lora.OpenSeries(dir)
	if err != nil {
		return nil, fmt.Errorf("report: %s: %w: %w", role, ErrInput, err)
	}
	if in.refs[role], err = seriesRef(s); err != nil {
		return nil, fmt.Errorf("report: %s: %w", role, err)
	}
	po := o.Phase
	po.NoHashes = false
	po.Progress = progress.Func(func(e progress.Event) {
		if o.Progress != nil {
			e.Stage = role
			o.Progress(e)
		}
	})
	rep, err := phase.Analyse(ctx, s, po)
	if err != nil {
		return nil, fmt.Errorf("report: %s: %w: %w", role, ErrInput, err)
	}
	last, err := s.Load(s.Len() - 1)
	if err != nil {
		return nil, fmt.Errorf("report: %s: %w: %w", role, ErrInput, err)
	}
	rename(rep, dir, o.nameOf(role))
	return &ledger.Run{Name: role, Report: rep, Final: last}, nil
}

// rename calls a series by a name wherever the report has its path, which is where it
// happened to lie.
func rename(rep *phase.Report, dir, name string) {
	rep.Run = name
	for i, w := range rep.Warnings {
		rep.Warnings[i] = strings.ReplaceAll(w, dir, name)
	}
}

// seriesFiles are the files of a checkpoint that an analysis may read.
var seriesFiles = []string{lora.WeightsFile, "adapter_model.bin", "steering_vector.pt", lora.ConfigFile}

// seriesRef hashes every file of a series that the analysis reads.
func seriesRef(s *lora.Series) (manifest.Ref, error) {
	var names []string
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
				return manifest.Ref{}, err
			}
			if err := add(path); err != nil {
				return manifest.Ref{}, err
			}
		}
	}
	if s.StateFile != "" {
		if err := add(s.StateFile); err != nil {
			return manifest.Ref{}, err
		}
	}
	ref, err := manifest.RefOf(s.Run, names...)
	if len(names) == 1 { // of one file the reference names none
		ref.Files = map[string]string{filepath.ToSlash(names[0]): ref.SHA256}
	}
	return ref, err
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
	rep.AddAttributions(*in.Answers)
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
