package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"agar/model/bench"
)

// benchOptions are the flags of bench.
type benchOptions struct {
	time time.Duration
	json bool
}

func newBench() *cobra.Command {
	var o benchOptions
	c := &cobra.Command{
		Use:   "bench",
		Short: "how fast the kernels are on this machine, against its limits",
		Long: `Measures the kernels of every path that this machine runs, on one core, and what
share they have of the path's limit: the multiplications and additions that registers
take, or the bytes that memory reads. Figures are the best of several repetitions; other
work on the machine lowers them. Training computes products on the path amx where the
processor has it, whose limit counts the six bfloat16 products of a float32 one.`,
		Example: "  agar bench\n  agar bench --json --time 1s\n  AGAR_KERNEL=avx2 agar bench",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return runBench(c, &o) },
	}
	c.Flags().DurationVar(&o.time, "time", 200*time.Millisecond, "at least so long for each figure")
	c.Flags().BoolVar(&o.json, "json", false, "print one object")
	return c
}

func runBench(c *cobra.Command, o *benchOptions) error {
	if o.time <= 0 {
		return usagef("--time: found %v, expected more than 0", o.time)
	}
	rep, err := bench.Run(c.Context(), bench.Options{Time: o.time})
	if err != nil {
		return err
	}
	if o.json {
		return printJSON(c.OutOrStdout(), rep)
	}
	return printBench(c.OutOrStdout(), rep)
}

func printBench(w io.Writer, rep *bench.Report) error {
	m := &rep.Machine
	fmt.Fprintf(w, "%s/%s, %d cores, path %s, training on %s\n", m.OS, m.Arch, m.Cores, m.Path, m.Training)
	if m.FMA > 0 {
		fmt.Fprintf(w, "one core: %.0f GFLOP/s in registers, reads %.1f GB/s", m.FMA, m.Read)
	} else {
		fmt.Fprintf(w, "one core reads %.1f GB/s", m.Read)
	}
	if m.TwoCoreGain > 0 {
		fmt.Fprintf(w, "; two cores: %.2f times one", m.TwoCoreGain)
	}
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\npath\tkernel\trate\t\tof limit")
	for _, r := range rep.Results {
		share := ""
		if r.Share != nil {
			share = fmt.Sprintf("%.0f %%", 100**r.Share)
		}
		fmt.Fprintf(t, "%s\t%s\t%.1f\t%s\t%s\n", r.Path, r.Name, r.Value, r.Unit, share)
	}
	return t.Flush()
}
