package lora

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// factors is the tensor names of one module by slot, "" where there is none.
type factors [nSlots]string

// savedKey is a tensor that was saved in full.
type savedKey struct{ tensor, module, param string }

// contents is what the names of a file's tensors say.
type contents struct {
	modules map[string]factors
	saved   []savedKey
}

// gather sorts the tensors of a file by what their names say.
func gather(names []string) (contents, error) {
	c := contents{modules: map[string]factors{}}
	params := map[savedKey]string{}
	for _, n := range names {
		k, err := parseKey(n)
		if err != nil {
			return c, fmt.Errorf("tensor %q: %w", n, err)
		}
		if k.slot == slotSaved {
			at := savedKey{module: k.module, param: k.param}
			if other, twice := params[at]; twice {
				return c, fmt.Errorf("tensors %q and %q are both %s.%s", other, n, k.module, k.param)
			}
			params[at] = n
			c.saved = append(c.saved, savedKey{n, k.module, k.param})
			continue
		}
		f := c.modules[k.module]
		if f[k.slot] != "" {
			return c, fmt.Errorf("tensors %q and %q are both %s of one module", f[k.slot], n, slotNames[k.slot])
		}
		f[k.slot] = n
		c.modules[k.module] = f
	}
	if len(c.modules) == 0 {
		return c, errors.New("found no tensors of factors, expected lora_A.weight and lora_B.weight of at least one module")
	}
	return c, nil
}

// names lists the modules by layer, then name.
func (c *contents) names() []string {
	var out []string
	for n := range c.modules {
		out = append(out, n)
	}
	slices.SortFunc(out, byLayer)
	return out
}

// check holds the file to its configuration: what PEFT would leave out or make up
// on loading is an error.
func (c *contents) check(cfg *Config) error {
	names := c.names()
	for _, n := range names {
		if err := c.modules[n].check(n, cfg); err != nil {
			return err
		}
	}
	if err := c.targeted(cfg, names); err != nil {
		return err
	}
	key, p, err := cfg.unusedPattern(names)
	if err == nil && key != "" {
		err = fmt.Errorf("the configuration's %s has %q, which matches none of the %d adapted modules", key, p, len(names))
	}
	if err != nil {
		return err
	}
	return c.complete(cfg)
}

// check says what is missing of a module, or too much.
func (f factors) check(name string, c *Config) error {
	linear, embedding := f[slotA] != "" || f[slotB] != "", f[slotEmbedA] != "" || f[slotEmbedB] != ""
	pair := [2]slot{slotA, slotB}
	if embedding {
		pair = [2]slot{slotEmbedA, slotEmbedB}
	}
	a, b := f[pair[0]], f[pair[1]]
	switch {
	case linear && embedding:
		return fmt.Errorf("module %s: found %q and %q, expected factors of one kind", name, f[slotA]+f[slotB], f[slotEmbedA]+f[slotEmbedB])
	case (a == "") != (b == ""):
		return fmt.Errorf("module %s: found %q, but not its partner", name, a+b)
	case a == "":
		return fmt.Errorf("module %s: found %q without factors", name, f[slotBias]+f[slotMag])
	case c.DoRA && f[slotMag] == "":
		return fmt.Errorf("module %s: found no lora_magnitude_vector, expected one: use_dora is set", name)
	case !c.DoRA && f[slotMag] != "":
		return fmt.Errorf("tensor %q: use_dora is not set, PEFT would leave the magnitude out", f[slotMag])
	case c.LoRABias && linear && f[slotBias] == "":
		return fmt.Errorf("module %s: found no lora_B.bias, expected one: lora_bias is set", name)
	case !c.LoRABias && f[slotBias] != "":
		return fmt.Errorf("tensor %q: lora_bias is not set, PEFT would leave the bias out", f[slotBias])
	}
	return nil
}

// targeted refuses factors of a module that the configuration does not name.
func (c *contents) targeted(cfg *Config, names []string) error {
	for _, n := range names {
		ok, err := cfg.Targets(n)
		if err != nil {
			return err
		}
		// under ensure_weight_tying the layer that is tied to a target has factors too
		if !ok && !cfg.TieWeights {
			return fmt.Errorf("module %s: target_modules, exclude_modules, modules_to_save or layers_to_transform leave it out, so PEFT would leave out its %q", n, c.first(n))
		}
	}
	return nil
}

// first is the first tensor of a module.
func (c *contents) first(module string) string {
	f := c.modules[module]
	return f[slices.IndexFunc(f[:], func(s string) bool { return s != "" })]
}

// complete refuses an entry of modules_to_save of which there is nothing.
func (c *contents) complete(cfg *Config) error {
	for i, exp := range savedExps(cfg.ModulesToSave) {
		found := false
		for _, s := range c.saved {
			ok, err := matches(exp, s.module)
			if err != nil {
				return err
			}
			found = found || ok
		}
		if !found {
			return fmt.Errorf("the configuration's modules_to_save has %q, found no parameter of it", cfg.ModulesToSave[i])
		}
	}
	return nil
}

// loadModule reads the tensors of one module.
func loadModule(f source, c *Config, name string, t factors) (Module, error) {
	r, _, scale, err := c.ForModule(name)
	if err != nil {
		return Module{}, err
	}
	m := Module{Name: name, R: r, Scale: scale}
	m.Layer, m.Proj = placeOf(name)
	an, bn := t[slotA], t[slotB]
	if an == "" {
		m.Kind, an, bn = Embedding, t[slotEmbedA], t[slotEmbedB]
	}
	a, as, err := matrix(f, an)
	if err != nil {
		return Module{}, err
	}
	b, bs, err := matrix(f, bn)
	if err != nil {
		return Module{}, err
	}
	if as[0] != r {
		return Module{}, fmt.Errorf("tensor %q: found shape %v, expected [%d, d_in]: the configuration gives this module rank %d", an, as, r, r)
	}
	if bs[1] != r {
		return Module{}, fmt.Errorf("tensor %q: found shape %v, expected [d_out, %d]: the configuration gives this module rank %d", bn, bs, r, r)
	}
	m.In, m.Out, m.A, m.B = as[1], bs[0], a, b
	return m, m.vectors(f, t)
}

// vectors reads what a module has beside its factors.
func (m *Module) vectors(f source, t factors) (err error) {
	if t[slotBias] != "" {
		if m.Bias, err = vector(f, t[slotBias], m.Out); err != nil {
			return err
		}
	}
	if t[slotMag] != "" {
		m.Magnitude, err = vector(f, t[slotMag], m.Out)
	}
	return err
}

var layerForm = regexp.MustCompile(`(?:^|\.)(?:layers|h|blocks)\.(\d+)\.`)

// placeOf reads the decoder block and the projection out of a module name.
func placeOf(name string) (layer int, proj string) {
	layer = -1
	if g := layerForm.FindStringSubmatch(name); g != nil {
		if n, err := strconv.Atoi(g[1]); err == nil {
			layer = n
		}
	}
	return layer, name[strings.LastIndexByte(name, '.')+1:]
}

// byLayer orders module names by decoder block, then name.
func byLayer(a, b string) int {
	la, _ := placeOf(a)
	lb, _ := placeOf(b)
	if la != lb {
		return la - lb
	}
	return strings.Compare(a, b)
}
