package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"agar/activations"
	"agar/activations/blob"
	"agar/sae/encode"
)

type encodeOptions struct {
	hook   string
	out    string
	dense  bool
	filter filterFlags
	all    bool
	json   bool
}

func newSAEEncode() *cobra.Command {
	var o encodeOptions
	c := &cobra.Command{
		Use:   "encode SAE CAPTURE|X.npy --out F.arrow",
		Short: "write the features of stored activations as Arrow",
		Long: `Writes row, indices and values of the features that fire on every row, in row
order (--dense: one value for every feature). Rows that the filter leaves out are
missing; --all keeps every row.`,
		Example: "  agar sae encode sae store --out codes.arrow",
		Args:    cobra.ExactArgs(2),
		RunE:    func(c *cobra.Command, args []string) error { return runEncode(c, args[0], args[1], o) },
	}
	o.filter.add(c)
	f := c.Flags()
	f.StringVar(&o.hook, "hook", "", "column of the capture (default: the dictionary's)")
	f.StringVar(&o.out, "out", "", "`FILE` to write")
	f.BoolVar(&o.dense, "dense", false, "write a value for every feature")
	f.BoolVar(&o.all, "all", false, "keep every row: special tokens and norm outliers too")
	f.BoolVar(&o.json, "json", false, "print one object")
	return c
}

func runEncode(c *cobra.Command, dir, input string, o encodeOptions) error {
	if o.out == "" {
		return usagef("agar sae encode: --out is needed; see 'agar sae encode --help'")
	}
	if err := outFile("--out", o.out); err != nil {
		return err
	}
	s, hook, err := loadSAE(dir)
	if err != nil {
		return err
	}
	if o.hook != "" {
		hook = o.hook
	}
	src, done, err := o.source(input, hook)
	if err != nil {
		return err
	}
	defer done()
	if src.Dim() != s.DIn {
		return refused(fmt.Errorf("sae encode: found activations of width %d in %s, the dictionary has d_in %d", src.Dim(), input, s.DIn))
	}
	r := newReporter(c)
	defer r.close()
	rep, err := encode.File(c.Context(), s, src, blob.Dir(filepath.Dir(o.out)), filepath.Base(o.out), encode.Options{Dense: o.dense, Progress: r.report})
	if err != nil {
		return err
	}
	r.close()
	if o.json {
		return printJSON(c.OutOrStdout(), rep)
	}
	_, err = fmt.Fprintf(c.OutOrStdout(), "%s: %d rows, L0 %.2f\n", o.out, rep.Rows, rep.L0)
	return err
}

// source opens what is to be encoded.
func (o encodeOptions) source(input, hook string) (activations.Source, func(), error) {
	if strings.HasSuffix(input, ".npy") {
		src, err := activations.OpenNPY(input)
		return src, func() {}, refused(err)
	}
	filter, err := o.filter.filter()
	if err != nil {
		return nil, nil, err
	}
	if o.all {
		filter = activations.Filter{KeepSpecial: true, MaxNorm: -1}
	}
	store, hook, err := openStore(input, hook)
	if err != nil {
		return nil, nil, err
	}
	src, err := store.Source(hook, filter)
	if err != nil {
		store.Close()
		return nil, nil, refused(err)
	}
	return src, func() { store.Close() }, nil
}
