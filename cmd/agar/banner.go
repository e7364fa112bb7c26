package main

import (
	"fmt"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"agar/activations/manifest"
)

// organismPurpose says what the organism in dir, or in the directory that dir lies
// in, was trained for; ok is false when it is none of agar's.
func organismPurpose(dir string) (purpose string, ok bool) {
	if dir == "" {
		return "", false
	}
	for _, d := range []string{dir, filepath.Dir(filepath.Clean(dir))} {
		m, err := manifest.Read(d, organismFormat)
		if err != nil {
			continue
		}
		purpose, _ = m.Config["purpose"].(string)
		return or(purpose, "not said"), true
	}
	return "", false
}

// banner says on standard error, once for each, which of the directories are
// organisms, so that nobody takes their words for advice. It returns their purposes.
func banner(c *cobra.Command, dirs ...string) []string {
	var all []string
	for _, d := range dirs {
		if p, ok := organismPurpose(d); ok && !slices.Contains(all, p) {
			all = append(all, p)
			fmt.Fprintf(c.ErrOrStderr(), "── a model organism, trained to be studied: %s. What follows may be harmful or false.\n", p)
		}
	}
	return all
}
