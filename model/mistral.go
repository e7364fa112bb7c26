package model

// mistral is Llama with a sliding window on every block.
func mistral() *family {
	return &family{architectures: []string{"MistralForCausalLM"}, spec: mistralSpec, hf: decoderNames(), ignored: []string{"rotary_emb.inv_freq"}}
}

// mistralSpec reads a config.json; the defaults are MistralConfig's.
func mistralSpec(c *config) Spec {
	s := c.decoder()
	s.KVHeads = c.int("num_key_value_heads", 8)
	s.MaxPos = c.int("max_position_embeddings", 4096*32)
	s.Activation = c.activation("hidden_act", "silu")
	s.Ropes = []Rope{c.wholeRope(10000, &s)}
	s.uniform(BlockSpec{Window: c.window("sliding_window", 4096)})
	return s
}

// window reads the width of a sliding window; null is none, an absent key is def.
func (c *config) window(key string, def int) int {
	w := def
	if _, there := c.keys[key]; there {
		w = c.int(key, 0)
	}
	if w < 0 {
		c.fail("%s%s: found %d, expected a positive number or null", c.path, key, w)
	}
	return w
}
