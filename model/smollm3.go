package model

// smollm3 is Llama without a rotary embedding on some blocks.
func smollm3() *family {
	f := &family{architectures: []string{"SmolLM3ForCausalLM"}, spec: smollm3Spec, hf: decoderNames(), ignored: []string{"rotary_emb.inv_freq", "rope_freqs.weight"},
		ggufName: "smollm3", ggufSpec: smollm3GGUF, gguf: ggufNames()}
	f.gguf.permuted()
	return f
}

// smollm3Spec reads a config.json; the defaults are SmolLM3Config's.
func smollm3Spec(c *config) Spec {
	s := c.decoder()
	s.KVHeads = c.int("num_key_value_heads", 4)
	s.MaxPos = c.int("max_position_embeddings", 32768)
	s.TieEmbeddings = c.bool("tie_word_embeddings", true)
	s.QKVBias = c.bool("attention_bias", false)
	s.OBias = s.QKVBias
	s.MLPBias = c.bool("mlp_bias", false)
	s.Activation = c.activation("hidden_act", "silu")
	s.Ropes = []Rope{c.wholeRope(10000, &s)}
	s.uniform(BlockSpec{})
	c.noRope(&s)
	window := c.window("sliding_window", 0)
	sliding := c.bool("use_sliding_window", false)
	c.int("max_window_layers", 0) // which transformers does not look at
	c.layerWindows(&s, window, func(l int) bool { return sliding && s.Blocks[l].Rope < 0 })
	return s
}

// noRope takes the rotary embedding from the blocks with a 0 in no_rope_layers, or
// from every no_rope_layer_interval-th one.
func (c *config) noRope(s *Spec) {
	every := c.int("no_rope_layer_interval", 4)
	var on []int
	given := c.get("no_rope_layers", &on)
	if given && len(on) != len(s.Blocks) {
		c.fail("no_rope_layers: found %d entries, expected %d", len(on), len(s.Blocks))
		return
	}
	for l := range s.Blocks {
		if given && on[l] == 0 || !given && every > 0 && (l+1)%every == 0 {
			s.Blocks[l].Rope = -1
		}
	}
}

// smollm3GGUF reads the metadata of a GGUF file, in which every fourth block is
// without rotary embedding.
func smollm3GGUF(g *ggufConfig) Spec {
	s := g.decoder(rmsEps)
	s.Ropes = []Rope{g.rope(10000, &s)}
	s.uniform(BlockSpec{})
	for l := 3; l < len(s.Blocks); l += 4 {
		s.Blocks[l].Rope = -1
	}
	return s
}
