package activations

import (
	"cmp"
	_ "embed" // the template
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"text/template"
)

//go:embed script.py.tmpl
var scriptText string

// ScriptOptions says what the script of EmitScript captures.
type ScriptOptions struct {
	Model       string   // a directory, or a name on the hub
	Checkpoints []string // PEFT adapter directories in the order of training; the last one is read as adapted. Empty means the base alone
	Data        string   // JSONL or plain text
	Out         string   // the capture directory
	Hooks       []string
	Context     int   // as in CaptureOptions, with the same defaults
	Tokens      int64 // as in CaptureOptions
	ShardRows   int64 // as in CaptureOptions
	DType       DType // as in CaptureOptions
}

// EmitScript writes a Python program that captures with transformers and PEFT
// on a machine that agar does not run on, into the same store.
//
// Without checkpoints its columns are the hooks. With checkpoints they are, for
// each hook, HOOK of the last checkpoint, HOOK@base, and their difference
// HOOK@CHECKPOINT-base, taken in float32; and for each adapted down_proj and each
// checkpoint blocks.L.mlp.down_proj.lora.hook_a@CHECKPOINT, which is A·x with the
// base's x.
func EmitScript(w io.Writer, o ScriptOptions) error {
	o.Context = cmp.Or(o.Context, DefaultContext)
	o.ShardRows = cmp.Or(o.ShardRows, DefaultShardRows)
	o.DType = cmp.Or(o.DType, Auto)
	if err := o.check(); err != nil {
		return err
	}
	t, err := template.New("script").Funcs(template.FuncMap{"py": python}).Parse(scriptText)
	if err != nil {
		return fmt.Errorf("activations: script: %w", err)
	}
	if err := t.Execute(w, o); err != nil {
		return fmt.Errorf("activations: script: %w", err)
	}
	return nil
}

func (o *ScriptOptions) check() error {
	switch {
	case o.Model == "" || o.Data == "" || o.Out == "" || len(o.Hooks) == 0:
		return errors.New("activations: script: expected a model, data, hooks and a directory to write to")
	case o.Data == "-":
		return errors.New("activations: script: found standard input as data, expected a file")
	}
	for _, path := range append([]string{o.Model, o.Out}, o.Checkpoints...) {
		if strings.ContainsAny(path, "\"\\\n") {
			return fmt.Errorf("activations: script: found the name %q, expected none with quotes, backslashes or line ends", path)
		}
	}
	for _, h := range o.Hooks {
		if !scriptHook(h) {
			return fmt.Errorf("activations: script: found hook %q, expected hook_embed or blocks.L. with hook_resid_pre, hook_resid_mid, hook_resid_post, hook_attn_out, hook_mlp_out or mlp.hook_post", h)
		}
	}
	names := map[string]bool{}
	for _, c := range o.Checkpoints {
		name := filepath.Base(c)
		if names[name] {
			return fmt.Errorf("activations: script: found two checkpoints named %q", name)
		}
		names[name] = true
	}
	return nil
}

// scriptHook says whether the script knows how to read a hook.
func scriptHook(name string) bool {
	if name == "hook_embed" {
		return true
	}
	var layer int
	var kind string
	if _, err := fmt.Sscanf(name, "blocks.%d.%s", &layer, &kind); err != nil || layer < 0 {
		return false
	}
	switch kind {
	case "hook_resid_pre", "hook_resid_mid", "hook_resid_post", "hook_attn_out", "hook_mlp_out", "mlp.hook_post":
		return true
	}
	return false
}

// python writes a string or a list of strings as a Python literal; JSON's are.
func python(v any) (string, error) {
	if s, ok := v.([]string); ok && s == nil {
		v = []string{}
	}
	b, err := json.Marshal(v)
	return string(b), err
}
