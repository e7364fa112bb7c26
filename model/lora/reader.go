package lora

import (
	"errors"
	"fmt"
	"slices"
)

// Reader is an adapter directory whose modules are loaded one at a time, for
// series too large to hold at once.
type Reader struct {
	Dir, File string
	Config    Config
	Warnings  []string

	f        source
	modules  map[string]factors
	saved    []savedKey
	names    []string
	steering *Module // of a steering vector
}

// Open checks the configuration and the tensor names of the adapter in dir, or of
// the steering vector there. The caller must Close it.
func Open(dir string) (*Reader, error) {
	if file, ok := steeringOf(dir); ok {
		return openSteering(dir, file)
	}
	c, warnings, err := readConfig(dir)
	if err != nil {
		return nil, err
	}
	r := &Reader{Dir: dir, Config: c, Warnings: warnings}
	if r.f, r.File, err = openWeights(dir); err != nil {
		return nil, err
	}
	x, err := gather(r.f.Names())
	if err == nil {
		err = x.check(&c)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lora: %s: %w", r.File, err), r.f.Close())
	}
	r.modules, r.saved, r.names = x.modules, x.saved, x.names()
	return r, nil
}

// Names lists the modules by layer, then name. The slice belongs to the caller.
func (r *Reader) Names() []string { return slices.Clone(r.names) }

// SavedNames lists the parameters that were trained in full beside the modules,
// in no particular order. The slice is new.
func (r *Reader) SavedNames() []string {
	var out []string
	for _, k := range r.saved {
		out = append(out, k.module+"."+k.param)
	}
	return out
}

// Module loads one module.
func (r *Reader) Module(name string) (Module, error) {
	if r.steering != nil && name == r.steering.Name {
		return *r.steering, nil
	}
	t, ok := r.modules[name]
	if !ok {
		return Module{}, fmt.Errorf("lora: %s: no module %s among %d", r.File, name, len(r.names))
	}
	m, err := loadModule(r.f, &r.Config, name, t)
	if err != nil {
		return Module{}, fmt.Errorf("lora: %s: %w", r.File, err)
	}
	return m, nil
}

// Close unmaps the file. Modules loaded before stay valid.
func (r *Reader) Close() error { return r.f.Close() }
