package model

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"agar/model/lora"
	"agar/model/tensor"
)

// AttachOptions says how strict Attach is.
type AttachOptions struct {
	// AllowZero takes an adapter that changes nothing, as the first checkpoints of
	// a series do, whose B is all zero. Otherwise it is an error.
	AllowZero bool
}

// Match is how the modules of an adapter, and the parameters saved in full beside
// them, fit a model.
type Match struct {
	Matched   []string `json:"matched"`   // of the adapter, that the model has
	Unmatched []string `json:"unmatched"` // that it does not have
	Misshapen []string `json:"misshapen"` // of another shape, with both
	Missing   []string `json:"missing"`   // of the model, that the adapter's settings target and its file does not hold
}

// Match compares an adapter with the model.
func (m *Model) Match(a *lora.Adapter) Match {
	r := Match{Matched: []string{}, Unmatched: []string{}, Misshapen: []string{}, Missing: []string{}}
	known, params := m.targets(), m.parameters()
	for i := range a.Modules {
		m.matchModule(&r, known, &a.Modules[i])
	}
	for i := range a.Saved {
		x := &a.Saved[i]
		p, _, ok := named(m, params, x.Name())
		if !ok {
			r.Unmatched = append(r.Unmatched, x.Name())
			continue
		}
		r.Matched = append(r.Matched, x.Name())
		if !slices.Equal(x.Shape, p.shape) {
			r.Misshapen = append(r.Misshapen, fmt.Sprintf("%s: found shape %v, expected %v", x.Name(), x.Shape, p.shape))
		}
	}
	missing, err := m.missing(known, a)
	if err != nil {
		missing = []string{err.Error()}
	}
	r.Missing = append(r.Missing, missing...)
	return r
}

// matchModule adds a module to the comparison.
func (m *Model) matchModule(r *Match, known map[string]target, x *lora.Module) {
	t, ok := m.place(known, x)
	if !ok {
		r.Unmatched = append(r.Unmatched, x.Name)
		return
	}
	r.Matched = append(r.Matched, x.Name)
	out, in := m.shape(t)
	if x.Kind == lora.Steering {
		in = 1
	}
	if x.In != in || x.Out != out {
		r.Misshapen = append(r.Misshapen, fmt.Sprintf("%s: found A of width %d and B of height %d, expected %d and %d", x.Name, x.In, x.Out, in, out))
	}
}

// Attach makes an adapter usable with this model, after checking that all of it is
// there and has the right shape. Errors wrap ErrAdapter and name the modules.
func (m *Model) Attach(l *lora.Adapter, o AttachOptions) (*Adapter, error) {
	if err := m.fitting(l); err != nil {
		return nil, fmt.Errorf("model: %s: %w: %w", l.File, ErrAdapter, err)
	}
	a := &Adapter{m: m, parts: []Part{{l, 1}}, blocks: make([]blockChanges, m.Spec.Layers), first: m.Spec.Layers}
	known, params := m.targets(), m.parameters()
	for i := range l.Modules {
		x := &l.Modules[i]
		t, _ := m.place(known, x)
		a.putModule(t, x)
	}
	for i := range l.Saved {
		x := &l.Saved[i]
		p, _, _ := named(m, params, x.Name())
		if err := a.putSaved(p, x); err != nil {
			return nil, fmt.Errorf("model: %s: %w: %s: %w", l.File, ErrAdapter, x.Name(), err)
		}
	}
	if !o.AllowZero && a.idle(l) {
		return nil, fmt.Errorf("model: %s: %w: every B is zero, so the adapter changes nothing (--allow-zero-adapter takes it)", l.File, ErrAdapter)
	}
	a.warnings = slices.Clone(l.Warnings)
	if base := l.Config.BaseModel; base != "" && !sameModel(base, m.Name, m.Dir) {
		a.warnings = append(a.warnings, fmt.Sprintf("%s: the adapter was trained on %q, the model is %q", l.Dir, base, m.Name))
	}
	return a, nil
}

// fitting says why an adapter cannot be attached.
func (m *Model) fitting(l *lora.Adapter) error {
	r := m.Match(l)
	switch {
	case len(l.Modules) == 0 && len(l.Saved) == 0:
		return fmt.Errorf("found no modules")
	case len(r.Unmatched) > 0:
		note := ""
		if slices.ContainsFunc(r.Unmatched, func(n string) bool { return strings.Contains(n, ".experts.") }) {
			note = " (adapters on experts are not supported)"
		}
		return fmt.Errorf("%s with %d layers has no %s%s", m.Spec.Architecture, m.Spec.Layers, strings.Join(r.Unmatched, ", "), note)
	case len(r.Misshapen) > 0:
		return fmt.Errorf("%s", strings.Join(r.Misshapen, "; "))
	case len(r.Missing) > 0:
		return fmt.Errorf("target_modules names %s, found no factors of it", strings.Join(r.Missing, ", "))
	}
	return nil
}

// idle tells whether the adapter changes nothing: no factors that differ from zero,
// parameters that are the base's, magnitudes that are the norms of its rows up to
// the rounding of bfloat16.
func (a *Adapter) idle(l *lora.Adapter) bool {
	if !l.NoDelta() || a.positions != nil || len(a.final) > 0 {
		return false
	}
	layers := []*changes{a.embed, a.unembed}
	for i := range a.blocks {
		if len(a.blocks[i].vectors) > 0 {
			return false
		}
		layers = append(layers, a.blocks[i].projs[:]...)
	}
	return !slices.ContainsFunc(layers, func(c *changes) bool { return c != nil && !c.idle() })
}

func (c *changes) idle() bool {
	for _, t := range c.low {
		if t.dora != nil && !t.dora.idle() {
			return false
		}
	}
	return len(c.full) == 0
}

// idle tells whether the magnitudes are the base's norms.
func (g *magnitude) idle() bool {
	for o, w := range g.norms() {
		if d := float64(g.x.Magnitude[o]) - w; d > w/256 || d < -w/256 {
			return false
		}
	}
	return true
}

// reach says that block l changes.
func (a *Adapter) reach(l int) { a.first = min(a.first, l) }

// putModule puts factors where they belong, those of a fused module on each of its
// projections: A is shared, B's rows are dealt out.
func (a *Adapter) putModule(t target, x *lora.Module) {
	a.reach(t.layer)
	switch t.layer {
	case -1:
		a.embed = a.embed.with(x, a.m.w.embed)
		return
	case a.m.Spec.Layers:
		a.unembed = a.unembed.with(x, a.m.w.unembed)
		return
	}
	for i, p := range t.mod.parts {
		order, lo, n := t.mod.moduleRows(&a.m.Spec, i)
		c := &a.blocks[t.layer].projs[p.proj]
		*c = (*c).with(rowsOf(x, order, lo, n), a.m.w.blocks[t.layer].projs[p.proj])
	}
}

// rowsOf is the module that writes rows order of x's output, or lo … lo+n when
// order is nil.
func rowsOf(x *lora.Module, order []int32, lo, n int) *lora.Module {
	if order == nil && lo == 0 && n == x.Out {
		return x
	}
	y := *x
	y.Out, y.B = n, make([]float32, n*x.R)
	for i := range n {
		from := lo + i
		if order != nil {
			from = int(order[i])
		}
		copy(y.B[i*x.R:(i+1)*x.R], x.B[from*x.R:])
	}
	if x.Bias != nil {
		y.Bias = picked(x.Bias, order, lo, n)
	}
	if x.Magnitude != nil {
		y.Magnitude = picked(x.Magnitude, order, lo, n)
	}
	return &y
}

// with adds the factors of x on a layer with weight w.
func (c *changes) with(x *lora.Module, w *tensor.Weight) *changes {
	if c == nil {
		c = &changes{out: x.Out}
	}
	t := newFactors(x)
	if x.Magnitude != nil {
		t.dora = &magnitude{x: x, w: w}
	}
	c.low, c.r = append(c.low, t), c.r+t.columns()
	return c
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
