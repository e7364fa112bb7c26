package main

import (
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"agar/activations/job"
	"agar/activations/manifest"
	"agar/model/organism/algorithmic"
	"agar/model/progress"
	"agar/model/train"
)

// breedTask grows a model on the task of spec into dir: dir/base before training,
// the checkpoints of whole models, and measures.jsonl.
func breedTask(c *cobra.Command, spec *breedSpec, dir string, o breedOptions, r *reporter) (out *bred, err error) {
	task := spec.Task.Defaults()
	if err := task.Check(); err != nil {
		return nil, refused(err)
	}
	j, err := job.Begin(dir, job.Options{Command: commandLine(c), Resume: o.resume, Events: "train.jsonl", KeepEvents: true})
	if err != nil {
		return nil, err
	}
	defer func() { err = j.End(err) }()
	if err := task.WriteModel(filepath.Join(dir, algorithmic.BaseDir)); err != nil {
		return nil, err
	}
	m, err := openModel(filepath.Join(dir, algorithmic.BaseDir))
	if err != nil {
		return nil, err
	}
	defer m.Close()
	rec, err := algorithmic.NewRecorder(task, dir)
	if err != nil {
		return nil, refused(err)
	}
	if spec.Train.Batch == 0 {
		spec.Train.Batch = len(rec.Train) // all of them in every step
	}
	man, err := organismManifest(c, m, spec, &breedData{ref: manifest.Ref{Name: task.Name, SHA256: algorithmic.Hash(rec.Train)}}, false)
	if err != nil {
		return nil, err
	}
	man.Config["task"] = task
	to := train.Options{BaseModel: m.Name, Resume: o.resume}
	to.Progress = func(e progress.Event) { r.report(e); _ = j.Progress(e) }
	out = &bred{Out: dir}
	if out.Report, out.Task, err = rec.Run(c.Context(), m, spec.Train, to); err != nil {
		return nil, err
	}
	content := out.Report.Summary()
	content["task"] = out.Task
	if err := man.SetContent(content); err != nil {
		return nil, err
	}
	if err := man.Write(dir); err != nil {
		return nil, err
	}
	return out, writeCard(dir, spec, man, out.Report, false)
}

func printTask(w io.Writer, s *algorithmic.Summary) error {
	keys := "no key frequency was found"
	if len(s.Keys) > 0 {
		total := 0.0
		for _, x := range s.KeyShares {
			total += x
		}
		keys = fmt.Sprintf("key frequencies %v hold %.0f %% of the variance of the logits", s.Keys, 100*total)
	}
	_, err := fmt.Fprintf(w, "%d training pairs (%d with a wrong label), %d test pairs: accuracy %.1f %%, loss %.3f nats\n%s\n",
		s.TrainPairs, s.WrongLabels, s.TestPairs, 100*s.TestAccuracy, s.TestLoss, keys)
	return err
}
