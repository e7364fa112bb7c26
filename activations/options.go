package activations

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"agar/activations/blob"
	"agar/activations/manifest"
	"agar/model/progress"
)

// CaptureOptions says what Capture computes, and what it writes about it.
type CaptureOptions struct {
	Dir        string   // the capture directory
	Hooks      []string // what to read, in the order of the columns
	Difference bool     // beside each hook that has one, its HOOK@ADAPTER-base

	Context   int   // tokens of a window, prefix included; 0 means 128
	Tokens    int64 // stop after the document that reaches this many; 0 means all
	DType     DType // "" means Auto
	ShardRows int64 // a shard ends with the document that reaches this many rows; 0 means 65,536
	BatchRows int   // tokens of one forward, exceeded only by a single longer window; 0 means 2,048. Results do not depend on it

	Resume bool // go on in a directory that holds an unfinished capture
	Force  bool // resume although kernel path or version differ

	// For the manifest. Config adds to the settings above what the caller
	// decided, such as whether texts went through the chat template.
	Command []string
	Config  map[string]any
	Version string
	Kernel  string
	Model, Adapter,
	Tokenizer, Data manifest.Ref
	Special []int32 // ids the tokenizer calls special
	Prefix  []int32 // ids it puts before a text

	// MemoryPlanned, when set, sees the plan of the memory before the first forward.
	MemoryPlanned func(Memory)

	// Planned, when set, sees the plan before the first row is stored; its error
	// ends the capture.
	Planned  func(Plan) error
	Progress progress.Func
	// Blob, when set, takes the files in place of the directory Dir, which then
	// holds the job's files only.
	Blob blob.Store
}

// Defaults of CaptureOptions.
const (
	DefaultContext   = 128
	DefaultShardRows = 65536
	DefaultBatchRows = 2048
)

// withDefaults fills in what is zero.
func (o CaptureOptions) withDefaults() CaptureOptions {
	o.Context = cmp.Or(o.Context, DefaultContext)
	o.ShardRows = cmp.Or(o.ShardRows, DefaultShardRows)
	o.BatchRows = cmp.Or(o.BatchRows, DefaultBatchRows)
	o.DType = cmp.Or(o.DType, Auto)
	if o.Blob == nil {
		o.Blob = blob.Dir(o.Dir)
	}
	return o
}

func (o *CaptureOptions) check() error {
	switch {
	case o.Dir == "":
		return errors.New("activations: capture: no directory to write to")
	case len(o.Hooks) == 0:
		return errors.New("activations: capture: no hook to read")
	case o.Context <= len(o.Prefix):
		return fmt.Errorf("activations: capture: found a context of %d tokens, expected more than the %d that start each window", o.Context, len(o.Prefix))
	case o.Tokens < 0 || o.ShardRows < 1 || o.BatchRows < 1:
		return fmt.Errorf("activations: capture: found tokens %d, shard rows %d, batch rows %d, expected none below zero", o.Tokens, o.ShardRows, o.BatchRows)
	case o.DType != Auto && o.DType.Size() == 0:
		return fmt.Errorf("activations: capture: found dtype %q, expected auto, f16 or f32", o.DType)
	}
	return nil
}

// columnsOf finds the hooks asked for among those of the runner, differences
// included, all with dtype d.
func (o *CaptureOptions) columnsOf(r Runner, d DType) ([]Column, error) {
	have := map[string]HookInfo{}
	var names []string
	for _, h := range r.Hooks() {
		have[h.Name] = h
		names = append(names, h.Name)
	}
	hooks, err := o.withDifferences(r)
	if err != nil {
		return nil, err
	}
	var out []Column
	for i, name := range hooks {
		h, ok := have[name]
		switch {
		case !ok:
			return nil, fmt.Errorf("activations: capture: found no hook %q, did you mean %s?", name, nearest(name, names))
		case h.PerKey:
			return nil, fmt.Errorf("activations: capture: hook %q has a value for every position of the sequence, so that its rows have no width to store", name)
		case slices.Contains(hooks[:i], name):
			return nil, fmt.Errorf("activations: capture: hook %q is asked for twice", name)
		}
		out = append(out, Column{name, h.Dim, d})
	}
	return out, nil
}

// withDifferences puts each hook's difference column behind it. The adapter's
// own hooks have none; any other hook without one is an error.
func (o *CaptureOptions) withDifferences(r Runner) ([]string, error) {
	if !o.Difference {
		return o.Hooks, nil
	}
	d, ok := r.(Differ)
	if !ok {
		return nil, errors.New("activations: capture: differences need an adapter")
	}
	var out []string
	for _, h := range o.Hooks {
		out = append(out, h)
		if strings.Contains(h, ".lora.") {
			continue
		}
		name, err := d.Difference(h)
		if err != nil {
			return nil, err
		}
		out = append(out, name)
	}
	return out, nil
}

// config is the effective configuration for the manifest: everything that the
// bytes of the store depend on, in the form in which JSON gives it back.
func (o *CaptureOptions) config(hooks []Column) (map[string]any, error) {
	names := make([]string, len(hooks))
	for i, c := range hooks {
		names[i] = c.Name
	}
	out := map[string]any{"hooks": names, "ctx": o.Context, "tokens": o.Tokens, "dtype": string(o.DType), "shard_rows": o.ShardRows}
	maps.Copy(out, o.Config)
	b, err := json.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("activations: capture: configuration: %w", err)
	}
	out = nil
	return out, json.Unmarshal(b, &out)
}

// nearest is the name with the smallest edit distance.
func nearest(name string, names []string) string {
	best, at := "", -1
	for _, n := range names {
		if d := editDistance(name, n); at < 0 || d < at {
			best, at = n, d
		}
	}
	if at < 0 {
		return "(the runner has no hooks)"
	}
	return best
}

// editDistance counts the insertions, deletions and replacements of bytes
// between a and b (Levenshtein).
func editDistance(a, b string) int {
	prev := make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := range len(a) {
		diagonal := prev[0]
		prev[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, prev[j+1] = prev[j+1], min(prev[j]+1, prev[j+1]+1, diagonal+cost)
		}
	}
	return prev[len(b)]
}
