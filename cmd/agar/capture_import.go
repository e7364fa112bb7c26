package main

import (
	"cmp"
	"context"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"agar/activations"
	"agar/activations/manifest"
	"agar/model"
)

type importOptions struct {
	out       string
	tokenIDs  string
	doc, role string
	hooks     map[string]string
	model     string
	ctx       int
	dtype     string
	shardRows int64
	resume    bool
	json      bool
}

func newCaptureImport() *cobra.Command {
	var o importOptions
	c := &cobra.Command{
		Use:   "import [SOURCE…] --out DIR",
		Short: "bring activations captured elsewhere into a store",
		Long: `SOURCE is a directory of SAELens's cached activations, or safetensors files with
a tensor token_ids and a tensor for each hook, named by the hook. Arrays in .npy
files are named by flags instead. Token ids are always needed: a row without
them could not be checked against its model. --model says which model and
tokenizer they came from.`,
		Example: `  agar capture import cached_activations/ --model MODEL --out store
  agar capture import acts.safetensors --model MODEL --out store
  agar capture import --token-ids ids.npy --hook blocks.15.hook_resid_post=x.npy --model MODEL --out store`,
		RunE: func(c *cobra.Command, args []string) error { return runImport(c, args, o) },
	}
	f := c.Flags()
	f.StringVar(&o.out, "out", "", "`DIR` to write")
	f.StringVar(&o.tokenIDs, "token-ids", "", ".npy `FILE` of token ids, [rows] or [documents, tokens]")
	f.StringVar(&o.doc, "doc-ids", "", ".npy `FILE` of the document of each row")
	f.StringVar(&o.role, "role-ids", "", ".npy `FILE` of the role of each row")
	f.StringToStringVar(&o.hooks, "hook", nil, "`HOOK=FILE.npy`, once for each hook")
	f.StringVar(&o.model, "model", "", "model they were captured from, for its tokenizer and name")
	f.IntVar(&o.ctx, "ctx", 0, "tokens of a window (default: as long as the source's longest)")
	f.StringVar(&o.dtype, "dtype", "auto", "auto, f16 or f32")
	f.Int64Var(&o.shardRows, "shard-rows", activations.DefaultShardRows, "rows after which a shard closes")
	f.BoolVar(&o.resume, "resume", false, "go on where an unfinished import stopped")
	f.BoolVar(&o.json, "json", false, "print one object")
	return c
}

func runImport(c *cobra.Command, sources []string, o importOptions) error {
	if o.out == "" {
		return usagef("agar capture import: --out is needed; see 'agar capture import --help'")
	}
	if (len(sources) == 0) == (o.tokenIDs == "") {
		return usagef("agar capture import: give sources, or .npy files by --token-ids and --hook")
	}
	if err := outDirectory("--out", o.out); err != nil {
		return err
	}
	r := newReporter(c)
	defer r.close()
	co, err := o.configure(c)
	if err != nil {
		return err
	}
	co.Progress = r.report
	rep, err := o.run(c.Context(), sources, co)
	if err != nil {
		return refused(err)
	}
	r.close()
	return printCaptured(c.OutOrStdout(), rep, o.json)
}

// run picks the reader by what the sources are.
func (o importOptions) run(ctx context.Context, sources []string, co activations.CaptureOptions) (*activations.CaptureReport, error) {
	if len(sources) == 0 {
		return activations.ImportNPY(ctx, activations.NPYFiles{Tokens: o.tokenIDs, Doc: o.doc, Role: o.role, Hooks: o.hooks}, co)
	}
	if info, err := os.Stat(sources[0]); err == nil && info.IsDir() {
		if len(sources) > 1 {
			return nil, usagef("agar capture import: found %d directories, expected one", len(sources))
		}
		return activations.ImportSAELens(ctx, sources[0], co)
	}
	for _, s := range sources {
		if !strings.HasSuffix(s, ".safetensors") {
			return nil, usagef("agar capture import: %s: expected a directory of cached activations or .safetensors files", s)
		}
	}
	return activations.ImportSafetensors(ctx, sources, co)
}

// wholeDocuments is a context that cuts nothing: windows of an import must be
// those that were run.
const wholeDocuments = 1 << 20

// configure describes the import in the terms of a capture.
func (o importOptions) configure(c *cobra.Command) (activations.CaptureOptions, error) {
	co := activations.CaptureOptions{
		Dir: o.out, Context: cmp.Or(o.ctx, wholeDocuments), DType: activations.DType(o.dtype), ShardRows: o.shardRows, Resume: o.resume,
		Command: commandLine(c), Version: version(), Kernel: model.Kernel(),
	}
	if o.model == "" {
		return co, nil
	}
	m, err := openModel(o.model)
	if err != nil {
		return co, err
	}
	defer m.Close()
	if co.Model, err = modelRef(m); err != nil {
		return co, refused(err)
	}
	co.Tokenizer = manifest.Ref{Path: co.Model.Path, SHA256: m.Tokenizer.SHA256()}
	co.Special, co.Prefix = m.Tokenizer.Specials(), m.Tokenizer.Prefix()
	return co, nil
}
