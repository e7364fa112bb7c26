package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"agar/model/hub"
)

type pullOptions struct {
	file             string
	include, exclude []string
	offline, verify  bool
	connections      int
	json             bool
}

func newModelPull() *cobra.Command {
	var o pullOptions
	c := &cobra.Command{
		Use:   "pull OWNER/NAME[@REVISION]",
		Short: "fetch a model, adapter or dictionary from a hub",
		Long: `Fetches the files that agar reads from a Hugging Face compatible hub into the
cache that huggingface_hub uses, over several connections, and checks them by
their hashes. What is there already is not fetched again, and an interrupted
pull goes on. Other commands then take OWNER/NAME wherever they take a MODEL.

HF_ENDPOINT, HF_TOKEN, HF_HOME, HF_HUB_CACHE and HF_HUB_OFFLINE mean what they
mean to huggingface_hub.`,
		Example: `  agar model pull HuggingFaceTB/SmolLM2-135M-Instruct
  agar model pull ModelOrganismsForEM/Qwen2.5-14B-Instruct_R1_0_1_0_extended_train --include 'checkpoints/*/*.safetensors'
  agar model pull bartowski/SmolLM2-135M-Instruct-GGUF --file SmolLM2-135M-Instruct-Q8_0.gguf`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return runPull(c, args[0], o) },
	}
	f := c.Flags()
	f.StringVar(&o.file, "file", "", "take this one `FILE`, as of a repository with many GGUF files")
	f.StringSliceVar(&o.include, "include", nil, "take the files that match one of these `GLOB`s instead of those agar would choose")
	f.StringSliceVar(&o.exclude, "exclude", nil, "leave out the files that match one of these `GLOB`s")
	f.BoolVar(&o.offline, "offline", false, "ask nothing of the hub, only say where the cache has it")
	f.BoolVar(&o.verify, "verify", false, "hash again what the cache already has, and fetch what is damaged")
	f.IntVar(&o.connections, "connections", 4, "connections at once")
	f.BoolVar(&o.json, "json", false, "print one object")
	return c
}

func runPull(c *cobra.Command, name string, o pullOptions) error {
	ref, err := hub.ParseRef(name)
	if err != nil {
		return refused(err)
	}
	r := newReporter(c)
	defer r.close()
	p := hub.FromEnv(os.Getenv)
	p.File, p.Include, p.Exclude, p.Verify, p.Parallel, p.Progress = o.file, o.include, o.exclude, o.verify, o.connections, r.report
	p.Offline = p.Offline || o.offline
	got, err := hub.Pull(c.Context(), ref, p)
	if errors.Is(err, hub.ErrWontFit) {
		return withCode(exitWontFit, err)
	}
	if isPullRefusal(err) {
		return refused(err)
	}
	if err != nil {
		return err
	}
	r.close()
	if o.json {
		return printJSON(c.OutOrStdout(), got)
	}
	return printPulled(c.OutOrStdout(), got)
}

// isPullRefusal says whether what was asked for, not its transport, is at fault.
func isPullRefusal(err error) bool {
	for _, target := range []error{hub.ErrNotFound, hub.ErrDenied, hub.ErrNotCached, hub.ErrChoose, hub.ErrCorrupt} {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}

func printPulled(w io.Writer, p *hub.Pulled) error {
	for _, f := range p.Files {
		if _, err := fmt.Fprintf(w, "%12.3f MB  %s\n", float64(f.Size)/1e6, f.Name); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "%s at %s\n%.1f MB, %.1f MB of them fetched\n%s\n", p.Repo, p.Commit, float64(p.Bytes)/1e6, float64(p.Downloaded)/1e6, p.Path)
	return err
}
