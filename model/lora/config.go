package lora

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"agar/model/internal/rawjson"
)

// Config is what matters of an adapter_config.json.
type Config struct {
	R             int                // default rank
	Alpha         float64            // default α
	RSLoRA        bool               // s = α/√r instead of α/r
	RankPattern   map[string]int     // regular expression → r
	AlphaPattern  map[string]float64 // regular expression → α
	DoRA          bool               // every module has a magnitude
	LoRABias      bool               // every lora_B of a linear layer has a bias
	Bias          string             // which biases of the base were trained: none, lora_only (of adapted layers) or all
	BaseModel     string             // base_model_name_or_path
	Revision      string             // of the base model
	TargetModules []string           // a list (unordered in the file, sorted here), or one regular expression
	TargetRegexp  bool               // TargetModules holds a regular expression
	Exclude       []string           // exclude_modules, like TargetModules
	ExcludeRegexp bool               // Exclude holds a regular expression
	Layers        []int              // layers_to_transform; nil: all
	LayersPattern []string           // what stands before a layer's number; nil: anything
	ModulesToSave []string           // modules that were trained in full and saved beside the factors
	TieWeights    bool               // ensure_weight_tying: what is tied to a trained module was trained with it
	Dropout       float64            // training only
	PEFTVersion   string             // which PEFT wrote it, "" when unknown

	// Patterns are tried in the order of the file; the first match wins.
	rankOrder, alphaOrder []string
}

// maxValues is how many values an adapter_config.json may have; known ones have some
// hundred. Each may be a regular expression, which takes some thousand bytes.
const maxValues = 1 << 13

// ParseConfig reads the bytes of an adapter_config.json. Warnings name keys
// that were ignored because they are unknown and empty. Errors name the key,
// what was found and what is expected.
func ParseConfig(data []byte) (c Config, warnings []string, err error) {
	if n := rawjson.Values(data); n > maxValues {
		return Config{}, nil, fmt.Errorf("found %d values, expected at most %d", n, maxValues)
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil {
		return Config{}, nil, fmt.Errorf("found no JSON object: %w", err)
	}
	if warnings, err = refuse(raw); err != nil {
		return Config{}, nil, err
	}
	if err := c.fill(raw); err != nil {
		return Config{}, nil, err
	}
	return c, warnings, c.check()
}

// ConfigFile is the name of an adapter's configuration inside its directory.
const ConfigFile = "adapter_config.json"

// readConfig reads dir/adapter_config.json.
func readConfig(dir string) (Config, []string, error) {
	path := filepath.Join(dir, ConfigFile)
	data, err := os.ReadFile(path)
	if err != nil {
		return Config{}, nil, fmt.Errorf("lora: %w", err)
	}
	c, warnings, err := ParseConfig(data)
	if err != nil {
		return Config{}, nil, fmt.Errorf("lora: %s: %w", path, err)
	}
	return c, warnings, nil
}

// fill decodes the keys of raw that Config has.
func (c *Config) fill(raw map[string]json.RawMessage) (err error) {
	c.R, c.Alpha, c.Bias = 8, 8, "none" // PEFT's defaults
	fields := []struct {
		key string
		dst any
	}{
		{"r", &c.R}, {"lora_alpha", &c.Alpha}, {"use_rslora", &c.RSLoRA}, {"lora_dropout", &c.Dropout},
		{"rank_pattern", &c.RankPattern}, {"alpha_pattern", &c.AlphaPattern},
		{"use_dora", &c.DoRA}, {"lora_bias", &c.LoRABias}, {"bias", &c.Bias},
		{"modules_to_save", &c.ModulesToSave}, {"ensure_weight_tying", &c.TieWeights},
		{"base_model_name_or_path", &c.BaseModel}, {"revision", &c.Revision}, {"peft_version", &c.PEFTVersion},
	}
	for _, f := range fields {
		if v, ok := raw[f.key]; ok {
			if err := json.Unmarshal(v, f.dst); err != nil {
				return fmt.Errorf("key %q: found %s: %w", f.key, brief(v), err)
			}
		}
	}
	if c.rankOrder, err = keysOf(raw["rank_pattern"]); err != nil {
		return fmt.Errorf("key %q: %w", "rank_pattern", err)
	}
	if c.alphaOrder, err = keysOf(raw["alpha_pattern"]); err != nil {
		return fmt.Errorf("key %q: %w", "alpha_pattern", err)
	}
	return c.fillTargets(raw)
}

// fillTargets decodes the keys that say which modules are adapted.
func (c *Config) fillTargets(raw map[string]json.RawMessage) (err error) {
	if c.TargetModules, c.TargetRegexp, err = names("target_modules", raw); err != nil {
		return err
	}
	if c.Exclude, c.ExcludeRegexp, err = names("exclude_modules", raw); err != nil {
		return err
	}
	if c.LayersPattern, _, err = names("layers_pattern", raw); err != nil {
		return err
	}
	v := raw["layers_to_transform"]
	if len(v) == 0 || json.Unmarshal(v, &c.Layers) == nil {
		return nil
	}
	one := 0
	if err := json.Unmarshal(v, &one); err != nil {
		return fmt.Errorf("key %q: found %s, expected a list of layers or one", "layers_to_transform", brief(v))
	}
	c.Layers = []int{one}
	return nil
}

// names reads a key that holds a list of names, one string, or nothing.
func names(key string, raw map[string]json.RawMessage) (list []string, single bool, err error) {
	v := raw[key]
	if len(v) == 0 || json.Unmarshal(v, &list) == nil {
		slices.Sort(list)
		return list, false, nil
	}
	var one string
	if err := json.Unmarshal(v, &one); err != nil {
		return nil, false, fmt.Errorf("key %q: found %s, expected a list of names or a regular expression", key, brief(v))
	}
	return []string{one}, true, nil
}

func (c *Config) check() error {
	if c.R <= 0 {
		return fmt.Errorf("key %q: found %d, expected a positive rank", "r", c.R)
	}
	for p, r := range c.RankPattern {
		if r <= 0 {
			return fmt.Errorf("key %q: found rank %d for %q, expected a positive one", "rank_pattern", r, p)
		}
	}
	if c.Bias == "" {
		c.Bias = "none"
	}
	if !slices.Contains([]string{"none", "lora_only", "all"}, c.Bias) {
		return fmt.Errorf("key %q: found %q, expected none, lora_only or all", "bias", c.Bias)
	}
	return c.checkPatterns()
}

// checkPatterns compiles every regular expression once.
func (c *Config) checkPatterns() error {
	for _, p := range append(slices.Clone(c.rankOrder), c.alphaOrder...) {
		if _, err := compile(suffixOf(p)); err != nil {
			return fmt.Errorf("pattern %q: %w", p, err)
		}
	}
	for _, x := range []struct {
		key  string
		exps []string
	}{
		{"target_modules", wholes(c.TargetModules, c.TargetRegexp)}, {"exclude_modules", wholes(c.Exclude, c.ExcludeRegexp)},
		{"layers_pattern", layerExps(c.LayersPattern)}, {"modules_to_save", savedExps(c.ModulesToSave)},
	} {
		for _, e := range x.exps {
			if _, err := compile(e); err != nil {
				return fmt.Errorf("key %q: regular expression %q: %w", x.key, e, err)
			}
		}
	}
	return nil
}

// keysOf lists the keys of a JSON object in the order they are written, the
// order in which PEFT tries them. A repeated key keeps its first place.
func keysOf(raw json.RawMessage) ([]string, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	t, err := dec.Token()
	if len(raw) == 0 || t == nil && err == nil {
		return nil, nil // absent or null
	}
	if err != nil || t != json.Delim('{') {
		return nil, fmt.Errorf("found %s, expected an object", brief(raw))
	}
	var keys []string
	seen := map[string]bool{}
	for dec.More() {
		k, err := dec.Token()
		if err != nil {
			return nil, err
		}
		if key := k.(string); !seen[key] {
			seen[key] = true
			keys = append(keys, key)
		}
		var skip json.RawMessage
		if err := dec.Decode(&skip); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

// brief shortens a JSON value for an error message.
func brief(v json.RawMessage) string {
	if s := string(v); len(s) <= 60 {
		return s
	}
	return string(v[:57]) + "…"
}
