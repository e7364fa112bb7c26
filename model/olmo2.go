package model

// olmo2 normalises what attention and MLP write instead of what they read, and
// queries and keys over all heads together.
func olmo2() *family {
	f := &family{architectures: []string{"Olmo2ForCausalLM"}, spec: olmo2Spec, hf: decoderNames(), ignored: []string{"rotary_emb.inv_freq"},
		ggufName: "olmo2", ggufSpec: olmo2GGUF, gguf: gemmaGGUFNames()}
	f.hf.ln1, f.hf.ln2 = "", ""
	f.hf.ln1Post, f.hf.ln2Post = "post_attention_layernorm", "post_feedforward_layernorm"
	return f
}

// olmo2Spec reads a config.json; the defaults are Olmo2Config's.
func olmo2Spec(c *config) Spec {
	s := c.decoder()
	s.NormEps = c.float("rms_norm_eps", 1e-5)
	s.MaxPos = c.int("max_position_embeddings", 2048)
	s.Placement, s.QKNorm = PostNorm, WidthQKNorm
	s.QKVBias = c.bool("attention_bias", false)
	s.OBias = s.QKVBias
	s.Activation = c.activation("hidden_act", "silu")
	s.Ropes = []Rope{c.wholeRope(10000, &s)}
	return s
}

// olmo2GGUF reads the metadata of a GGUF file.
func olmo2GGUF(g *ggufConfig) Spec {
	s := g.decoder(rmsEps)
	s.Placement, s.QKNorm = PostNorm, WidthQKNorm
	s.Ropes = []Rope{g.rope(10000, &s)}
	return s
}
