package main

import (
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// newMan builds `agar man DIR`, which writes the manual pages.
func newMan() *cobra.Command {
	return &cobra.Command{
		Use:     "man DIR",
		Short:   "write the manual pages into a directory",
		Example: "  agar man ~/.local/share/man/man1",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return fmt.Errorf("man: %w", err)
			}
			epoch := time.Unix(0, 0).UTC()
			return doc.GenManTree(c.Root(), &doc.GenManHeader{Title: "AGAR", Section: "1", Source: "agar " + version(), Date: &epoch}, args[0])
		},
	}
}
