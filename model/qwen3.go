package model

// qwen3 is Llama with normalised queries and keys, a norm for each head.
func qwen3() *family {
	return &family{
		architectures: []string{"Qwen3ForCausalLM"}, spec: qwen3Spec, hf: decoderNames(), ignored: []string{"rotary_emb.inv_freq", "rope_freqs.weight"},
		ggufName: "qwen3", ggufSpec: qwen3GGUF, gguf: ggufNames(),
	}
}

// qwen3Spec reads a config.json; the defaults are Qwen3Config's.
func qwen3Spec(c *config) Spec {
	s := c.decoder()
	s.KVHeads, s.DHead = c.int("num_key_value_heads", 32), c.int("head_dim", 128)
	s.MaxPos = c.int("max_position_embeddings", 32768)
	s.QKNorm = HeadQKNorm
	s.QKVBias = c.bool("attention_bias", false)
	s.OBias = s.QKVBias
	s.Activation = c.activation("hidden_act", "silu")
	s.Ropes = []Rope{c.wholeRope(10000, &s)}
	c.qwenWindows(&s)
	return s
}

// qwen3GGUF reads the metadata of a GGUF file.
func qwen3GGUF(g *ggufConfig) Spec {
	s := qwen2GGUF(g)
	s.QKNorm = HeadQKNorm
	return s
}
