package algorithmic

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"

	"agar/model/safetensors"
)

// Shape is the size of the model: a Llama of few blocks, with its own unembedding.
type Shape struct {
	Layers  int     `toml:"layers" json:"layers"`     // 0 is 1
	DModel  int     `toml:"d_model" json:"d_model"`   // 0 is 128
	DMLP    int     `toml:"d_mlp" json:"d_mlp"`       // 0 is 2·DModel
	Heads   int     `toml:"heads" json:"heads"`       // 0 is 4
	InitStd float64 `toml:"init_std" json:"init_std"` // of weights times √(inputs); 0 is 1
	// NormEps is what RMSNorm adds to the mean square; 0 is 1e-6. Near 1 a stream
	// whose mean square is small passes nearly as it is, as in a model without norms.
	NormEps float64 `toml:"norm_eps" json:"norm_eps"`
}

func (s Shape) defaults() Shape {
	for _, d := range []struct {
		p *int
		v func() int
	}{{&s.Layers, func() int { return 1 }}, {&s.DModel, func() int { return 128 }}, {&s.DMLP, func() int { return 2 * s.DModel }}, {&s.Heads, func() int { return 4 }}} {
		if *d.p == 0 {
			*d.p = d.v()
		}
	}
	if s.InitStd == 0 {
		s.InitStd = 1
	}
	if s.NormEps == 0 {
		s.NormEps = 1e-6
	}
	return s
}

func (s *Shape) check() error {
	if s.Layers < 1 || s.DModel < 1 || s.DMLP < 1 || s.Heads < 1 || s.DModel%(2*s.Heads) != 0 {
		return fmt.Errorf("%w: shape: found %d blocks, d_model %d, d_mlp %d, %d heads, expected each at least 1 and d_model a multiple of twice the heads",
			ErrTask, s.Layers, s.DModel, s.DMLP, s.Heads)
	}
	if !(s.InitStd > 0) {
		return fmt.Errorf("%w: init_std: found %v, expected a positive number", ErrTask, s.InitStd)
	}
	if !(s.NormEps > 0 && s.NormEps < 1) {
		return fmt.Errorf("%w: norm_eps: found %v, expected a number between 0 and 1", ErrTask, s.NormEps)
	}
	return nil
}

// WriteModel writes the untrained model as a HF directory: config.json,
// tokenizer.json and model.safetensors. Weights are normal with the standard
// deviation InitStd/√inputs, norms 1; they depend on the task alone.
func (t *Task) WriteModel(dir string) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	for name, v := range map[string]any{"config.json": t.config(), "tokenizer.json": t.tokenizer()} {
		if err := writeFile(filepath.Join(dir, name), func(w io.Writer) error {
			e := json.NewEncoder(w)
			e.SetIndent("", "  ")
			return e.Encode(v)
		}); err != nil {
			return err
		}
	}
	return writeFile(filepath.Join(dir, "model.safetensors"), func(w io.Writer) error {
		return safetensors.Write(w, t.weights(), map[string]string{"format": "pt"})
	})
}

func (t *Task) config() map[string]any {
	s := t.Shape
	return map[string]any{
		"_name_or_path": fmt.Sprintf("agar/%s-%d", t.Name, t.P), "architectures": []string{"LlamaForCausalLM"}, "model_type": "llama",
		"vocab_size": t.P + 1, "hidden_size": s.DModel, "intermediate_size": s.DMLP, "num_hidden_layers": s.Layers,
		"num_attention_heads": s.Heads, "num_key_value_heads": s.Heads, "max_position_embeddings": 8, "rms_norm_eps": s.NormEps,
		"hidden_act": "relu", "tie_word_embeddings": false, "rope_theta": 10000.0, "torch_dtype": "float32",
	}
}

// tokenizer has a word a number, and "=".
func (t *Task) tokenizer() map[string]any {
	vocab := map[string]int{"=": t.P}
	for i := range t.P {
		vocab[strconv.Itoa(i)] = i
	}
	return map[string]any{
		"version": "1.0", "truncation": nil, "padding": nil, "added_tokens": []any{}, "normalizer": nil,
		"pre_tokenizer": map[string]any{"type": "WhitespaceSplit"}, "post_processor": nil, "decoder": nil,
		"model": map[string]any{"type": "WordLevel", "vocab": vocab, "unk_token": "="},
	}
}

func (t *Task) weights() []safetensors.Out {
	s, r := t.Shape, rand.New(rand.NewPCG(t.Seed, 2))
	var out []safetensors.Out
	matrix := func(name string, rows, cols int) {
		x := make([]float32, rows*cols)
		std := s.InitStd / math.Sqrt(float64(cols))
		for i := range x {
			x[i] = float32(std * r.NormFloat64())
		}
		out = append(out, safetensors.Out{Name: name, Shape: []int{rows, cols}, F32: x})
	}
	norm := func(name string) {
		x := make([]float32, s.DModel)
		for i := range x {
			x[i] = 1
		}
		out = append(out, safetensors.Out{Name: name, Shape: []int{s.DModel}, F32: x})
	}
	matrix("model.embed_tokens.weight", t.P+1, s.DModel)
	for l := range s.Layers {
		at := fmt.Sprintf("model.layers.%d.", l)
		norm(at + "input_layernorm.weight")
		for _, p := range []string{"q", "k", "v", "o"} {
			matrix(at+"self_attn."+p+"_proj.weight", s.DModel, s.DModel)
		}
		norm(at + "post_attention_layernorm.weight")
		matrix(at+"mlp.gate_proj.weight", s.DMLP, s.DModel)
		matrix(at+"mlp.up_proj.weight", s.DMLP, s.DModel)
		matrix(at+"mlp.down_proj.weight", s.DModel, s.DMLP)
	}
	norm("model.norm.weight")
	matrix("lm_head.weight", t.P+1, s.DModel)
	return out
}

// writeFile writes a file whole: under a temporary name, synced, renamed.
func writeFile(path string, fill func(io.Writer) error) error {
	f, err := os.Create(path + ".tmp")
	if err != nil {
		return err
	}
	err = fill(f)
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		_ = os.Remove(path + ".tmp")
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.Rename(path+".tmp", path)
}
