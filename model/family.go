package model

import (
	"fmt"
	"slices"
	"strings"
)

// family is one model architecture: how its configs become a Spec and what its
// tensors are called. A new family is a new file with one of these, added to
// families.
type family struct {
	architectures []string // as in config.json
	ggufName      string   // general.architecture; empty: GGUF files are not read
	spec          func(c *config) Spec
	ggufSpec      func(g *ggufConfig) Spec
	hf, gguf      tensorNames
	ignored       []string // suffixes of tensors in files that carry no weights
}

// tensorNames are the names of a family's tensors. Those of a block follow the
// prefix block, in which %d is the layer; norms and modules are named without the
// ".weight" and ".bias" behind.
type tensorNames struct {
	embed, positions, norm, unembed string
	block                           string
	ln1, ln1Post, ln2, ln2Post      string
	qNorm, kNorm                    string
	modules                         []module
	router                          string    // scores the experts
	expert                          string    // prefix of one expert's gate_proj, up_proj and down_proj, %d
	stacked                         [3]string // gate, up and down of all experts, one after the other; instead of expert
	ropeDivisors                    string    // divides the rotary frequencies; GGUF only
}

// decoderNames are the names that most families in HF checkpoints share.
func decoderNames() tensorNames {
	return tensorNames{
		embed: "model.embed_tokens.weight", norm: "model.norm", unembed: "lm_head.weight",
		block: "model.layers.%d.", ln1: "input_layernorm", ln2: "post_attention_layernorm",
		qNorm: "self_attn.q_norm", kNorm: "self_attn.k_norm",
		modules: projModules(),
	}
}

// ggufNames are the names that most families in GGUF files share.
func ggufNames() tensorNames {
	return tensorNames{
		embed: "token_embd.weight", norm: "output_norm", unembed: "output.weight",
		block: "blk.%d.", ln1: "attn_norm", ln2: "ffn_norm", qNorm: "attn_q_norm", kNorm: "attn_k_norm",
		modules: []module{
			whole("attn_q", projQ), whole("attn_k", projK), whole("attn_v", projV), whole("attn_output", projO),
			whole("ffn_gate", projGate), whole("ffn_up", projUp), whole("ffn_down", projDown),
		},
		ropeDivisors: "rope_freqs.weight",
	}
}

func families() []*family {
	return []*family{llama(), mistral(), qwen2(), qwen3(), qwen3MoE(), gemma(), gemma2(), gemma3(), gemma3Seeing(), phi3(), smollm3(), olmo2(), gpt2(), gptNeoX()}
}

// familyOf finds the family of the architectures that a config.json lists.
func familyOf(architectures []string) (*family, string, error) {
	for _, f := range families() {
		for _, a := range architectures {
			if slices.Contains(f.architectures, a) {
				return f, a, nil
			}
		}
	}
	return nil, "", fmt.Errorf("%w: found %s, expected one of %s", ErrUnknownArchitecture, quoted(architectures), strings.Join(known(), ", "))
}

// ggufFamily finds the family that a GGUF file calls name.
func ggufFamily(name string) (*family, error) {
	var have []string
	for _, f := range families() {
		if f.ggufName == name && name != "" {
			return f, nil
		}
		if f.ggufName != "" {
			have = append(have, f.ggufName)
		}
	}
	return nil, fmt.Errorf("%w: found %q, expected one of %s", ErrUnknownArchitecture, name, strings.Join(have, ", "))
}

func known() []string {
	var names []string
	for _, f := range families() {
		names = append(names, f.architectures...)
	}
	return names
}

func quoted(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	q := make([]string, len(names))
	for i, n := range names {
		q[i] = fmt.Sprintf("%q", n)
	}
	return strings.Join(q, ", ")
}
