package model

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"agar/model/internal/tiny"
	"agar/model/parity"
)

// A broken is a tiny model with one thing changed. It is noticed when it does not
// open, or when its numbers leave the tolerance.
type broken struct {
	what string
	open func() (*Model, error)
}

// notices tells whether the committed rows of a variant tell a model from the
// right one, and how far off it is: +Inf when it does not open.
//
// A flag may ask for tensors that no model of the family has: no config leads
// there, and what fails is the forward.
func notices(d *parity.Dump, b broken) (worst float64, err error) {
	m, err := b.open()
	if err != nil {
		return math.Inf(1), nil
	}
	defer m.Close()
	defer func() {
		if recover() != nil {
			worst = math.Inf(1)
		}
	}()
	for i := range d.Cases {
		e, err := errorOf(m, d, &d.Cases[i], nil, 0)
		if err != nil {
			return 0, err
		}
		worst = max(worst, e)
	}
	return worst, nil
}

// checkNoticed fails for every change that parity lets pass, unless excuse says
// why it is none, and logs the smallest error of the rest.
func checkNoticed(t *testing.T, d *parity.Dump, changes []broken, excuse func(what string) bool) {
	t.Helper()
	smallest, at, refused := math.Inf(1), "", 0
	for _, b := range changes {
		e, err := notices(d, b)
		switch {
		case err != nil:
			t.Fatalf("%s: %v", b.what, err)
		case math.IsInf(e, 1):
			refused++
		case e <= tolerance && !excuse(b.what):
			t.Errorf("%s: %s: parity did not notice, error %.1e", t.Name(), b.what, e)
		case e > tolerance && e < smallest:
			smallest, at = e, b.what
		}
	}
	t.Logf("%d changes, %d refused on opening, the smallest error of the others is %.1e: %s", len(changes), refused, smallest, at)
}

// distinct are the variants without those that only spell a config otherwise.
func distinct(t testing.TB) []string {
	return slices.DeleteFunc(variants(t), func(n string) bool { return strings.HasSuffix(n, "-hub") })
}

func excuseNothing(string) bool { return false }

// Every tensor set to zero, and every tensor missing.
func TestMutationsOfTensors(t *testing.T) {
	for _, name := range distinct(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, ts := tinyModel(t, name)
			d := openDump(t, filepath.Join(recipes, name, "dump.safetensors"))
			all := tiny.DrawAll(ts)
			path := filepath.Join(dir, "model.safetensors")
			var changes []broken
			for i := range all {
				changes = append(changes, broken{all[i].Name + " zeroed", func() (*Model, error) {
					x := slices.Clone(all)
					x[i].F32 = make([]float32, len(x[i].F32))
					if err := tiny.Write(path, x); err != nil {
						t.Fatal(err)
					}
					return Open(dir, Options{})
				}}, broken{all[i].Name + " dropped", func() (*Model, error) {
					if err := tiny.Write(path, slices.Delete(slices.Clone(all), i, i+1)); err != nil {
						t.Fatal(err)
					}
					return Open(dir, Options{})
				}})
			}
			checkNoticed(t, d, changes, excuseNothing)
		})
	}
}

// openAs opens a model directory with a Spec that mutate has changed.
func openAs(dir string, mutate func(s *Spec)) (_ *Model, err error) {
	m := &Model{Dir: dir}
	defer func() {
		if err != nil {
			m.Close()
		}
	}()
	data, err := os.ReadFile(filepath.Join(dir, configFile))
	if err != nil {
		return nil, err
	}
	_, fam, spec, err := parseConfig(data)
	if err != nil {
		return nil, err
	}
	mutate(&spec)
	if err := spec.check(); err != nil {
		return nil, err
	}
	m.Spec, m.fam = spec, fam
	src, err := openShards(dir)
	if err != nil {
		return nil, err
	}
	m.files = append(m.files, src)
	m.Files = src.paths()
	if err := m.setPlan(Options{}); err != nil {
		return nil, err
	}
	if m.w, err = bind(src, &m.Spec, &fam.hf, fam.ignored); err != nil {
		return nil, err
	}
	return m, m.ready()
}

// specLeaf is a value inside a Spec and where it is.
type specLeaf struct {
	path string
	of   func(s *Spec) reflect.Value
}

// specLeaves lists every value of a Spec, those of its slices too.
func specLeaves(s *Spec) []specLeaf {
	var out []specLeaf
	var walk func(v reflect.Value, path string, of func(*Spec) reflect.Value)
	walk = func(v reflect.Value, path string, of func(*Spec) reflect.Value) {
		switch v.Kind() {
		case reflect.Struct:
			for i := range v.NumField() {
				walk(v.Field(i), path+"."+v.Type().Field(i).Name, func(s *Spec) reflect.Value { return of(s).Field(i) })
			}
		case reflect.Slice:
			for i := range v.Len() {
				walk(v.Index(i), fmt.Sprintf("%s[%d]", path, i), func(s *Spec) reflect.Value { return of(s).Index(i) })
			}
		default:
			out = append(out, specLeaf{strings.TrimPrefix(path, "."), of})
		}
	}
	walk(reflect.ValueOf(s).Elem(), "", func(s *Spec) reflect.Value { return reflect.ValueOf(s).Elem() })
	return out
}

// perturb changes a leaf: flags and kinds become others, numbers a little larger.
func perturb(path string, v reflect.Value) {
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.Uint8:
		v.SetUint(map[bool]uint64{true: 1}[v.Uint() == 0])
	case reflect.String:
		v.SetString(map[bool]string{true: "linear", false: ""}[v.String() == ""])
	case reflect.Int:
		n := v.Int() + 1
		if strings.HasSuffix(path, "OriginalMaxPos") || v.Int() == 0 {
			n = 4*v.Int() + 5
		}
		v.SetInt(n)
	case reflect.Float64:
		x := v.Float() * 1.01
		switch {
		case x == 0:
			x = 2
		case strings.Contains(path, ".Beta"): // bounds that are rounded
			x = 2 * v.Float()
		}
		v.SetFloat(x)
	}
}

// Every value of the Spec changed. A value that the rest of the Spec leaves
// without a meaning is excused: unusedInSpec.
func TestMutationsOfTheSpec(t *testing.T) {
	for _, name := range distinct(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, _ := tinyModel(t, name)
			d := openDump(t, filepath.Join(recipes, name, "dump.safetensors"))
			m := open(t, dir)
			var changes []broken
			for _, l := range specLeaves(&m.Spec) {
				changes = append(changes, broken{l.path, func() (*Model, error) {
					return openAs(dir, func(s *Spec) { perturb(l.path, l.of(s)) })
				}})
			}
			checkNoticed(t, d, changes, func(what string) bool { return unusedInSpec(&m.Spec, what) })
		})
	}
}

// unusedInSpec says which values mean nothing in a Spec.
func unusedInSpec(s *Spec, path string) bool {
	moe := slices.ContainsFunc(s.Blocks, func(b BlockSpec) bool { return b.MoE })
	switch path {
	case "Architecture", "MaxPos":
		return true // a name, and how long a sequence may be
	case "TopExperts", "NormTopK", "Experts", "DExpert":
		return !moe
	case "DMLP", "Gated", "MLPBias":
		return !slices.ContainsFunc(s.Blocks, func(b BlockSpec) bool { return !b.MoE }) // experts have a gate and no bias
	case "TieEmbeddings":
		return !s.TieEmbeddings // a head in the file counts, as it does in transformers
	}
	_, field, scaling := strings.Cut(path, ".Scaling.")
	if !scaling {
		return false
	}
	var at int
	fmt.Sscanf(path, "Ropes[%d]", &at)
	used := map[string][]string{
		"": {"Type"}, "linear": {"Type", "Factor"}, "dynamic": {"Type", "Factor", "OriginalMaxPos"},
		"llama3":   {"Type", "Factor", "OriginalMaxPos", "LowFreqFactor", "HighFreqFactor"},
		"yarn":     {"Type", "Factor", "OriginalMaxPos", "BetaFast", "BetaSlow", "Untruncated", "Attention"},
		"longrope": {"Type", "OriginalMaxPos", "Attention", "Short", "Long"},
	}
	field, _, _ = strings.Cut(field, "[")
	return !slices.Contains(used[s.Ropes[at].Scaling.Type], field)
}

// configChanges are all ways to change one value of a JSON object, objects and
// lists inside it too.
func configChanges(v any, path string, set func(any) any) map[string]any {
	out := map[string]any{}
	switch x := v.(type) {
	case map[string]any:
		for k, inner := range x {
			maps.Copy(out, configChanges(inner, path+"."+k, func(n any) any {
				y := maps.Clone(x)
				y[k] = n
				return set(y)
			}))
		}
	case []any:
		for i, inner := range x {
			maps.Copy(out, configChanges(inner, fmt.Sprintf("%s[%d]", path, i), func(n any) any {
				y := slices.Clone(x)
				y[i] = n
				return set(y)
			}))
		}
	case bool:
		out[path] = set(!x)
	case float64:
		out[path] = set(otherNumber(path, x))
	case string:
		out[path] = set(map[bool]string{true: "full_attention", false: "silu_or_gelu"}[strings.HasPrefix(x, "sliding")])
	}
	return out
}

// otherNumber is a number near x that means something else under that key.
func otherNumber(path string, x float64) float64 {
	switch {
	case strings.Contains(path, "no_rope_layers"):
		return 1 - x
	case strings.HasSuffix(path, "original_max_position_embeddings"), strings.Contains(path, "beta_"):
		return 4*x + 1
	case strings.HasSuffix(path, "partial_rotary_factor"), strings.HasSuffix(path, "rotary_pct"): // of which whole dimensions count
		return map[bool]float64{true: 0.5, false: 2 * x}[x == 1]
	case x == math.Trunc(x) && !strings.Contains(path, "rope") && !strings.Contains(path, "softcap"):
		return x + 1
	}
	return x * 1.01
}

// Every value of config.json changed. Excused are the keys that the family reads
// over (harmless), and those of unusedInConfig.
func TestMutationsOfTheConfig(t *testing.T) {
	for _, name := range variants(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, _ := tinyModel(t, name)
			d := openDump(t, filepath.Join(recipes, name, "dump.safetensors"))
			path := filepath.Join(dir, configFile)
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var c map[string]any
			if err := json.Unmarshal(data, &c); err != nil {
				t.Fatal(err)
			}
			var changes []broken
			for key, changed := range configChanges(c, "", func(v any) any { return v }) {
				key = strings.TrimPrefix(key, ".")
				top, _, _ := strings.Cut(strings.ReplaceAll(key, "[", "."), ".")
				if slices.Contains(harmless, top) {
					continue
				}
				changes = append(changes, broken{fmt.Sprintf("%s (was %v)", key, c[top]), func() (*Model, error) {
					data, err := json.Marshal(changed)
					if err := errors.Join(err, os.WriteFile(path, data, 0o666)); err != nil {
						t.Fatal(err)
					}
					return Open(dir, Options{})
				}})
			}
			checkNoticed(t, d, changes, func(what string) bool { return unusedInConfig(c, what) })
		})
	}
}

// unusedInConfig says which keys of a config mean nothing beside its others.
func unusedInConfig(c map[string]any, what string) bool {
	key, _, _ := strings.Cut(what, " ")
	arch := fmt.Sprint(c["architectures"])
	switch key {
	case "max_position_embeddings", "n_positions", "is_decoder":
		return true // how long a sequence may be, where no scaling reads it; and a word for all of these models
	case "tie_word_embeddings":
		return c[key] == false // a head in the file counts, as it does in transformers
	case "sliding_window":
		return c["use_sliding_window"] == false
	case "use_sliding_window":
		return c["sliding_window"] == nil && c[key] == false || strings.Contains(arch, "SmolLM3") && c["layer_types"] != nil
	case "max_window_layers": // which mixtures of experts have and do not read
		return c["layer_types"] != nil || c["use_sliding_window"] == false || strings.Contains(arch, "Moe")
	case "_sliding_window_pattern":
		return c["layer_types"] != nil
	case "no_rope_layer_interval":
		return c["no_rope_layers"] != nil
	case "reorder_and_upcast_attn":
		return true // how half-precision models avoid overflow
	case "original_max_position_embeddings":
		return c["rope_scaling"] == nil && fmt.Sprint(c["rope_parameters"].(map[string]any)["rope_type"]) == "default"
	case "rope_parameters.original_max_position_embeddings":
		return c["original_max_position_embeddings"] != nil
	case "intermediate_size":
		return strings.Contains(arch, "Moe") && fmt.Sprint(c["mlp_only_layers"]) == "[]" && c["decoder_sparse_step"] == 1.0
	case "hidden_act":
		return strings.Contains(arch, "Gemma") // whose hidden_activation counts
	case "attn_logit_softcapping":
		return strings.Contains(arch, "Gemma3") // transformers reads it there and does nothing with it
	}
	return false
}
