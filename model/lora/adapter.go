package lora

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"agar/model/safetensors"
)

// Adapter is one loaded adapter: the state of a fine-tune at one step.
type Adapter struct {
	Dir    string // as given to Load
	File   string // the weights file that was read
	SHA256 string // of File
	// ConfigSHA256 is that of adapter_config.json, "" of a steering vector.
	ConfigSHA256 string
	Config       Config
	Modules      []Module // by layer, then name
	Saved        []Saved  // parameters trained in full beside them, by layer, then name
	Warnings     []string
}

// hash fills in the hashes of the files that were read.
func (a *Adapter) hash() (err error) {
	if a.SHA256, err = safetensors.HashFile(a.File); err != nil {
		return fmt.Errorf("lora: %w", err)
	}
	if _, ok := steeringOf(a.Dir); ok {
		return nil
	}
	if a.ConfigSHA256, err = safetensors.HashFile(filepath.Join(a.Dir, ConfigFile)); err != nil {
		return fmt.Errorf("lora: %w", err)
	}
	return nil
}

// Kind says in a word what the adapter is: LoRA, DoRA or steering vector.
func (a *Adapter) Kind() string {
	for i := range a.Modules {
		switch m := &a.Modules[i]; {
		case m.Kind == Steering:
			return "steering vector"
		case m.Magnitude != nil:
			return "DoRA"
		}
	}
	return "LoRA"
}

// Zero tells whether the adapter changes nothing for sure: every module is zero,
// none has a magnitude and nothing was saved in full. An adapter that has not been
// trained yet is like that.
func (a *Adapter) Zero() bool {
	return a.NoDelta() && len(a.Saved) == 0 && !slices.ContainsFunc(a.Modules, func(m Module) bool { return m.Magnitude != nil })
}

// NoDelta tells whether no module adds anything: every one is zero, and its bias
// too. What magnitudes and parameters that were saved in full change can only be
// told beside the base model.
func (a *Adapter) NoDelta() bool {
	return !slices.ContainsFunc(a.Modules, func(m Module) bool { return !m.Zero() || !zeros(m.Bias) })
}

// Module finds a module by name.
func (a *Adapter) Module(name string) (*Module, bool) {
	for i := range a.Modules {
		if a.Modules[i].Name == name {
			return &a.Modules[i], true
		}
	}
	return nil, false
}

// Load reads the adapter in dir: adapter_config.json and
// adapter_model.safetensors (or .bin), or steering_vector.pt, which may be given
// as a path too. Errors name the file, and the key or tensor, with what was found
// and expected. The weights are copied; dir may go away.
func Load(dir string) (*Adapter, error) {
	r, err := Open(dir)
	if err != nil {
		return nil, err
	}
	a := &Adapter{Dir: dir, File: r.File, Config: r.Config, Warnings: r.Warnings}
	for _, name := range r.names {
		m, err := r.Module(name)
		if err != nil {
			return nil, errors.Join(err, r.Close())
		}
		a.Modules = append(a.Modules, m)
	}
	if a.Saved, err = r.loadSaved(); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	if err := r.Close(); err != nil {
		return nil, err
	}
	return a, a.hash()
}
