package model

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"agar/model/lora"
)

// AttachOptions says how strict Attach is.
type AttachOptions struct {
	// AllowZero takes an adapter whose B is all zero, which changes nothing: the
	// first checkpoints of a series are like that. Otherwise it is an error.
	AllowZero bool
}

// Match is how the modules of an adapter fit a model.
type Match struct {
	Matched   []string `json:"matched"`   // modules of the adapter that the model has
	Unmatched []string `json:"unmatched"` // modules that it does not have
	Misshapen []string `json:"misshapen"` // modules of another shape, with both
}

// Match compares the modules of an adapter with those of the model.
func (m *Model) Match(a *lora.Adapter) Match {
	r := Match{Matched: []string{}, Unmatched: []string{}, Misshapen: []string{}}
	for i := range a.Modules {
		x := &a.Modules[i]
		p, ok := m.projOf(x)
		if !ok {
			r.Unmatched = append(r.Unmatched, x.Name)
			continue
		}
		r.Matched = append(r.Matched, x.Name)
		if out, in := m.Spec.shape(p); x.In != in || x.Out != out {
			r.Misshapen = append(r.Misshapen, fmt.Sprintf("%s: found A of width %d and B of height %d, expected %d and %d", x.Name, x.In, x.Out, in, out))
		}
	}
	return r
}

// projOf finds the projection that a module adapts.
func (m *Model) projOf(x *lora.Module) (proj, bool) {
	if x.Layer < 0 || x.Layer >= m.Spec.Layers {
		return 0, false
	}
	for p := range nProjs {
		if x.Name == moduleName(x.Layer, p) {
			return p, true
		}
	}
	return 0, false
}

// moduleName is the name of a projection in checkpoints and adapters.
func moduleName(layer int, p proj) string {
	return fmt.Sprintf("model.layers.%d.%s", layer, p)
}

// Attach makes an adapter usable with this model, after checking that every one
// of its modules is there and has the right shape. Errors wrap ErrAdapter and
// name the modules.
func (m *Model) Attach(l *lora.Adapter, o AttachOptions) (*Adapter, error) {
	if err := m.fitting(l, o); err != nil {
		return nil, fmt.Errorf("model: %s: %w: %w", l.File, ErrAdapter, err)
	}
	a := &Adapter{m: m, lora: l, mods: make([][nProjs]*attached, m.Spec.Layers), first: m.Spec.Layers}
	for i := range l.Modules {
		x := &l.Modules[i]
		p, _ := m.projOf(x)
		a.mods[x.Layer][p] = attach(x)
		a.first = min(a.first, x.Layer)
	}
	a.warnings = slices.Clone(l.Warnings)
	if base := l.Config.BaseModel; base != "" && !sameModel(base, m.Name, m.Dir) {
		a.warnings = append(a.warnings, fmt.Sprintf("%s: the adapter was trained on %q, the model is %q", l.Dir, base, m.Name))
	}
	return a, nil
}

// fitting says why an adapter cannot be attached.
func (m *Model) fitting(l *lora.Adapter, o AttachOptions) error {
	r := m.Match(l)
	switch {
	case len(l.Modules) == 0:
		return fmt.Errorf("found no modules")
	case len(r.Unmatched) > 0:
		return fmt.Errorf("%s with %d layers has no %s", m.Spec.Architecture, m.Spec.Layers, strings.Join(r.Unmatched, ", "))
	case len(r.Misshapen) > 0:
		return fmt.Errorf("%s", strings.Join(r.Misshapen, "; "))
	case l.Zero() && !o.AllowZero:
		return fmt.Errorf("every B is zero, so the adapter changes nothing (--allow-zero-adapter takes it)")
	}
	return nil
}

// sameModel compares what an adapter calls its base with what the model is
// called: equal, or equal in the last part, whatever hub or folder it came from.
func sameModel(base, name, dir string) bool {
	want := lastPart(base)
	return want == lastPart(name) || want == lastPart(dir) || want == lastPart(baseName(dir))
}

// lastPart is the last part of a path or hub name in lower case, without the
// endings that GGUF files carry.
func lastPart(s string) string {
	s = strings.ToLower(strings.TrimRight(filepath.ToSlash(s), "/"))
	s = strings.TrimSuffix(s[strings.LastIndex(s, "/")+1:], ".gguf")
	for _, q := range []string{"q4_0", "q4_1", "q8_0", "f16", "f32", "bf16"} {
		s = strings.TrimSuffix(strings.TrimSuffix(s, "."+q), "-"+q)
	}
	return s
}
