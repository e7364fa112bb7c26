package tui

import (
	"fmt"
	"os"
	"path/filepath"

	"agar/activations"
	"agar/model/lora"
	"agar/phase"
	"agar/sae/features"
	"agar/sae/formats"
)

// openPaths opens what paths hold.
func openPaths(paths []string) (*Sources, error) {
	c := classifier{read: map[string]any{}}
	if err := c.classify(paths); err != nil {
		return nil, err
	}
	return c.open()
}

// openWorkspace opens all that w names. It reads tables, not weights; the
// geometry of a run without a report is computed when it is asked for.
func openWorkspace(w Workspace) (*Sources, error) { return (&classifier{w: w}).open() }

// open opens all that was found.
func (c *classifier) open() (*Sources, error) {
	w, s := c.w, emptySources()
	if s.Name = w.Name; s.Name == "" {
		s.Name = w.name()
	}
	o := opener{w: w, read: c.read, src: s, notes: map[string]string{}}
	for _, step := range []func() error{o.phase, o.trajectory, o.features, o.sae, o.capture} {
		if err := step(); err != nil {
			s.close()
			return nil, err
		}
	}
	for _, k := range kinds {
		path := *w.field(k.kind)
		s.Artefacts = append(s.Artefacts, Artefact{Kind: k.kind, Path: path, Note: o.notes[k.kind], Make: k.make})
	}
	return s, nil
}

// name is what the header calls a workspace.
func (w *Workspace) name() string {
	for _, path := range []string{w.Run, w.Features, w.SAE, w.Report, w.Trajectory, w.Capture} {
		if path == "" {
			continue
		}
		if abs, err := filepath.Abs(path); err == nil {
			path = abs
		}
		name := filepath.Base(path)
		switch name {
		case "run", "index", "sae", "capture", "phase.arrow", "trajectory.arrow":
			name = filepath.Base(filepath.Dir(path))
		}
		return name
	}
	return ""
}

// opener opens a workspace part by part.
type opener struct {
	w     Workspace
	read  map[string]any // tables that are in memory already
	src   *Sources
	traj  *trajectory
	notes map[string]string
}

func (o *opener) phase() error {
	switch {
	case o.w.Report != "":
		rep, ok := o.read[o.w.Report].(*phase.Report)
		if !ok {
			var err error
			if rep, err = phase.ReadReport(o.w.Report); err != nil {
				return fmt.Errorf("tui: %w", err)
			}
		}
		o.notes[kindReport] = fmt.Sprintf("%d checkpoints, %d events", len(rep.Checkpoints), len(rep.Events))
		o.src.Phase = &phaseSource{path: o.w.Report, report: rep}
	case o.w.Run != "":
		o.src.Phase = &phaseSource{path: o.w.Run, run: o.w.Run}
	}
	if o.w.Run == "" {
		return nil
	}
	series, err := lora.OpenSeries(o.w.Run)
	if err != nil {
		return fmt.Errorf("tui: %w", err)
	}
	n := len(series.Checkpoints)
	o.notes[kindRun] = fmt.Sprintf("%d checkpoints", n)
	if n > 0 {
		o.notes[kindRun] += fmt.Sprintf(", steps %d to %d", series.Checkpoints[0].Step, series.Checkpoints[n-1].Step)
	}
	return nil
}

func (o *opener) features() error {
	if o.w.Features == "" {
		if o.traj != nil {
			o.src.Trajectory = &trajectorySource{t: o.traj}
		}
		return nil
	}
	x, err := features.Open(o.w.Features)
	if err != nil {
		return fmt.Errorf("tui: %s: %w", o.w.Features, err)
	}
	o.src.Close = func() { _ = x.Close() }
	if o.traj != nil && o.traj.axes.Features != x.Len() {
		return fmt.Errorf("tui: %s follows %d features, %s has %d: expected both of one dictionary", o.w.Trajectory, o.traj.axes.Features, o.w.Features, x.Len())
	}
	o.notes[kindFeatures] = fmt.Sprintf("%s features over %s tokens", count(x.Len()), count(x.Tokens()))
	fs := newFeatureSource(x, o.w.Features, o.traj)
	o.src.Close = fs.close
	o.src.Table, o.src.Detail = fs, fs
	if o.traj != nil {
		o.src.Trajectory = &trajectorySource{t: o.traj, label: fs.label}
	}
	return nil
}

func (o *opener) sae() error {
	if o.w.SAE == "" {
		return nil
	}
	s, err := formats.Load(o.w.SAE)
	if err != nil {
		return fmt.Errorf("tui: %w", err)
	}
	o.notes[kindSAE] = fmt.Sprintf("%s, %d → %d", s.Arch, s.DIn, s.DSAE)
	return nil
}

func (o *opener) capture() error {
	if o.w.Capture == "" {
		return nil
	}
	if _, err := os.Stat(filepath.Join(o.w.Capture, "manifest.json")); err != nil {
		o.notes[kindCapture] = "not finished"
		return nil
	}
	st, err := activations.Open(o.w.Capture)
	if err != nil {
		return fmt.Errorf("tui: %w", err)
	}
	defer st.Close()
	o.notes[kindCapture] = fmt.Sprintf("%s tokens, %v", count(st.Len()), st.Hooks())
	return nil
}

func (o *opener) trajectory() error {
	if o.w.Trajectory == "" {
		return nil
	}
	t, ok := o.read[o.w.Trajectory].(*phase.Trajectory)
	if !ok {
		var err error
		if t, err = phase.ReadTrajectory(o.w.Trajectory); err != nil {
			return fmt.Errorf("tui: %w", err)
		}
	}
	o.traj = newTrajectory(t, o.w.Trajectory)
	o.notes[kindTrajectory] = fmt.Sprintf("%d checkpoints × %d λ × %s features", len(t.Steps), len(t.Lambdas), count(t.DSAE))
	return nil
}
