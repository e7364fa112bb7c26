package activations

import (
	"context"
	"fmt"
	"maps"
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
// works at the dial lambda, HOOK@base is what the base computes, and the runner is
// a Differ; the adapter's name in difference hooks is that of its directory.
func NewRunner(m *model.Model, a *model.Adapter, lambda float32) Runner {
	return &modelRunner{m, a, lambda}
}

func (r *modelRunner) Hooks() []HookInfo {
	var out []HookInfo
	for _, h := range r.m.Hooks(r.a) {
		out = append(out, HookInfo{h.Name, h.Dim, h.Layer, h.PerKey})
	}
	if r.a == nil {
		return out
	}
	for _, h := range out[:len(out):len(out)] {
		if h.PerKey {
			continue
		}
		if !strings.Contains(h.Name, loraMark) {
			out = append(out, HookInfo{h.Name + baseSuffix, h.Dim, h.Layer, false})
		}
		if name, err := r.Difference(h.Name); err == nil {
			out = append(out, HookInfo{name, h.Dim, h.Layer, false})
		}
	}
	return out
}

// loraMark is in the names of an adapter's own hooks, baseSuffix behind those of
// what the base computes while there is an adapter.
const (
	loraMark   = ".lora."
	baseSuffix = "@base"
)

// Difference names HOOK@ADAPTER-base. A hook of the adapter itself has no base,
// and one before the adapter has no difference.
func (r *modelRunner) Difference(hook string) (string, error) {
	switch {
	case r.a == nil:
		return "", fmt.Errorf("activations: a difference needs an adapter")
	case strings.Contains(hook, loraMark):
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
	}, r.a.Name())
	return "@" + name + "-base"
}

// wanted sorts the hooks of a request by where they are read.
type wanted struct {
	adapted, base []string // hooks of the model to read with the adapter and without
	differ        []string // those of both whose difference is wanted
}

func (r *modelRunner) sort(hooks []string) (w wanted) {
	for _, h := range hooks {
		if r.a != nil {
			if hook, ok := strings.CutSuffix(h, r.suffix()); ok {
				w.differ = append(w.differ, hook)
				continue
			}
			if hook, ok := strings.CutSuffix(h, baseSuffix); ok {
				w.base = append(w.base, hook)
				continue
			}
		}
		w.adapted = append(w.adapted, h)
	}
	w.adapted, w.base = union(w.adapted, w.differ), union(w.base, w.differ)
	return w
}

// Run computes what is asked for of the base and of the adapted model. The blocks
// below the adapter, which are the same in both, are computed once.
func (r *modelRunner) Run(ctx context.Context, seqs Batch, hooks []string) (map[string][]float32, error) {
	w := r.sort(hooks)
	if len(w.base) == 0 {
		return r.read(ctx, &model.Request{Seqs: seqs, Reads: w.adapted, Adapter: r.a, Lambda: r.lambda})
	}
	both := union(w.base, w.adapted)
	shared := &model.Result{}
	first := r.a.FirstLayer()
	if first > 0 {
		var err error
		if shared, err = r.m.Forward(ctx, &model.Request{Seqs: seqs, To: first, Reads: r.below(both, first)}); err != nil {
			return nil, err
		}
	}
	upper := func(reads []string, a *model.Adapter) (map[string][]float32, error) {
		out, reads := map[string][]float32{}, slices.Clone(reads)
		reads = slices.DeleteFunc(reads, func(h string) bool {
			x, ok := shared.Hooks[h]
			if ok {
				out[h] = x
			}
			return ok
		})
		if len(reads) == 0 {
			return out, nil
		}
		q := &model.Request{Seqs: seqs, Reads: reads, Adapter: a, Lambda: r.lambda}
		if first > 0 {
			q.From, q.Resid = first, shared.Resid
		}
		got, err := r.read(ctx, q)
		maps.Copy(out, got)
		return out, err
	}
	adapted, err := upper(w.adapted, r.a)
	if err != nil {
		return nil, err
	}
	base, err := upper(w.base, nil)
	if err != nil {
		return nil, err
	}
	return r.combine(adapted, base, w), nil
}

func (r *modelRunner) read(ctx context.Context, q *model.Request) (map[string][]float32, error) {
	res, err := r.m.Forward(ctx, q)
	if err != nil {
		return nil, err
	}
	return res.Hooks, nil
}

// below are the hooks of blocks before layer.
func (r *modelRunner) below(hooks []string, layer int) []string {
	var out []string
	for _, h := range hooks {
		if info, err := r.m.Hook(h, r.a); err == nil && info.Layer < layer {
			out = append(out, h)
		}
	}
	return out
}

// combine names what was read, and takes the differences.
func (r *modelRunner) combine(adapted, base map[string][]float32, w wanted) map[string][]float32 {
	out := maps.Clone(adapted)
	for h, x := range base {
		out[h+baseSuffix] = x
	}
	for _, h := range w.differ {
		x, y := adapted[h], base[h]
		d := make([]float32, len(x))
		for i := range d {
			d[i] = x[i] - y[i]
		}
		out[h+r.suffix()] = d
	}
	return out
}

// union is a with what of b it lacks.
func union(a, b []string) []string {
	out := slices.Clone(a)
	for _, x := range b {
		if !slices.Contains(out, x) {
			out = append(out, x)
		}
	}
	return out
}
