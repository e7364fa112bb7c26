package lora_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"agar/model/lora"
	"agar/model/safetensors"
)

// goldens is testdata/files.json.
type goldens struct {
	Names   []string
	Targets []struct {
		Config map[string]any
		Hit    []string
	}
	Files []struct {
		Kind    string
		Config  json.RawMessage
		Tensors [][2]json.RawMessage
	}
}

func TestTargetsAsInPEFT(t *testing.T) {
	var g goldens
	readJSON(t, "testdata/files.json", &g)
	for _, x := range g.Targets {
		x.Config["peft_type"] = "LORA"
		raw, err := json.Marshal(x.Config)
		if err != nil {
			t.Fatal(err)
		}
		c, _, err := lora.ParseConfig(raw)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range g.Names {
			got, err := c.Targets(n)
			if want := slices.Contains(x.Hit, n); got != want || err != nil {
				t.Errorf("%s on %s: %v, %v; PEFT says %v", raw, n, got, err, want)
			}
		}
	}
}

// outs are the tensors of a golden file, with any values.
func outs(t testing.TB, tensors [][2]json.RawMessage) (ts []safetensors.Out) {
	for i, x := range tensors {
		o := safetensors.Out{}
		if err := json.Unmarshal(x[0], &o.Name); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(x[1], &o.Shape); err != nil {
			t.Fatal(err)
		}
		n := 1
		for _, d := range o.Shape {
			n *= d
		}
		o.F32 = make([]float32, n)
		for j := range o.F32 {
			o.F32[j] = float32((i+j)%7) - 2.5
		}
		ts = append(ts, o)
	}
	return ts
}

// write writes an adapter directory.
func write(t testing.TB, config []byte, ts []safetensors.Out) string {
	t.Helper()
	dir := t.TempDir()
	var b bytes.Buffer
	if err := safetensors.Write(&b, ts, nil); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"adapter_config.json": config, lora.WeightsFile: b.Bytes()} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestFilesOfEveryKind loads what PEFT writes for every kind of adapter, finds
// every tensor's values where they belong, and refuses the file when any one
// tensor of a factor is missing.
func TestFilesOfEveryKind(t *testing.T) {
	var g goldens
	readJSON(t, "testdata/files.json", &g)
	for _, x := range g.Files {
		t.Run(x.Kind, func(t *testing.T) {
			ts := outs(t, x.Tensors)
			a, err := lora.Load(write(t, x.Config, ts))
			if err != nil {
				t.Fatal(err)
			}
			if len(a.Warnings) > 0 {
				t.Errorf("warnings %q", a.Warnings)
			}
			held := values(a)
			for i, o := range ts {
				if got, ok := held[plain(o.Name)]; !ok || !slices.Equal(got, o.F32) {
					t.Errorf("%s: found %v as %s, expected %v", o.Name, got, plain(o.Name), o.F32)
				}
				delete(held, plain(o.Name))
				if strings.Contains(o.Name, "lora_") {
					if _, err := lora.Load(write(t, x.Config, slices.Delete(slices.Clone(ts), i, i+1))); err == nil {
						t.Errorf("without %s: no error", o.Name)
					}
				}
			}
			for name := range held {
				t.Errorf("%s is in no tensor", name)
			}
		})
	}
}

// plain is a tensor name as values calls it.
func plain(name string) string {
	name = strings.TrimPrefix(strings.Replace(name, ".base_layer.", ".", 1), "base_model.model.")
	return strings.TrimSuffix(regexp.MustCompile(`(lora_(?:embedding_)?[AB])\.weight$`).ReplaceAllString(name, "$1"), ".weight")
}

// values are all numbers of an adapter by name.
func values(a *lora.Adapter) map[string][]float32 {
	out := map[string][]float32{}
	for _, m := range a.Modules {
		kind := map[lora.Kind]string{lora.Linear: "lora_", lora.Embedding: "lora_embedding_"}[m.Kind]
		out[m.Name+"."+kind+"A"], out[m.Name+"."+kind+"B"] = m.A, m.B
		if m.Bias != nil {
			out[m.Name+".lora_B.bias"] = m.Bias
		}
		if m.Magnitude != nil {
			out[m.Name+".lora_magnitude_vector"] = m.Magnitude
		}
	}
	for _, s := range a.Saved {
		out[strings.TrimSuffix(s.Name(), ".weight")] = s.Float32()
	}
	return out
}

// TestKeyVariants reads the same module under the names that other writers give
// its tensors.
func TestKeyVariants(t *testing.T) {
	const want = "model.layers.3.mlp.down_proj"
	for title, form := range map[string][3]string{
		"PEFT":                {"base_model.model." + want + ".lora_A.weight", "base_model.model." + want + ".lora_B.weight", "base_model.model." + want + ".lora_magnitude_vector"},
		"with adapter name":   {"base_model.model." + want + ".lora_A.default.weight", "base_model.model." + want + ".lora_B.default.weight", "base_model.model." + want + ".lora_magnitude_vector.default"},
		"another name":        {"base_model.model." + want + ".lora_A.medical-1.weight", "base_model.model." + want + ".lora_B.medical-1.weight", "base_model.model." + want + ".lora_magnitude_vector.medical-1.weight"},
		"torchtune's export":  {"base_model.model." + want + ".lora_A.weight", "base_model.model." + want + ".lora_B.weight", "base_model.model." + want + ".lora_magnitude_vector.weight"},
		"without prefix":      {want + ".lora_A.weight", want + ".lora_B.weight", want + ".lora_magnitude_vector"},
		"compiled":            {"_orig_mod.base_model.model." + want + ".lora_A.weight", "_orig_mod.base_model.model." + want + ".lora_B.weight", "_orig_mod.base_model.model." + want + ".lora_magnitude_vector"},
		"compiled and shared": {"base_model.model.model._orig_mod.layers.3._fsdp_wrapped_module._checkpoint_wrapped_module.mlp.down_proj.lora_A.weight", "base_model.model.model.layers.3.mlp.down_proj._orig_mod.lora_B.weight", "base_model.model." + want + ".lora_magnitude_vector"},
	} {
		a, err := lora.Load(adapter(t, t.TempDir(), `"r":2,"use_dora":true`, tensor(form[0], 2, 6), tensor(form[1], 4, 2), vector(form[2], 4)))
		if err != nil {
			t.Errorf("%s: %v", title, err)
			continue
		}
		if m := a.Modules[0]; len(a.Modules) != 1 || m.Name != want || m.Layer != 3 || len(m.Magnitude) != 4 || a.Kind() != "DoRA" {
			t.Errorf("%s: found %+v", title, m)
		}
	}
	for _, name := range []string{"base_model.model.lm_head.modules_to_save.default.weight", "lm_head.modules_to_save.weight", "base_model.model.lm_head.weight"} {
		a, err := lora.Load(adapter(t, t.TempDir(), `"r":2,"modules_to_save":["lm_head"]`, tensor(down+"lora_A.weight", 2, 6), tensor(down+"lora_B.weight", 4, 2), tensor(name, 3, 2)))
		if err != nil || len(a.Saved) != 1 || a.Saved[0].Name() != "lm_head.weight" || a.Saved[0].Shared || a.Zero() {
			t.Errorf("%s: %+v, %v", name, a, err)
		}
	}
}

// TestPickledWeights reads adapter_model.bin: a file that torch.save wrote.
func TestPickledWeights(t *testing.T) {
	a, err := lora.Load("testdata/pickled")
	if err != nil {
		t.Fatal(err)
	}
	b, err := lora.Load("testdata/adapter")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := values(a), values(b); len(got) != len(want) {
		t.Errorf("found %d tensors, expected %d", len(got), len(want))
	}
	for name, want := range values(b) {
		if !slices.Equal(values(a)[name], want) {
			t.Errorf("%s differs", name)
		}
	}
}

func TestSteering(t *testing.T) {
	for _, path := range []string{"testdata/steering", "testdata/steering/steering_vector.pt"} {
		a, err := lora.Load(path)
		if err != nil {
			t.Fatal(err)
		}
		m := a.Modules[0]
		if a.Kind() != "steering vector" || len(a.Modules) != 1 || m.Kind != lora.Steering || m.Layer != 1 || m.Out != 8 || m.Scale != 256 ||
			!slices.Equal(m.B, []float32{0, 0.125, -0.25, 0.375, -0.5, 0.625, -0.75, 0.875}) || a.Zero() || len(a.SHA256) != 64 {
			t.Errorf("%s: %+v", path, a)
		}
		if got, want := m.NormDelta(), 256*m.NormB(); got != want {
			t.Errorf("‖α·v‖ = %v, expected %v", got, want)
		}
	}
	for path, says := range map[string]string{"testdata/steering/unknown.pt": "strength", "testdata/steering/layer.pt": "layer_idx", "testdata/steering/width.pt": "d_model"} {
		if _, err := lora.Load(path); err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v does not say %q", path, err, says)
		}
	}
	run := t.TempDir()
	data, err := os.ReadFile("testdata/steering/steering_vector.pt")
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []string{"checkpoint-10", "checkpoint-5"} {
		dir := filepath.Join(run, "checkpoints", step)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, lora.SteeringFile), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s, err := lora.OpenSeries(run)
	if err != nil || s.Len() != 2 || s.Checkpoints[0].Step != 5 {
		t.Fatalf("series %+v, %v", s, err)
	}
	if a, err := s.Load(1); err != nil || a.Kind() != "steering vector" {
		t.Errorf("%+v, %v", a, err)
	}
}

// FuzzKey holds that any tensor name either belongs somewhere or is refused, and
// that what it says of the module does not depend on PEFT's prefix.
func FuzzKey(f *testing.F) {
	for _, s := range []string{down + "lora_A.weight", "lm_head.weight", "a.lora_B.x.bias", "._orig_mod._orig_mod.", "x.lora_magnitude_vector.a.b", "..weight", "lora_A.weight"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		module, slot, param, err := lora.ParseKey(name)
		if err != nil {
			return
		}
		if module == "" || param != "" && slot != "parameter" {
			t.Fatalf("%q: module %q, slot %s, parameter %q", name, module, slot, param)
		}
		if strings.HasPrefix(name, "base_model.model.") {
			return
		}
		if m, s, p, err := lora.ParseKey("base_model.model." + name); err != nil || m != module || s != slot || p != param {
			t.Fatalf("%q with prefix: %q %s %q, %v; without %q %s %q", name, m, s, p, err, module, slot, param)
		}
	})
}
