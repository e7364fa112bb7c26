package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

const about = `agar is the medium that model organisms grow on: capture activations inside
LoRA-tuned language models, train sparse autoencoders on them, and see which
features fire and how they change step by step through a fine-tune.`

const firstSteps = `  agar demo                          a misaligned organism, its features and its turn, in a minute
  agar capture MODEL --data text.jsonl --hooks blocks.15.hook_resid_post --out store
  agar sae train store --hook blocks.15.hook_resid_post --d-sae 4608 --k 32 --out sae
  agar sae index sae store --out index
  agar phase RUN --sae sae --data answers.jsonl --model MODEL
  agar tui RUN index`

// run executes one command line and returns its exit code.
func run(ctx context.Context, args []string, in io.Reader, out, errw io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errw)
	c, err := root.ExecuteContextC(ctx)
	if err != nil {
		fmt.Fprintln(errw, "agar: "+strings.TrimPrefix(message(c, err), "agar: "))
	}
	return exitCode(err)
}

// message is what a person reads of err.
func message(c *cobra.Command, err error) string {
	switch {
	case !errors.Is(err, context.Canceled):
		return err.Error()
	case c.Flags().Lookup("resume") != nil:
		return "interrupted; the same command with --resume goes on where it stopped"
	}
	return "interrupted"
}

// newRoot builds the command tree.
func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "agar",
		Short:         "a mechanistic-interpretability workbench for model organisms of misalignment",
		Long:          about,
		Example:       firstSteps,
		Version:       version(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.PersistentFlags().String("config", "", "TOML `file` with defaults for flags, a table a command")
	root.PersistentPreRunE = func(c *cobra.Command, _ []string) error { return applyDefaults(c) }
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usagef("%s: %w; see '%s --help'", c.CommandPath(), err, c.CommandPath())
	})
	root.AddCommand(newDemo(), newTUI(), newModel(), newCapture(), newBreed(), newSAE(), newJudge(), newPhase(), newBench(), newMan())
	markUsage(root)
	return root
}

// markUsage makes wrong argument counts usage errors in the whole tree.
func markUsage(c *cobra.Command) {
	if check := c.Args; check != nil {
		c.Args = func(c *cobra.Command, args []string) error {
			if err := check(c, args); err != nil {
				return usagef("%s: %w; see '%s --help'", c.CommandPath(), err, c.CommandPath())
			}
			return nil
		}
	}
	for _, sub := range c.Commands() {
		markUsage(sub)
	}
}

// version names the build, from the module data that the linker wrote.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}
