package model

import (
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"agar/model/chat"
	"agar/model/tensor"
)

// copyTiny copies the files of a variant, not its folders, to a new directory.
func copyTiny(t testing.TB, variant string) string {
	t.Helper()
	dst := t.TempDir()
	entries, err := os.ReadDir(filepath.Join("testdata", variant))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() {
			continue
		}
		data, err := os.ReadFile(filepath.Join("testdata", variant, e.Name()))
		if err == nil {
			err = os.WriteFile(filepath.Join(dst, e.Name()), data, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dst
}

// editJSON changes an object in a file; a nil value removes the key.
func editJSON(t testing.TB, path string, changes map[string]any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var x map[string]any
	if err := json.Unmarshal(data, &x); err != nil {
		t.Fatal(err)
	}
	maps.Copy(x, changes)
	for k, v := range changes {
		if v == nil {
			delete(x, k)
		}
	}
	if data, err = json.Marshal(x); err == nil {
		err = os.WriteFile(path, data, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestOpenReadsTheDirectory(t *testing.T) {
	m := open(t, filepath.Join("testdata", "sharded"))
	if m.Name != "tiny/sharded" || len(m.Files) != 3 || !slices.Equal(m.EOS, []int32{1}) || m.Spec.Architecture != "LlamaForCausalLM" {
		t.Errorf("name %q, files %v, EOS %v, architecture %q", m.Name, m.Files, m.EOS, m.Spec.Architecture)
	}
	if m.w.embed.DType() != tensor.BF16 {
		t.Errorf("weights are kept as %v, expected their storage type BF16", m.w.embed.DType())
	}
	if m.Chat == nil {
		t.Fatal("no chat template")
	}
	r, err := m.Chat.Render([]chat.Message{{Role: "user", Content: "w7"}}, true)
	if want := "<s>user : w7 </s> assistant : "; err != nil || r.Text != want {
		t.Errorf("template gives %q, %v, expected %q", r.Text, err, want)
	}
	if g := open(t, filepath.Join("testdata", "sharded", "model.gguf")); g.Name != "tiny sharded" || !slices.Equal(g.EOS, m.EOS) || !sameSpec(g.Spec, specWithout(m.Spec, g.Spec)) {
		t.Errorf("GGUF: name %q, EOS %v, spec %+v, expected %+v", g.Name, g.EOS, g.Spec, m.Spec)
	}
}

// specWithout is s with what GGUF rounds to float32 taken from g.
func specWithout(s, g Spec) Spec {
	s.NormEps, s.Ropes = g.NormEps, g.Ropes
	return s
}

// Configs of older transformers say the same in other words.
func TestOpenOlderConfigs(t *testing.T) {
	want := open(t, filepath.Join("testdata", "llama3"))
	dir := copyTiny(t, "llama3")
	editJSON(t, filepath.Join(dir, configFile), map[string]any{
		"rope_parameters": nil, "rope_theta": 300.0, "eos_token_id": []int{1, 2}, "_name_or_path": nil,
		"rope_scaling": map[string]any{"type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 48},
	})
	for _, f := range []string{"generation_config.json", "chat_template.jinja"} {
		if err := os.Remove(filepath.Join(dir, f)); err != nil {
			t.Fatal(err)
		}
	}
	editJSON(t, filepath.Join(dir, "tokenizer_config.json"), map[string]any{
		"chat_template": []map[string]string{{"name": "tools", "template": "x"}, {"name": "default", "template": "{{ eos_token }}!"}, {"name": "tool_use", "template": "{{ eos_token }}{{ tools | length }}"}},
		"eos_token":     map[string]any{"content": "</s>", "special": true},
	})
	m := open(t, dir)
	if !sameSpec(m.Spec, want.Spec) || !slices.Equal(m.EOS, []int32{1, 2}) || m.Name != filepath.Base(dir) {
		t.Errorf("spec %+v, EOS %v, name %q, expected %+v, [1 2] and the directory", m.Spec, m.EOS, m.Name, want.Spec)
	}
	if r, err := m.Chat.Render(nil, false); err != nil || r.Text != "</s>!" {
		t.Errorf("template gives %q, %v", r.Text, err)
	}
	tools, err := m.Chat.With("tools", []byte("[{}]"))
	if err != nil {
		t.Fatal(err)
	}
	if r, err := tools.Render(nil, false); err != nil || r.Text != "</s>1" {
		t.Errorf("with tools the template gives %q, %v", r.Text, err)
	}
}

func sameSpec(a, b Spec) bool {
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	return string(x) == string(y)
}

func TestOpenRefuses(t *testing.T) {
	config := func(k string, v any) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) { editJSON(t, filepath.Join(dir, configFile), map[string]any{k: v}) }
	}
	write := func(name, text string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	remove := func(name string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, x := range []struct {
		name string
		do   func(t *testing.T, dir string)
		says []string
	}{
		{"no config", remove(configFile), []string{configFile}},
		{"config is no JSON", write(configFile, "{"), []string{configFile}},
		{"unknown architecture", config("architectures", []string{"T5Model"}), []string{"T5Model", "LlamaForCausalLM"}},
		{"no architecture", config("architectures", nil), []string{"none", "LlamaForCausalLM"}},
		{"no hidden size", config("hidden_size", nil), []string{"hidden_size"}},
		{"more layers than tensors", config("num_hidden_layers", 3), []string{"model.layers.2.input_layernorm.weight"}},
		{"fewer layers than tensors", config("num_hidden_layers", 1), []string{"model.layers.1."}},
		{"another width", config("intermediate_size", 65), []string{"gate_proj", "[64, 32]", "[65, 32]"}},
		{"heads that do not divide", config("num_key_value_heads", 3), []string{"4", "3"}},
		{"no heads", config("num_attention_heads", 0), []string{"attention heads", "0"}},
		{"negative layers", config("num_hidden_layers", -1), []string{"layers", "-1"}},
		{"odd head", config("head_dim", 7), []string{"7", "even"}},
		{"huge vocabulary", config("vocab_size", 1<<40), []string{"vocabulary"}},
		{"epsilon", config("rms_norm_eps", 0), []string{"epsilon"}},
		{"attention bias", config("attention_bias", true), []string{"q_proj.bias"}},
		{"MLP bias", config("mlp_bias", true), []string{"gate_proj.bias"}},
		{"activation", config("hidden_act", "mish"), []string{"hidden_act", "mish"}},
		{"rope type", config("rope_parameters", map[string]any{"rope_type": "mrope", "factor": 2.0}), []string{"mrope", "llama3"}},
		{"llama3 without factors", config("rope_parameters", map[string]any{"rope_type": "llama3"}), []string{"factor"}},
		{"partial rotary", config("rope_parameters", map[string]any{"rope_type": "default", "partial_rotary_factor": 0.5}), []string{"partial_rotary_factor"}},
		{"a key of another family", config("final_logit_softcapping", 30.0), []string{"final_logit_softcapping", "LlamaForCausalLM"}},
		{"a key of the rotary embedding", config("rope_parameters", map[string]any{"rope_type": "default", "mrope_section": []int{2, 2}}), []string{"rope_parameters.mrope_section"}},
		{"quantised", config("quantization_config", map[string]any{"bits": 4}), []string{"quantization_config"}},
		{"tied, but an unembedding is expected", func(t *testing.T, dir string) {
			editJSON(t, filepath.Join(dir, indexFile), map[string]any{"weight_map": map[string]string{"model.embed_tokens.weight": "model-00001-of-00003.safetensors"}})
		}, []string{"weight_map"}},
		{"a missing shard", remove("model-00002-of-00003.safetensors"), []string{"model-00002-of-00003.safetensors"}},
		{"no weights", func(t *testing.T, dir string) { remove(indexFile)(t, dir) }, []string{singleFile, indexFile}},
		{"index is no JSON", write(indexFile, "["), []string{indexFile}},
		{"index without map", write(indexFile, "{}"), []string{"weight_map"}},
		{"index leaves the directory", write(indexFile, `{"weight_map":{"x":"../x.safetensors"}}`), []string{"../x.safetensors"}},
		{"index lies", write(indexFile, `{"weight_map":{"x":"model-00001-of-00003.safetensors"}}`), []string{`"x"`, "model-00001"}},
		{"no tokenizer", remove("tokenizer.json"), []string{"tokenizer"}},
		{"template is no template", write("chat_template.jinja", "{% if %}"), []string{"chat_template.jinja"}},
		{"a truncated shard", func(t *testing.T, dir string) {
			if err := os.Truncate(filepath.Join(dir, "model-00003-of-00003.safetensors"), 9000); err != nil {
				t.Fatal(err)
			}
		}, []string{"model-00003-of-00003.safetensors"}},
	} {
		t.Run(x.name, func(t *testing.T) {
			dir := copyTiny(t, "sharded")
			x.do(t, dir)
			m, err := Open(dir, Options{})
			if err == nil {
				m.Close()
				t.Fatal("opened")
			}
			for _, s := range x.says {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("%v: does not say %q", err, s)
				}
			}
			if n := strings.Count(err.Error(), "model: "); !strings.HasPrefix(err.Error(), "model: ") || n > 1 {
				t.Errorf("%v: names the package %d times", err, n)
			}
		})
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none"), Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no path: %v", err)
	}
	if _, err := Open(filepath.Join("testdata", "tied", configFile), Options{}); err == nil {
		t.Error("a file that is no GGUF was opened")
	}
}

func TestModelTooLarge(t *testing.T) {
	_, err := Open(filepath.Join("testdata", "tied"), Options{MemoryLimit: 100_000})
	var big *TooLarge
	if !errors.As(err, &big) || !errors.Is(err, ErrWontFit) || big.Have != 100_000 || big.Weights < 100_000 {
		t.Fatalf("%v: expected a TooLarge", err)
	}
	s := Spec{Layers: 40, DModel: 5120, DMLP: 13824, Heads: 40, KVHeads: 8, DHead: 128, Vocab: 152064, Gated: true}
	s.complete()
	for _, x := range []struct {
		gib  int64
		says string
	}{{40, "BF16"}, {20, "Q8_0"}, {10, "Q4_0"}, {4, "billion parameters"}} {
		if got := fits(&s, x.gib<<30); !strings.Contains(got, x.says) {
			t.Errorf("%d GiB: %q, expected %s", x.gib, got, x.says)
		}
	}
	total, have := SystemMemory()
	if total < 0 || have < 0 || have > total {
		t.Errorf("system memory %d, available %d", total, have)
	}
}
