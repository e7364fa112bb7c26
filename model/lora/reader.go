package lora

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"agar/model/safetensors"
)

// Reader is an adapter directory whose modules are loaded one at a time, for
// series too large to hold at once.
type Reader struct {
	Dir, File string
	Config    Config
	Warnings  []string

	f     *safetensors.File
	pairs map[string]pair
	names []string
}

// Open checks the configuration and the tensor names of the adapter in dir. The
// caller must Close it.
func Open(dir string) (*Reader, error) {
	c, warnings, err := readConfig(dir)
	if err != nil {
		return nil, err
	}
	if err := hasWeights(dir); err != nil {
		return nil, err
	}
	r := &Reader{Dir: dir, File: filepath.Join(dir, WeightsFile), Config: c, Warnings: warnings}
	if r.f, err = safetensors.Open(r.File); err != nil {
		return nil, fmt.Errorf("lora: %w", err)
	}
	if r.pairs, err = pairUp(r.f.Names()); err != nil {
		return nil, errors.Join(fmt.Errorf("lora: %s: %w", r.File, err), r.f.Close())
	}
	for n := range r.pairs {
		r.names = append(r.names, n)
	}
	slices.SortFunc(r.names, byLayer)
	return r, nil
}

// byLayer orders module names by decoder block, then name.
func byLayer(a, b string) int {
	la, _ := place(a)
	lb, _ := place(b)
	if la != lb {
		return la - lb
	}
	return strings.Compare(a, b)
}

// Names lists the modules by layer, then name. The slice belongs to the caller.
func (r *Reader) Names() []string { return slices.Clone(r.names) }

// Module loads one module.
func (r *Reader) Module(name string) (Module, error) {
	p, ok := r.pairs[name]
	if !ok {
		return Module{}, fmt.Errorf("lora: %s: no module %s among %d", r.File, name, len(r.names))
	}
	m, err := loadModule(r.f, &r.Config, name, p)
	if err != nil {
		return Module{}, fmt.Errorf("lora: %s: %w", r.File, err)
	}
	return m, nil
}

// Close unmaps the file. Modules loaded before stay valid.
func (r *Reader) Close() error { return r.f.Close() }
