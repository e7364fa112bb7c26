package model

import "math"

// gemmaNames are the names of Gemma 2 and 3, with norms on both sides of attention
// and MLP.
func gemmaNames() tensorNames {
	n := decoderNames()
	n.ln1Post, n.ln2, n.ln2Post = "post_attention_layernorm", "pre_feedforward_layernorm", "post_feedforward_layernorm"
	return n
}

// gemma2 has sandwich norms whose weights are stored less one, softcaps on scores
// and logits, and a sliding window on every other block.
func gemma2() *family {
	return &family{architectures: []string{"Gemma2ForCausalLM"}, spec: gemma2Spec, hf: gemmaNames(), ignored: []string{"rotary_emb.inv_freq"}}
}

// gemma2Spec reads a config.json; the defaults are Gemma2Config's.
func gemma2Spec(c *config) Spec {
	s := c.gemma(4, 256, 8192)
	c.gemmaAttention(&s)
	s.AttnSoftcap, s.LogitSoftcap = c.cap("attn_logit_softcapping", 50), c.cap("final_logit_softcapping", 30)
	s.Ropes = []Rope{c.wholeRope(10000, &s)}
	s.uniform(BlockSpec{})
	c.layerWindows(&s, c.window("sliding_window", 4096), func(l int) bool { return l%2 == 0 })
	return s
}

// gemma reads what all Gemmas have in common. The embedding is multiplied by
// √DModel, rounded to the type that is computed in.
func (c *config) gemma(kvHeads, dHead, maxPos int) Spec {
	s := c.decoder()
	s.KVHeads, s.DHead = c.int("num_key_value_heads", kvHeads), c.int("head_dim", dHead)
	s.MaxPos = c.int("max_position_embeddings", maxPos)
	s.TieEmbeddings = c.bool("tie_word_embeddings", true)
	s.NormPlusOne = true
	s.EmbedScale = float64(float32(math.Sqrt(float64(max(s.DModel, 1)))))
	s.QKVBias = c.bool("attention_bias", false)
	s.OBias = s.QKVBias
	s.Activation = GELUTanh
	c.only("hidden_activation", "gelu_pytorch_tanh")
	c.only("use_bidirectional_attention", false)
	return s
}

// gemmaAttention reads what Gemma 2 and 3 have in common.
func (c *config) gemmaAttention(s *Spec) {
	s.Placement = SandwichNorm
	scalar := c.float("query_pre_attn_scalar", 256)
	if !(scalar > 0) {
		c.fail("query_pre_attn_scalar: found %g, expected a positive number", scalar)
		return
	}
	s.AttnScale = 1 / math.Sqrt(scalar)
}

// cap reads a softcap; null is none, an absent key is def.
func (c *config) cap(key string, def float64) float64 {
	if _, there := c.keys[key]; there {
		def = 0
	}
	return c.float(key, def)
}
