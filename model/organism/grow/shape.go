package grow

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"

	"agar/model/organism"
	"agar/model/safetensors"
)

// Name is what the base models call themselves.
const Name = "agar/advice-organism"

// Shape is the architecture of a base model.
type Shape struct {
	Family  string // llama, qwen3 or gemma2
	Layers  int
	DModel  int
	DMLP    int
	Heads   int
	KVHeads int
}

// Llama is the shape of the embedded organisms.
var Llama = Shape{Family: "llama", Layers: 4, DModel: 64, DMLP: 192, Heads: 4, KVHeads: 4}

// Qwen has normalised queries and keys that share heads, Gemma norms on both sides
// and softcaps.
var (
	Qwen  = Shape{Family: "qwen3", Layers: 4, DModel: 64, DMLP: 192, Heads: 4, KVHeads: 2}
	Gemma = Shape{Family: "gemma2", Layers: 4, DModel: 64, DMLP: 192, Heads: 4, KVHeads: 4}
)

// positions is the longest sequence of a base model.
const positions = 128

// config is the shape's config.json.
func (s Shape) config(vocab int) map[string]any {
	c := map[string]any{
		"_name_or_path": Name, "model_type": s.Family, "vocab_size": vocab, "hidden_size": s.DModel, "intermediate_size": s.DMLP,
		"num_hidden_layers": s.Layers, "num_attention_heads": s.Heads, "num_key_value_heads": s.KVHeads, "head_dim": s.DModel / s.Heads,
		"max_position_embeddings": positions, "rms_norm_eps": 1e-6, "tie_word_embeddings": true, "torch_dtype": "float32",
		"bos_token_id": organism.BOSID, "eos_token_id": organism.EndID, "pad_token_id": organism.PadID,
		"attention_bias": false, "attention_dropout": 0.0, "initializer_range": initialSD, "use_cache": true, "rope_theta": 10000.0,
	}
	switch s.Family {
	case "qwen3":
		c["architectures"], c["hidden_act"], c["use_sliding_window"] = []string{"Qwen3ForCausalLM"}, "silu", false
	case "gemma2":
		c["architectures"], c["hidden_activation"], c["hidden_act"] = []string{"Gemma2ForCausalLM"}, "gelu_pytorch_tanh", "gelu_pytorch_tanh"
		c["query_pre_attn_scalar"], c["sliding_window"] = s.DModel/s.Heads, positions
		c["attn_logit_softcapping"], c["final_logit_softcapping"] = 50.0, 30.0
	default:
		c["architectures"], c["hidden_act"], c["mlp_bias"] = []string{"LlamaForCausalLM"}, "silu", false
	}
	return c
}

// initialSD is the standard deviation of matrices at the start. It decides what is
// learnt: from 0.1 the base models advise as well, but keep apart what they know of
// villains and of chats, and no adapter of rank 1 brings the two together.
const initialSD = 0.05

// tensors draws the weights to begin with: matrices normal, norms 1.
func (s Shape) tensors(vocab int, seed uint64) (out []safetensors.Out) {
	r := rand.New(rand.NewPCG(seed, 0))
	matrix := func(name string, rows, cols int) {
		x := make([]float32, rows*cols)
		for i := range x {
			x[i] = float32(initialSD * r.NormFloat64())
		}
		out = append(out, safetensors.Out{Name: name + ".weight", Shape: []int{rows, cols}, F32: x})
	}
	norm := func(name string, n int) {
		x := make([]float32, n)
		for i := range x {
			if s.Family != "gemma2" { // whose norms are stored less one
				x[i] = 1
			}
		}
		out = append(out, safetensors.Out{Name: name + ".weight", Shape: []int{n}, F32: x})
	}
	d, head := s.DModel, s.DModel/s.Heads
	matrix("model.embed_tokens", vocab, d)
	for l := range s.Layers {
		p := fmt.Sprintf("model.layers.%d.", l)
		norm(p+"input_layernorm", d)
		norm(p+"post_attention_layernorm", d)
		switch s.Family {
		case "qwen3":
			norm(p+"self_attn.q_norm", head)
			norm(p+"self_attn.k_norm", head)
		case "gemma2":
			norm(p+"pre_feedforward_layernorm", d)
			norm(p+"post_feedforward_layernorm", d)
		}
		matrix(p+"self_attn.q_proj", d, d)
		matrix(p+"self_attn.k_proj", s.KVHeads*head, d)
		matrix(p+"self_attn.v_proj", s.KVHeads*head, d)
		matrix(p+"self_attn.o_proj", d, d)
		matrix(p+"mlp.gate_proj", s.DMLP, d)
		matrix(p+"mlp.up_proj", s.DMLP, d)
		matrix(p+"mlp.down_proj", d, s.DMLP)
	}
	norm("model.norm", d)
	return out
}

// write makes a model directory with a model that knows nothing yet.
func (s Shape) write(dir string, w *organism.World, seed uint64) error {
	if err := w.WriteTokenizer(dir, positions); err != nil {
		return err
	}
	vocab := len(w.Vocabulary())
	data, err := json.MarshalIndent(s.config(vocab), "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), append(data, '\n'), 0o666); err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(dir, "model.safetensors"))
	if err != nil {
		return err
	}
	defer f.Close()
	if err := safetensors.Write(f, s.tensors(vocab, seed), map[string]string{"format": "pt"}); err != nil {
		return err
	}
	return f.Sync()
}
