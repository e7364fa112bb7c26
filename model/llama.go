package model

import (
	"fmt"

	"agar/model/gguf"
)

// llama is Meta's Llama and everything built like it: RMS norms before
// attention and MLP, rotary embeddings over the whole head in two halves,
// grouped-query attention, SwiGLU, no biases.
func llama() *family {
	return &family{
		architectures: []string{"LlamaForCausalLM"},
		ggufName:      "llama",
		spec:          llamaSpec,
		ggufSpec:      llamaGGUF,
		hf: tensorNames{
			embed: "model.embed_tokens.weight", norm: "model.norm.weight", unembed: "lm_head.weight",
			attnNorm: "model.layers.%d.input_layernorm.weight", mlpNorm: "model.layers.%d.post_attention_layernorm.weight",
			projs: [nProjs]string{
				"model.layers.%d.self_attn.q_proj.weight", "model.layers.%d.self_attn.k_proj.weight",
				"model.layers.%d.self_attn.v_proj.weight", "model.layers.%d.self_attn.o_proj.weight",
				"model.layers.%d.mlp.gate_proj.weight", "model.layers.%d.mlp.up_proj.weight", "model.layers.%d.mlp.down_proj.weight",
			},
		},
		gguf: tensorNames{
			embed: "token_embd.weight", norm: "output_norm.weight", unembed: "output.weight",
			attnNorm: "blk.%d.attn_norm.weight", mlpNorm: "blk.%d.ffn_norm.weight",
			projs: [nProjs]string{
				"blk.%d.attn_q.weight", "blk.%d.attn_k.weight", "blk.%d.attn_v.weight", "blk.%d.attn_output.weight",
				"blk.%d.ffn_gate.weight", "blk.%d.ffn_up.weight", "blk.%d.ffn_down.weight",
			},
			ropeDivisors: "rope_freqs.weight",
		},
		ignored:  []string{"rotary_emb.inv_freq", "rope_freqs.weight"},
		rowOrder: llamaRowOrder,
	}
}

// llamaSpec reads a config.json; the defaults are LlamaConfig's.
func llamaSpec(c *config) (Spec, error) {
	var err error
	s := Spec{
		Layers: need(c.Layers, "num_hidden_layers", &err),
		DModel: need(c.HiddenSize, "hidden_size", &err),
		DMLP:   need(c.IntermediateSize, "intermediate_size", &err),
		Heads:  need(c.Heads, "num_attention_heads", &err),
		Vocab:  need(c.VocabSize, "vocab_size", &err),
		MaxPos: or(c.MaxPos, 2048),
		RMSEps: or(c.RMSNormEps, 1e-6),

		TieEmbeddings: or(c.TieWordEmbeddings, false),
	}
	if err != nil {
		return s, err
	}
	s.KVHeads = or(c.KVHeads, s.Heads)
	if s.DHead = or(c.HeadDim, 0); s.DHead == 0 && s.Heads > 0 {
		if s.DModel%s.Heads != 0 {
			return s, fmt.Errorf("found hidden_size %d and num_attention_heads %d without head_dim, expected a multiple", s.DModel, s.Heads)
		}
		s.DHead = s.DModel / s.Heads
	}
	s.RopeTheta, s.RopeScaling, err = c.rope(10000)
	switch {
	case err != nil:
	case c.HiddenAct != "" && c.HiddenAct != "silu":
		err = fmt.Errorf("hidden_act %q is not supported, expected \"silu\"", c.HiddenAct)
	case c.AttentionBias:
		err = fmt.Errorf("attention_bias true is not supported, expected false")
	case c.MLPBias:
		err = fmt.Errorf("mlp_bias true is not supported, expected false")
	case c.quantized():
		err = fmt.Errorf("quantization_config is not supported, expected plain F32, F16 or BF16 weights (GGUF files may be quantised)")
	}
	return s, err
}

// llamaGGUF reads the metadata of a GGUF file.
func llamaGGUF(f *gguf.File) (Spec, error) {
	g := ggufMeta{f: f}
	s := Spec{
		Architecture: "LlamaForCausalLM",
		Layers:       g.int("llama.block_count"),
		DModel:       g.int("llama.embedding_length"),
		DMLP:         g.int("llama.feed_forward_length"),
		Heads:        g.int("llama.attention.head_count"),
		MaxPos:       g.int("llama.context_length"),
		RMSEps:       g.float("llama.attention.layer_norm_rms_epsilon"),
		RopeTheta:    10000,
	}
	s.KVHeads, s.DHead = s.Heads, s.DModel/max(s.Heads, 1)
	if g.has("llama.attention.head_count_kv") {
		s.KVHeads = g.int("llama.attention.head_count_kv")
	}
	if g.has("llama.attention.key_length") {
		s.DHead = g.int("llama.attention.key_length")
	}
	if g.has("llama.rope.freq_base") {
		s.RopeTheta = g.float("llama.rope.freq_base")
	}
	if g.err != nil {
		return s, g.err
	}
	return s, llamaGGUFRope(&g, &s)
}

// llamaGGUFRope refuses what would change the rotary embedding unseen.
func llamaGGUFRope(g *ggufMeta, s *Spec) error {
	if g.has("llama.rope.dimension_count") {
		if n := g.int("llama.rope.dimension_count"); n != s.DHead {
			return fmt.Errorf("llama.rope.dimension_count: found %d, expected the head size %d", n, s.DHead)
		}
	}
	if g.has("llama.rope.scaling.type") {
		if kind := g.string("llama.rope.scaling.type"); kind != "none" {
			return fmt.Errorf("llama.rope.scaling.type %q is not supported, expected none", kind)
		}
	}
	return g.err
}

// llamaRowOrder undoes the permutation of llama.cpp's converter, which stores
// the rows of q and k so that the two halves of a head interleave: HF row
// (h, half, i) of a head of n rows is stored at (h, 2i + half).
func llamaRowOrder(s *Spec, p proj) []int32 {
	heads := s.Heads
	switch p {
	case projQ:
	case projK:
		heads = s.KVHeads
	default:
		return nil
	}
	order := make([]int32, heads*s.DHead)
	for r := range order {
		h, i := r/s.DHead, r%s.DHead
		half, i := i/(s.DHead/2), i%(s.DHead/2)
		order[r] = int32(h*s.DHead + 2*i + half)
	}
	return order
}
