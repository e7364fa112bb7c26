package tui

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"agar/activations"
	"agar/model/behaviour"
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
	w := c.w
	s := w.nothing()
	if s.Name = w.Name; s.Name == "" {
		s.Name = w.name()
	}
	o := opener{w: w, read: c.read, src: s, notes: map[string]string{}, steps: map[string][]int{}, sizes: map[string]int{}}
	for _, step := range []func() error{o.phase, o.trajectory, o.features, o.sae, o.capture, o.together} {
		if err := step(); err != nil {
			s.close()
			return nil, err
		}
	}
	for _, k := range kinds {
		path := *w.field(k.kind)
		s.Artefacts = append(s.Artefacts, Artefact{Kind: k.kind, Path: path, Note: o.notes[k.kind], Make: w.fill(k.make)})
	}
	return s, nil
}

// fill puts the paths that are open into a command that would make another one.
func (w *Workspace) fill(command string) string {
	words := strings.Split(command, " ")
	for i, word := range words {
		path := map[string]string{"RUN": w.Run, "SAE": w.SAE, "CAPTURE": w.Capture}[word]
		switch {
		case path == "":
		case strings.ContainsAny(path, " '\""):
			words[i] = strconv.Quote(path)
		default:
			words[i] = path
		}
	}
	return strings.Join(words, " ")
}

// name is what the header calls a workspace.
func (w *Workspace) name() string {
	for _, path := range []string{w.Run, w.Features, w.SAE, w.Report, w.Trajectory, w.Capture, w.Judged} {
		if path == "" {
			continue
		}
		if abs, err := filepath.Abs(path); err == nil {
			path = abs
		}
		name := filepath.Base(path)
		switch name {
		case "run", "index", "sae", "capture", "behaviour", "phase.arrow", "trajectory.arrow":
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

	steps map[string][]int // checkpoints by the path that says so
	sizes map[string]int   // features of the dictionary by the path that says so
}

// together refuses parts that do not belong together: a report or trajectory of
// checkpoints that the run does not have, or dictionaries of different sizes.
func (o *opener) together() error {
	for _, p := range [][2]string{{o.w.Report, o.w.Run}, {o.w.Trajectory, o.w.Run}, {o.w.Trajectory, o.w.Report}} {
		part, whole := o.steps[p[0]], o.steps[p[1]]
		if p[0] == "" || p[1] == "" {
			continue
		}
		for _, step := range part {
			if !slices.Contains(whole, step) {
				return fmt.Errorf("tui: %s has a checkpoint at step %d, found none in %s: expected both of one fine-tune", p[0], step, p[1])
			}
		}
	}
	paths := []string{o.w.Trajectory, o.w.Features, o.w.SAE}
	for i, a := range paths {
		for _, b := range paths[:i] {
			if a != "" && b != "" && o.sizes[a] != o.sizes[b] {
				return fmt.Errorf("tui: %s has %d features, %s has %d: expected both of one dictionary", b, o.sizes[b], a, o.sizes[a])
			}
		}
	}
	return nil
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
		for i := range rep.Checkpoints {
			o.steps[o.w.Report] = append(o.steps[o.w.Report], rep.Checkpoints[i].Step)
		}
		o.notes[kindReport] = counted(len(rep.Checkpoints), "checkpoints") + ", " + counted(len(rep.Events), "events")
		o.src.Phase = &phaseSource{path: o.w.Report, report: rep}
	case o.w.Run != "":
		o.src.Phase = &phaseSource{path: o.w.Run, run: o.w.Run, judged: o.w.Judged}
	}
	if err := o.judged(); err != nil {
		return err
	}
	if o.w.Run == "" {
		return nil
	}
	steps, what, err := checkpointsOf(o.w.Run)
	if err != nil {
		return fmt.Errorf("tui: %w", err)
	}
	o.steps[o.w.Run] = steps
	n := len(steps)
	o.notes[kindRun] = counted(n, what)
	if n > 1 {
		o.notes[kindRun] += fmt.Sprintf(", steps %d to %d", steps[0], steps[n-1])
	}
	return nil
}

// judged takes the behaviour of a directory of its own: beside a report that has none,
// or by itself.
func (o *opener) judged() error {
	if o.w.Judged == "" {
		return nil
	}
	c, err := behaviour.ReadCurve(o.w.Judged)
	if err != nil {
		return fmt.Errorf("tui: %w", err)
	}
	last := c.Points[len(c.Points)-1]
	o.notes[kindJudged] = fmt.Sprintf("%s, %d pairs, %d × %d answers", counted(len(c.Points), "states"), last.Pairs, last.Questions, last.Samples)
	s, _ := o.src.Phase.(*phaseSource)
	switch {
	case s == nil:
		rep, err := phase.AnalyseBehaviour(c, o.w.Judged)
		if err != nil {
			return fmt.Errorf("tui: %s: %w", o.w.Judged, err)
		}
		o.src.Phase = &phaseSource{path: o.w.Judged, report: rep}
	case s.report != nil && s.report.Behaviour == nil:
		if err := s.report.AddBehaviour(c); err != nil {
			return fmt.Errorf("tui: %w", err)
		}
	}
	return nil
}

// checkpointsOf are the steps of a run's adapters; of one without any, which has
// measures, those of its whole models.
func checkpointsOf(run string) (steps []int, what string, err error) {
	series, err := lora.OpenSeries(run)
	if err == nil {
		return series.Steps(), "checkpoints", nil
	}
	if !errors.Is(err, lora.ErrNoCheckpoints) {
		return nil, "", err
	}
	rep, other := phase.AnalyseMeasures(run)
	if other != nil {
		return nil, "", err
	}
	for i := range rep.Checkpoints {
		steps = append(steps, rep.Checkpoints[i].Step)
	}
	return steps, "checkpoints of whole models", nil
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
	o.sizes[o.w.Features] = x.Len()
	if o.traj != nil && o.traj.axes.Features != x.Len() {
		return o.together()
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
	o.sizes[o.w.SAE] = s.DSAE
	o.notes[kindSAE] = fmt.Sprintf("%s, %d → %s features", s.Arch, s.DIn, count(s.DSAE))
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
	o.steps[o.w.Trajectory], o.sizes[o.w.Trajectory] = t.Steps, t.DSAE
	o.notes[kindTrajectory] = fmt.Sprintf("%d checkpoints × %d λ × %s features", len(t.Steps), len(t.Lambdas), count(t.DSAE))
	return nil
}
