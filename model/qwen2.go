package model

import "slices"

// qwen2 is Llama with biases on q, k and v; Qwen 2.5 is the same.
func qwen2() *family {
	return &family{
		architectures: []string{"Qwen2ForCausalLM"}, spec: qwen2Spec, hf: decoderNames(), ignored: []string{"rotary_emb.inv_freq", "rope_freqs.weight"},
		ggufName: "qwen2", ggufSpec: qwen2GGUF, gguf: ggufNames(),
	}
}

// qwen2Spec reads a config.json; the defaults are Qwen2Config's.
func qwen2Spec(c *config) Spec {
	s := c.decoder()
	s.KVHeads = c.int("num_key_value_heads", 32)
	s.MaxPos = c.int("max_position_embeddings", 32768)
	s.QKVBias = true
	c.only("use_mrope", false)
	s.Activation = c.activation("hidden_act", "silu")
	s.Ropes = []Rope{c.wholeRope(10000, &s)}
	c.qwenWindows(&s)
	return s
}

// qwen2GGUF reads the metadata of a GGUF file.
func qwen2GGUF(g *ggufConfig) Spec {
	s := g.decoder(rmsEps)
	s.Ropes = []Rope{g.rope(10000, &s)}
	return s
}

// qwenWindows gives a sliding window to the blocks from max_window_layers on, if
// use_sliding_window is on, or to those that layer_types names.
func (c *config) qwenWindows(s *Spec) {
	s.uniform(BlockSpec{})
	window, from := c.window("sliding_window", 4096), c.int("max_window_layers", 28)
	if !c.bool("use_sliding_window", false) {
		window = 0
	}
	sliding := func(l int) bool { return window > 0 && l >= from }
	c.layerWindows(s, window, sliding)
}

// layerWindows gives the window to the blocks that layer_types calls
// sliding_attention, or to those that sliding names when there is no layer_types.
func (c *config) layerWindows(s *Spec, window int, sliding func(l int) bool) {
	var types []string
	given := c.get("layer_types", &types) // what it does not give may be filled in part
	if given && len(types) != len(s.Blocks) {
		c.fail("layer_types: found %d entries, expected %d", len(types), len(s.Blocks))
		return
	}
	for l := range s.Blocks {
		local := sliding(l)
		if given {
			if !slices.Contains([]string{"sliding_attention", "full_attention"}, types[l]) {
				c.fail("layer_types: found %q, expected sliding_attention or full_attention", types[l])
			}
			local = types[l] == "sliding_attention"
		}
		if local {
			s.Blocks[l].Window = window
		}
	}
}
