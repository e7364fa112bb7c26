package main

import (
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"agar/activations"
	"agar/model/lora"
)

// emitScript prints the script that captures on another machine. The model and
// the adapters need not be readable here; a checkpoint series is listed when it
// is.
func emitScript(c *cobra.Command, args []string, o captureOptions) error {
	if len(args) != 1 || o.data == "" || o.out == "" || len(o.hooks) == 0 {
		return usagef("agar capture --emit-script: a model, --data, --hooks and --out are needed, as the script will use them")
	}
	dir, ok := o.adapter.one()
	if !ok && !o.adapter.none() {
		return usagef("agar capture --emit-script: found --adapter %q, expected one adapter without a dial", o.adapter.given)
	}
	checkpoints, err := scriptCheckpoints(dir)
	if err != nil {
		return refused(err)
	}
	err = activations.EmitScript(c.OutOrStdout(), activations.ScriptOptions{
		Model: args[0], Checkpoints: checkpoints, Data: o.data, Out: o.out, Hooks: o.hooks,
		Context: o.ctx, Tokens: o.tokens, ShardRows: o.shardRows, DType: activations.DType(o.dtype),
	})
	return refused(err)
}

// scriptCheckpoints are the checkpoints of a series, or one adapter.
func scriptCheckpoints(dir string) ([]string, error) {
	if dir == "" {
		return nil, nil
	}
	if _, err := os.Stat(filepath.Join(dir, "adapter_config.json")); err == nil {
		return []string{dir}, nil
	}
	if _, err := os.Stat(dir); err != nil {
		return []string{dir}, nil // on the other machine
	}
	s, err := lora.OpenSeries(dir)
	if err != nil {
		return nil, err
	}
	var dirs []string
	for _, ck := range s.Checkpoints {
		dirs = append(dirs, ck.Dir)
	}
	return dirs, nil
}
