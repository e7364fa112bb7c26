package lora

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"agar/model/safetensors"
)

// Adapter is one loaded adapter: the state of a fine-tune at one step.
type Adapter struct {
	Dir      string // as given to Load
	File     string // the weights file that was read
	SHA256   string // of File
	Config   Config
	Modules  []Module // by layer, then name
	Warnings []string
}

// Zero tells whether every B is zero: the adapter has not been trained yet and
// changes nothing.
func (a *Adapter) Zero() bool {
	return !slices.ContainsFunc(a.Modules, func(m Module) bool { return !m.Zero() })
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
// adapter_model.safetensors. Errors name the file, and the key or tensor, with
// what was found and expected. The weights are copied; dir may go away.
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
	if err := r.Close(); err != nil {
		return nil, err
	}
	if a.SHA256, err = safetensors.HashFile(a.File); err != nil {
		return nil, fmt.Errorf("lora: %w", err)
	}
	return a, nil
}

// WeightsFile is the name of an adapter's weights inside its directory.
const WeightsFile = "adapter_model.safetensors"

// hasWeights explains a missing weights file.
func hasWeights(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, WeightsFile)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	bin := filepath.Join(dir, "adapter_model.bin")
	if _, err := os.Stat(bin); err == nil {
		return fmt.Errorf("lora: %s is a pickle, which can run code and is not read: convert it with PEFT, "+
			"`PeftModel.from_pretrained(base, %q).save_pretrained(OUT, safe_serialization=True)`", bin, dir)
	}
	return fmt.Errorf("lora: %s: found no %s: %w", dir, WeightsFile, fs.ErrNotExist)
}

// keyForm splits a tensor name as PEFT writes it; "default" is the adapter name
// that files usually leave out.
var keyForm = regexp.MustCompile(`^base_model\.model\.(.+)\.lora_([AB])(?:\.[^.]+)?\.weight$`)

// pair is the tensor names of one module.
type pair struct{ a, b string }

// pairUp finds the modules of a file by its tensor names.
func pairUp(names []string) (map[string]pair, error) {
	pairs := map[string]pair{}
	for _, n := range names {
		g := keyForm.FindStringSubmatch(n)
		if g == nil {
			return nil, fmt.Errorf("tensor %q: %s", n, stray(n))
		}
		p := pairs[g[1]]
		slot := &p.a
		if g[2] == "B" {
			slot = &p.b
		}
		if *slot != "" {
			return nil, fmt.Errorf("tensors %q and %q are both lora_%s of one module", *slot, n, g[2])
		}
		*slot = n
		pairs[g[1]] = p
	}
	for name, p := range pairs {
		if p.a == "" || p.b == "" {
			return nil, fmt.Errorf("module %s: found %q, but not its partner", name, p.a+p.b)
		}
	}
	if len(pairs) == 0 {
		return nil, errors.New("found no tensors, expected lora_A.weight and lora_B.weight of at least one module")
	}
	return pairs, nil
}

// stray says why a tensor is no part of a plain LoRA adapter.
func stray(name string) string {
	switch {
	case strings.Contains(name, "lora_magnitude_vector"):
		return "DoRA is not supported"
	case strings.Contains(name, "lora_embedding_"):
		return "LoRA on embeddings is not supported"
	case strings.HasSuffix(name, ".bias"):
		return "trained biases are not supported"
	case strings.Contains(name, "modules_to_save") || strings.HasSuffix(name, "embed_tokens.weight") || strings.HasSuffix(name, "lm_head.weight"):
		return "modules trained or saved in full beside the adapter are not supported"
	}
	return "found a name that belongs to no LoRA module, expected base_model.model.<module>.lora_A.weight or .lora_B.weight"
}

func loadModule(f *safetensors.File, c *Config, name string, p pair) (Module, error) {
	r, _, scale, err := c.ForModule(name)
	if err != nil {
		return Module{}, err
	}
	a, as, err := matrix(f, p.a)
	if err != nil {
		return Module{}, err
	}
	b, bs, err := matrix(f, p.b)
	if err != nil {
		return Module{}, err
	}
	if as[0] != r {
		return Module{}, fmt.Errorf("tensor %q: found shape %v, expected [%d, d_in]: the configuration gives this module rank %d", p.a, as, r, r)
	}
	if bs[1] != r {
		return Module{}, fmt.Errorf("tensor %q: found shape %v, expected [d_out, %d]: the configuration gives this module rank %d", p.b, bs, r, r)
	}
	layer, proj := place(name)
	return Module{Name: name, Layer: layer, Proj: proj, R: r, In: as[1], Out: bs[0], A: a, B: b, Scale: scale}, nil
}

// matrix reads a finite, non-empty matrix.
func matrix(f *safetensors.File, name string) ([]float32, []int, error) {
	x, shape, err := f.Float32(name)
	if err != nil {
		return nil, nil, err
	}
	if len(shape) != 2 || shape[0] == 0 || shape[1] == 0 {
		return nil, nil, fmt.Errorf("tensor %q: found shape %v, expected a matrix", name, shape)
	}
	for i, v := range x {
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			return nil, nil, fmt.Errorf("tensor %q: found %v at [%d, %d], expected finite values", name, v, i/shape[1], i%shape[1])
		}
	}
	return x, shape, nil
}

var layerForm = regexp.MustCompile(`(?:^|\.)(?:layers|h|blocks)\.(\d+)\.`)

// place reads the decoder block and the projection out of a module name.
func place(name string) (layer int, proj string) {
	layer = -1
	if g := layerForm.FindStringSubmatch(name); g != nil {
		if n, err := strconv.Atoi(g[1]); err == nil {
			layer = n
		}
	}
	return layer, name[strings.LastIndexByte(name, '.')+1:]
}
