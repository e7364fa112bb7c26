package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"agar/activations"
	"agar/model"
	"agar/model/hub"
	"agar/model/lora"
)

// newModel builds `agar model` and what it does with a model.
func newModel() *cobra.Command {
	c := &cobra.Command{
		Use:   "model",
		Short: "fetch a model, inspect it and its adapter, tokenize, generate",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newModelPull(), newModelInspect(), newModelTokenize(), newModelGenerate(), newModelParity(), newModelReferenceScript())
	return c
}

// wontFit says whether err is a job that memory or disk cannot hold.
func wontFit(err error) bool {
	return errors.Is(err, model.ErrWontFit) || errors.Is(err, activations.ErrWontFit)
}

// findModel resolves what a person calls a model: a path, the base name of one
// of the directories in AGAR_MODELS, or OWNER/NAME[@REVISION] of one that was
// pulled from a hub.
func findModel(name string) (string, error) {
	if _, err := os.Stat(name); err == nil {
		return name, nil
	}
	for _, dir := range filepath.SplitList(os.Getenv("AGAR_MODELS")) {
		if filepath.Base(dir) == filepath.Base(name) {
			return dir, nil
		}
	}
	ref, err := hub.ParseRef(name)
	if err != nil || !strings.Contains(name, "/") {
		return name, nil
	}
	dir, err := hub.Find(hub.FromEnv(os.Getenv), ref)
	if err != nil {
		return "", refused(fmt.Errorf("model: no file or directory %s, and %w", name, err))
	}
	return hub.Open(dir), nil
}

// openModel opens a model that a command was given.
func openModel(name string) (*model.Model, error) {
	path, err := findModel(name)
	if err != nil {
		return nil, err
	}
	m, err := model.Open(path, model.Options{})
	return m, refused(err)
}

// seriesHint says of a run that was given as an adapter what to give instead.
func seriesHint(dir string, err error) error {
	s, noSeries := lora.OpenSeries(dir)
	if noSeries != nil || len(s.Checkpoints) == 0 {
		return err
	}
	last := s.Checkpoints[len(s.Checkpoints)-1]
	return fmt.Errorf("%s is a series of %d checkpoints, expected one adapter; give %s, or steps with --checkpoint where there is that flag", dir, len(s.Checkpoints), last.Dir)
}

// warner prints warnings on standard error.
func warner(c *cobra.Command) func(string) {
	return func(s string) { c.PrintErrln("warning: " + s) }
}
