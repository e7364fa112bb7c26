package model

// llama is Meta's Llama and everything built like it: RMS norms before
// attention and MLP, rotary embeddings over the whole head in two halves,
// grouped-query attention, SwiGLU, no biases unless the config asks for them.
func llama() *family {
	f := &family{
		architectures: []string{"LlamaForCausalLM"},
		ggufName:      "llama",
		spec:          llamaSpec,
		ggufSpec:      llamaGGUF,
		hf:            decoderNames(),
		gguf:          ggufNames(),
		ignored:       []string{"rotary_emb.inv_freq", "rope_freqs.weight"},
	}
	f.gguf.permuted()
	return f
}

// permuted says that the rows of q and k are stored as llamaRows undoes it.
func (n *tensorNames) permuted() {
	n.modules[projQ].parts[0].rows = llamaRows(func(s *Spec) int { return s.Heads })
	n.modules[projK].parts[0].rows = llamaRows(func(s *Spec) int { return s.KVHeads })
}

// llamaSpec reads a config.json; the defaults are LlamaConfig's.
func llamaSpec(c *config) Spec {
	s := c.decoder()
	s.MaxPos = c.int("max_position_embeddings", 2048)
	s.QKVBias = c.bool("attention_bias", false)
	s.OBias = s.QKVBias
	s.MLPBias = c.bool("mlp_bias", false)
	s.Activation = c.activation("hidden_act", "silu")
	c.only("rope_interleaved", false)
	c.only("is_llama_config", true, false)
	s.Ropes = []Rope{c.wholeRope(10000, &s)}
	return s
}

// decoder reads what the configs of Llama and its descendants have in common.
func (c *config) decoder() Spec {
	s := Spec{
		Layers: c.need("num_hidden_layers"), DModel: c.need("hidden_size"), DMLP: c.need("intermediate_size"),
		Heads: c.need("num_attention_heads"), Vocab: c.need("vocab_size"),
		NormEps: c.float("rms_norm_eps", 1e-6), TieEmbeddings: c.bool("tie_word_embeddings", false), Gated: true,
	}
	s.KVHeads = c.int("num_key_value_heads", s.Heads)
	if s.DHead = c.int("head_dim", 0); s.DHead == 0 && s.Heads > 0 {
		if s.DModel%s.Heads != 0 {
			c.fail("found hidden_size %d and num_attention_heads %d without head_dim, expected a multiple", s.DModel, s.Heads)
		}
		s.DHead = s.DModel / s.Heads
	}
	return s
}

// activation reads the nonlinearity of the MLP.
func (c *config) activation(key, def string) Activation {
	switch name := c.string(key, def); name {
	case "silu", "swish":
		return SiLU
	case "gelu":
		return GELU
	case "gelu_new", "gelu_pytorch_tanh":
		return GELUTanh
	case "relu":
		return ReLU
	default:
		c.fail("%s%s %q is not supported, expected silu, gelu, gelu_new, gelu_pytorch_tanh or relu", c.path, key, name)
	}
	return SiLU
}

// wholeRope reads a rotary embedding that must turn whole heads.
func (c *config) wholeRope(theta float64, s *Spec) Rope {
	r := c.rope(theta, s.DHead, s.MaxPos)
	if r.Dim != s.DHead {
		c.fail("partial_rotary_factor is not supported, expected 1 or none")
	}
	s.extend(&r)
	return r
}

// extend makes room for the positions that a dynamic scaling adds to those of
// the config, which is as many as memory takes.
func (s *Spec) extend(r *Rope) {
	if r.Scaling.Type == "dynamic" {
		s.MaxPos = max(s.MaxPos, 1<<20)
	}
}

// llamaGGUF reads the metadata of a GGUF file. Mistral's are llama files too.
func llamaGGUF(g *ggufConfig) Spec {
	s := g.decoder(rmsEps)
	s.Ropes = []Rope{g.rope(10000, &s)}
	s.uniform(BlockSpec{Window: g.int("attention.sliding_window", 0)})
	return s
}

// llamaRows undoes the permutation of llama.cpp's converter, which stores the
// rows of q and k so that the two halves of a head interleave: HF row (h, half, i)
// of a head of n rows is stored at (h, 2i + half).
func llamaRows(heads func(s *Spec) int) func(s *Spec) []int32 {
	return func(s *Spec) []int32 {
		order := make([]int32, heads(s)*s.DHead)
		for r := range order {
			h, i := r/s.DHead, r%s.DHead
			half, i := i/(s.DHead/2), i%(s.DHead/2)
			order[r] = int32(h*s.DHead + 2*i + half)
		}
		return order
	}
}
