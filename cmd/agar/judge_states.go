package main

import (
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"agar/activations/manifest"
	"agar/model"
	"agar/model/behaviour"
	"agar/model/lora"
)

// manifest says what is measured, and how.
func (j *judging) manifest(used map[string]any) (*manifest.Manifest, error) {
	o := &j.o
	ref, err := modelRef(j.m)
	if err != nil {
		return nil, err
	}
	command := slices.DeleteFunc(commandLine(j.c), func(w string) bool { return w == "--resume" || w == "--json" })
	m := &manifest.Manifest{Format: behaviour.Format, Command: command, Version: version(), Kernel: model.Kernel(), Model: ref,
		Tokenizer: manifest.Ref{Path: ref.Path, SHA256: j.m.Tokenizer.SHA256()}, Inputs: map[string]manifest.Ref{}, Config: map[string]any{"lambda": o.lambdas, "no_base": o.noBase}}
	for k, v := range used {
		m.Config[k] = v
	}
	if o.questions != "" {
		for k, v := range map[string]any{"questions": o.questions, "samples": o.samples, "max_new": o.maxNew, "temperature": o.temperature, "seed": o.seed, "judge": o.by.judge, "judge_url": o.by.url, "rule": o.rule, "reference": o.reference} {
			m.Config[k] = v
		}
	}
	var states []string
	for _, s := range j.states {
		states = append(states, s.Dir)
	}
	m.Config["adapters"] = states
	for role, path := range map[string]string{"pairs": o.pairs, "questions": o.questions} {
		if _, err := os.Stat(path); path != "" && err == nil {
			if m.Inputs[role], err = manifest.RefOf(path); err != nil {
				return nil, err
			}
		}
	}
	if o.run != "" {
		m.Inputs["run"], err = runRef(o.run, j.states)
	} else if len(j.states) > 0 && j.states[len(j.states)-1].Adapter != nil {
		m.Adapter = adapterRef(j.states[len(j.states)-1].Adapter, 1)
	}
	return m, err
}

// runRef names the weights of the checkpoints that are measured.
func runRef(run string, states []behaviour.State) (manifest.Ref, error) {
	var files []string
	seen := map[string]bool{}
	for _, s := range states {
		if s.Dir == "" || seen[s.Dir] {
			continue
		}
		seen[s.Dir] = true
		rel, err := filepath.Rel(run, s.Dir)
		if err != nil {
			return manifest.Ref{}, err
		}
		names, err := weightFiles(s.Dir)
		if err != nil {
			return manifest.Ref{}, err
		}
		for _, name := range names {
			files = append(files, filepath.Join(rel, name))
		}
	}
	return manifest.RefOf(run, files...)
}

// weightFiles are the files with the weights of a checkpoint: an adapter's, else a
// whole model's.
func weightFiles(dir string) (names []string, err error) {
	for _, name := range []string{lora.WeightsFile, "adapter_model.bin", lora.SteeringFile} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			return []string{name}, nil
		}
	}
	t, err := model.OpenTensors(dir)
	if err != nil {
		return nil, err
	}
	for _, f := range t.Files() {
		names = append(names, filepath.Base(f))
	}
	return names, t.Close()
}

// states are the models to measure, ascending by step and dial, the base first.
func (o *judgeOptions) states(c *cobra.Command, m *model.Model) ([]behaviour.State, error) {
	var out []behaviour.State
	if !o.noBase {
		out = append(out, behaviour.State{Step: behaviour.NoStep})
	}
	if o.run != "" {
		return o.series(c, m, out)
	}
	a, err := o.adapter.attach(m, warner(c))
	if err != nil || a == nil {
		return out, err
	}
	for _, l := range sortedFloats(o.lambdas) {
		out = append(out, behaviour.State{Step: behaviour.NoStep, Dir: o.adapter.given[0], Adapter: a, Lambda: l})
	}
	return out, nil
}

// series adds checkpoints of the run at every dial. They are attached when their
// turn comes, one at a time.
func (o *judgeOptions) series(c *cobra.Command, m *model.Model, out []behaviour.State) ([]behaviour.State, error) {
	s, err := model.OpenRun(o.run)
	if err != nil {
		return nil, refused(err)
	}
	for _, w := range s.Warnings {
		warner(c)(w)
	}
	cks, err := o.chosen(s)
	if err != nil {
		return nil, refused(err)
	}
	var held *model.Adapter
	heldDir := ""
	for _, ck := range cks {
		open := func() (*model.Adapter, error) {
			if heldDir == ck.Dir {
				return held, nil
			}
			held, heldDir = nil, "" // a whole model is in memory once
			a, err := m.AttachCheckpoint(ck.Dir, model.AttachOptions{AllowZero: true})
			if err == nil {
				held, heldDir = a, ck.Dir
			}
			return a, refused(err)
		}
		for _, l := range sortedFloats(o.lambdas) {
			out = append(out, behaviour.State{Step: ck.Step, Dir: ck.Dir, Open: open, Lambda: l})
		}
	}
	return out, nil
}

// chosen are the checkpoints that were asked for.
func (o *judgeOptions) chosen(s *lora.Series) ([]lora.Checkpoint, error) {
	var out []lora.Checkpoint
	if len(o.checkpoints) > 0 {
		for _, step := range o.checkpoints {
			ck, err := s.At(step)
			if err != nil {
				return nil, err
			}
			out = append(out, ck)
		}
		return sortedCheckpoints(out), nil
	}
	for i, ck := range s.Checkpoints {
		if (i+1)%o.every == 0 || i == len(s.Checkpoints)-1 {
			out = append(out, ck)
		}
	}
	return out, nil
}
