package model

// gpt2 has LayerNorms, learned positions, biases everywhere, q, k and v in one
// matrix, and stores its matrices as [in, out].
func gpt2() *family {
	return &family{
		architectures: []string{"GPT2LMHeadModel"},
		spec:          gpt2Spec,
		hf: tensorNames{
			embed: "transformer.wte.weight", positions: "transformer.wpe.weight", norm: "transformer.ln_f", unembed: "lm_head.weight",
			block: "transformer.h.%d.", ln1: "ln_1", ln2: "ln_2",
			modules: []module{
				fused("attn.c_attn", projQ, projK, projV).transposed(), whole("attn.c_proj", projO).transposed(),
				whole("mlp.c_fc", projUp).transposed(), whole("mlp.c_proj", projDown).transposed(),
			},
		},
		ggufName: "gpt2", ggufSpec: gpt2GGUF, gguf: gpt2GGUFNames(),
		ignored: []string{".attn.bias", ".attn.masked_bias"}, // causal masks
	}
}

// gpt2Spec reads a config.json; the defaults are GPT2Config's.
func gpt2Spec(c *config) Spec {
	s := Spec{
		Layers: c.int("n_layer", 12), DModel: c.int("n_embd", 768), Heads: c.int("n_head", 12),
		Vocab: c.int("vocab_size", 50257), MaxPos: c.int("n_positions", 1024),
		Norm: LayerNorm, NormEps: c.float("layer_norm_epsilon", 1e-5),
		QKVBias: true, OBias: true, MLPBias: true, LearnedPositions: true,
		TieEmbeddings: c.bool("tie_word_embeddings", true),
		ScaleByNum:    c.bool("scale_attn_by_inverse_layer_idx", false),
		Activation:    c.activation("activation_function", "gelu_new"),
	}
	s.DMLP = c.int("n_inner", 4*min(s.DModel, maxWidth))
	s.headsOf(c)
	if !c.bool("scale_attn_weights", true) {
		s.AttnScale = 1
	}
	c.bool("reorder_and_upcast_attn", false) // the same numbers in float32
	c.int("n_ctx", 0)                        // which transformers does not look at
	s.uniform(BlockSpec{Rope: -1})
	return s
}

// headsOf splits the width of the residual stream among the heads, each with its
// own key and value.
func (s *Spec) headsOf(c *config) {
	s.KVHeads = s.Heads
	if s.Heads < 1 || s.DModel%s.Heads != 0 {
		c.fail("found a width of %d and %d heads, expected a multiple", s.DModel, s.Heads)
		return
	}
	s.DHead = s.DModel / s.Heads
}

// gpt2GGUFNames are the names of GPT-2 and GPT-NeoX in GGUF files, which store all
// matrices as [out, in] and the parts of q, k and v one after the other.
func gpt2GGUFNames() tensorNames {
	n := ggufNames()
	n.positions = "position_embd.weight"
	n.modules = []module{fused("attn_qkv", projQ, projK, projV), whole("attn_output", projO), whole("ffn_up", projUp), whole("ffn_down", projDown)}
	return n
}

// gpt2GGUF reads the metadata of a GGUF file.
func gpt2GGUF(g *ggufConfig) Spec {
	s := g.decoder(layerEps)
	s.Norm, s.Gated, s.LearnedPositions, s.Activation = LayerNorm, false, true, GELUTanh
	s.uniform(BlockSpec{Rope: -1})
	return s
}
