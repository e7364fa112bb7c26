package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"agar/activations"
)

// runVerify re-reads a store and checks everything that its manifest claims.
func runVerify(c *cobra.Command, o captureOptions) error {
	r := newReporter(c)
	defer r.close()
	rep, err := activations.Verify(c.Context(), o.verify)
	if err != nil {
		return refused(err)
	}
	r.close()
	w := c.OutOrStdout()
	if o.json {
		err = printJSON(w, rep)
	} else {
		for _, p := range rep.Failures {
			fmt.Fprintln(w, p)
		}
		_, err = fmt.Fprintf(w, "%s: %d shards, %d rows, %d problems\n", o.verify, rep.Shards, rep.Rows, len(rep.Failures))
	}
	if err == nil && len(rep.Failures) > 0 {
		return refused(errors.New("the store does not hold what its manifest says"))
	}
	return err
}
