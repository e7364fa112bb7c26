package activations

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"agar/model"
)

// modelRunner runs a model of this program, with an adapter or without.
type modelRunner struct {
	m      *model.Model
	a      *model.Adapter
	lambda float32
}

// NewRunner makes a Runner of a model. With an adapter, hooks are read while it
// works at the dial lambda, the runner is a Differ, and the adapter's name in
// difference hooks is that of its directory.
func NewRunner(m *model.Model, a *model.Adapter, lambda float32) Runner {
	return &modelRunner{m, a, lambda}
}

func (r *modelRunner) Hooks() []HookInfo {
	var out []HookInfo
	for _, h := range r.m.Hooks(r.a) {
		out = append(out, HookInfo(h))
	}
	if r.a == nil {
		return out
	}
	for _, h := range out[:len(out):len(out)] {
		if name, err := r.Difference(h.Name); err == nil {
			out = append(out, HookInfo{name, h.Dim, h.Layer})
		}
	}
	return out
}

// Difference names HOOK@ADAPTER-base. A hook of the adapter itself has no base,
// and one before the adapter has no difference.
func (r *modelRunner) Difference(hook string) (string, error) {
	switch {
	case r.a == nil:
		return "", fmt.Errorf("activations: a difference needs an adapter")
	case strings.Contains(hook, ".lora."):
		return "", fmt.Errorf("activations: hook %s belongs to the adapter and has no value in the base", hook)
	}
	if err := r.m.Reaches(r.a, hook); err != nil {
		return "", err
	}
	return hook + r.suffix(), nil
}

// suffix is what a difference hook has after the hook.
func (r *modelRunner) suffix() string {
	name := strings.Map(func(c rune) rune {
		if strings.ContainsRune("@, \t\n\"'\\", c) {
			return '_'
		}
		return c
	}, filepath.Base(filepath.Clean(r.a.LoRA().Dir)))
	return "@" + name + "-base"
}

func (r *modelRunner) Run(ctx context.Context, seqs Batch, hooks []string) (map[string][]float32, error) {
	var reads, differ []string
	for _, h := range hooks {
		base, isDiff := "", false
		if r.a != nil {
			base, isDiff = strings.CutSuffix(h, r.suffix())
		}
		if isDiff {
			differ = append(differ, base)
			continue
		}
		reads = append(reads, h)
	}
	res, err := r.m.Forward(ctx, &model.Request{Seqs: seqs, Reads: union(reads, differ), Adapter: r.a, Lambda: r.lambda})
	if err != nil {
		return nil, err
	}
	out := res.Hooks
	if len(differ) == 0 {
		return out, nil
	}
	base, err := r.m.Forward(ctx, &model.Request{Seqs: seqs, Reads: differ})
	if err != nil {
		return nil, err
	}
	for _, h := range differ {
		x, y := out[h], base.Hooks[h]
		d := make([]float32, len(x))
		for i := range d {
			d[i] = x[i] - y[i]
		}
		out[h+r.suffix()] = d
	}
	return out, nil
}

// union is a with what of b it lacks.
func union(a, b []string) []string {
	out := a[:len(a):len(a)]
	for _, x := range b {
		if !slices.Contains(out, x) {
			out = append(out, x)
		}
	}
	return out
}
