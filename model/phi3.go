package model

// phi3 is Llama with q, k and v in one matrix and gate and up in another; rotary
// embeddings may turn a part of each head only (Phi-3.5, Phi-4-mini).
func phi3() *family {
	f := &family{architectures: []string{"Phi3ForCausalLM"}, spec: phi3Spec, hf: decoderNames(), ggufName: "phi3", ggufSpec: phi3GGUF, gguf: ggufNames(),
		ignored: []string{"rotary_emb.inv_freq", "rope_factors_long.weight", "rope_factors_short.weight"}}
	f.hf.modules = []module{
		fused("self_attn.qkv_proj", projQ, projK, projV), whole("self_attn.o_proj", projO),
		fused("mlp.gate_up_proj", projGate, projUp), whole("mlp.down_proj", projDown),
	}
	f.gguf.modules = []module{
		fused("attn_qkv", projQ, projK, projV), whole("attn_output", projO), fused("ffn_up", projGate, projUp), whole("ffn_down", projDown),
	}
	return f
}

// phi3Spec reads a config.json; the defaults are Phi3Config's.
func phi3Spec(c *config) Spec {
	s := c.decoder()
	s.NormEps = c.float("rms_norm_eps", 1e-5)
	s.MaxPos = c.int("max_position_embeddings", 4096)
	s.Activation = c.activation("hidden_act", "silu")
	for _, key := range []string{"attention_bias", "mlp_bias", "lm_head_bias"} {
		c.only(key, false)
	}
	for _, key := range []string{"full_attn_mod", "interpolate_factor"} { // of Phi-4-mini
		c.only(key, 1.0)
	}
	c.yarnIsLongrope, c.originalMaxPos = true, 4096
	s.Ropes = []Rope{c.rope(10000, s.DHead, s.MaxPos)}
	s.uniform(BlockSpec{Window: c.window("sliding_window", 0)})
	return s
}

// phi3GGUF reads the metadata of a GGUF file.
func phi3GGUF(g *ggufConfig) Spec {
	s := g.decoder(rmsEps)
	s.Ropes = []Rope{g.rope(10000, &s)}
	s.uniform(BlockSpec{Window: g.int("attention.sliding_window", 0)})
	return s
}
