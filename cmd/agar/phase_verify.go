package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"agar/model"
	"agar/model/progress"
	"agar/phase/report"
)

type verifyOptions struct {
	inputs []string
	json   bool
}

func newPhaseVerify() *cobra.Command {
	var o verifyOptions
	c := &cobra.Command{
		Use:   "verify REPORT",
		Short: "compute a report anew from its inputs and compare every number",
		Long: `Finds the inputs that a report was made from (at their recorded paths, or as they
lay beside the report), compares their SHA-256, computes everything anew and
compares every value of report.json and every byte of the other files.

Exits with 0 when all is equal, 1 when an input, a file or a number differs, 3 when
REPORT is no report, 5 when inputs are missing.`,
		Example: `  agar phase verify REPORT
  agar phase verify REPORT --input run=/other/place/run --json | jq .differences`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return runPhaseVerify(c, args[0], o) },
	}
	f := c.Flags()
	f.StringArrayVar(&o.inputs, "input", nil, "where an input lies now, as `ROLE=PATH`, repeatable; roles are those of the report's table of inputs")
	f.BoolVar(&o.json, "json", false, "print one object")
	return c
}

func runPhaseVerify(c *cobra.Command, dir string, o verifyOptions) error {
	places := map[string]string{}
	for _, x := range o.inputs {
		role, path, ok := strings.Cut(x, "=")
		if !ok {
			return usagef("agar phase verify: found --input %q, expected ROLE=PATH", x)
		}
		places[role] = path
	}
	r := newReporter(c)
	defer r.close()
	v, err := report.Verify(c.Context(), dir, report.VerifyOptions{Inputs: places, Kernel: model.Kernel(), Progress: progress.Func(r.report).Named("verify")})
	switch {
	case errors.Is(err, report.ErrNoReport):
		return refused(err)
	case err != nil:
		return err
	}
	r.close()
	if o.json {
		err = printJSON(c.OutOrStdout(), v)
	} else {
		printVerified(c.OutOrStdout(), v)
	}
	if err != nil {
		return err
	}
	return verdict(v)
}

// verdict is the exit code of a verification.
func verdict(v *report.Verified) error {
	switch {
	case v.OK:
		return nil
	case len(v.Changed)+len(v.Files)+v.Differing > 0:
		return fmt.Errorf("%s: %d inputs and %d files of the report changed, %d values differ", v.Report, len(v.Changed), len(v.Files), v.Differing)
	case len(v.Missing) > 0:
		return withCode(exitPartial, fmt.Errorf("%s: %d inputs are missing, nothing was computed anew", v.Report, len(v.Missing)))
	}
	return fmt.Errorf("%s: %s", v.Report, v.Unchecked)
}

// differencesShown is how many differences are printed for people.
const differencesShown = 12

func printVerified(w io.Writer, v *report.Verified) {
	change := func(what string, all []report.InputChange) {
		for _, x := range all {
			found := x.Found
			if found == "" {
				found = "none"
			}
			fmt.Fprintf(w, "%s: %s (%s)\n  recorded sha256 %s\n  found           %s\n", what, x.Path, x.Role, x.Recorded, found)
		}
	}
	change("input missing", v.Missing)
	change("input changed", v.Changed)
	change("file of the report", v.Files)
	for i, d := range v.Differences {
		if i == differencesShown {
			fmt.Fprintf(w, "and %d more that differ; --json lists them\n", v.Differing-i)
			break
		}
		fmt.Fprintf(w, "differs: %s\n  recorded %s\n  computed %s\n", d.Key, d.Recorded, d.Found)
	}
	for _, f := range v.Recorded {
		fmt.Fprintf(w, "note: %s holds what running a model gave; it has its recorded hash, and was taken as it is\n", f)
	}
	switch {
	case v.OK:
		fmt.Fprintf(w, "%s: all inputs are unchanged; %d numbers and all files came out bit for bit (kernels: %s)\n", v.Report, v.Numbers, v.Kernel)
	case v.Unchecked != "":
		fmt.Fprintf(w, "nothing was computed anew: %s\n", v.Unchecked)
	case v.Kernel != v.Made:
		fmt.Fprintf(w, "note: made with the %s kernels, computed anew with %s; last digits may differ\n", v.Made, v.Kernel)
	}
}
