package model

import "math"

// gemmaNames are the names of Gemma 2 and 3, with norms on both sides of attention
// and MLP.
func gemmaNames() tensorNames {
	n := decoderNames()
	n.ln1Post, n.ln2, n.ln2Post = "post_attention_layernorm", "pre_feedforward_layernorm", "post_feedforward_layernorm"
	return n
}

// gemmaGGUFNames are the names of Gemma 2 and 3 in GGUF files.
func gemmaGGUFNames() tensorNames {
	n := ggufNames()
	n.ln1Post, n.ln2Post = "post_attention_norm", "post_ffw_norm"
	return n
}

// gemma is Llama with norm weights that are stored less one, a scaled embedding,
// GELU and heads of a width of their own.
func gemma() *family {
	return &family{architectures: []string{"GemmaForCausalLM"}, spec: gemmaSpec, hf: decoderNames(), ignored: []string{"rotary_emb.inv_freq"},
		ggufName: "gemma", ggufSpec: gemmaGGUF, gguf: ggufNames()}
}

// gemmaSpec reads a config.json; the defaults are GemmaConfig's. The first releases
// said gelu and meant its tanh form, as transformers knows.
func gemmaSpec(c *config) Spec {
	s := c.gemma(16, 256, 8192)
	s.Activation = c.activation("hidden_act", "gelu_pytorch_tanh")
	if s.Activation == GELU {
		s.Activation = GELUTanh
	}
	c.only("hidden_activation", "gelu_pytorch_tanh")
	s.Ropes = []Rope{c.wholeRope(10000, &s)}
	return s
}

// gemma2 has sandwich norms whose weights are stored less one, softcaps on scores
// and logits, and a sliding window on every other block.
func gemma2() *family {
	return &family{architectures: []string{"Gemma2ForCausalLM"}, spec: gemma2Spec, hf: gemmaNames(), ignored: []string{"rotary_emb.inv_freq"},
		ggufName: "gemma2", ggufSpec: gemma2GGUF, gguf: gemmaGGUFNames()}
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
	c.only("use_bidirectional_attention", false)
	return s
}

// gemmaAttention reads what Gemma 2 and 3 have in common.
func (c *config) gemmaAttention(s *Spec) {
	s.Placement = SandwichNorm
	s.Activation = c.activation("hidden_activation", "gelu_pytorch_tanh")
	c.string("hidden_act", "") // which transformers does not look at
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

// gemma3 is the text part of Gemma 3: normalised queries and keys, and two rotary
// embeddings, one for the blocks with a sliding window and one for the others.
func gemma3() *family {
	return &family{architectures: []string{"Gemma3ForCausalLM"}, spec: gemma3Spec, hf: gemmaNames(), ignored: []string{"rotary_emb.inv_freq"},
		ggufName: "gemma3", ggufSpec: gemma3GGUF, gguf: gemmaGGUFNames()}
}

// gemma3Spec reads a config.json; the defaults are Gemma3TextConfig's.
func gemma3Spec(c *config) Spec {
	s := c.gemma(4, 256, 131072)
	c.gemmaAttention(&s)
	s.QKNorm = HeadQKNorm
	s.LogitSoftcap = c.cap("final_logit_softcapping", 0)
	c.float("attn_logit_softcapping", 0) // which transformers does not look at
	c.int("_sliding_window_pattern", 0)
	every := c.int("sliding_window_pattern", 6)
	s.uniform(BlockSpec{})
	c.layerWindows(&s, c.window("sliding_window", 4096), func(l int) bool { return every < 1 || (l+1)%every != 0 })
	s.Ropes = c.gemmaRopes(&s)
	for l := range s.Blocks {
		if s.Blocks[l].Window > 0 {
			s.Blocks[l].Rope = 1
		}
	}
	return s
}

// gemmaRopes reads the rotary embeddings of the blocks without window and with
// one. Older configs scale the first only.
func (c *config) gemmaRopes(s *Spec) []Rope {
	global := Rope{Theta: c.float("rope_theta", 1e6), Dim: s.DHead}
	local := Rope{Theta: c.float("rope_local_base_freq", 1e4), Dim: s.DHead}
	if o := c.object("rope_parameters"); o != nil {
		o.nestedRope("full_attention", &global, s)
		o.nestedRope("sliding_attention", &local, s)
		c.adopt(o)
	}
	if o := c.object("rope_scaling"); o != nil {
		global.Theta = o.float("rope_theta", global.Theta)
		global.Scaling = o.ropeScaling(0, s.MaxPos)
		c.adopt(o)
	}
	s.extend(&global)
	s.extend(&local)
	return []Rope{global, local}
}

// nestedRope reads the rotary embedding of one kind of block.
func (c *config) nestedRope(key string, r *Rope, s *Spec) {
	if o := c.object(key); o != nil {
		r.Theta = o.float("rope_theta", r.Theta)
		o.only("partial_rotary_factor", 1.0)
		r.Scaling = o.ropeScaling(0, s.MaxPos)
		c.adopt(o)
	}
}

// gemmaGGUF reads the metadata of a GGUF file, whose norm weights have the one
// added.
func gemmaGGUF(g *ggufConfig) Spec {
	s := g.decoder(rmsEps)
	s.EmbedScale = float64(float32(math.Sqrt(float64(max(s.DModel, 1)))))
	s.Activation = GELUTanh
	s.Ropes = []Rope{g.rope(10000, &s)}
	return s
}

// gemma2GGUF reads the metadata of a GGUF file.
func gemma2GGUF(g *ggufConfig) Spec {
	s := gemmaGGUF(g)
	s.gemmaScale(46)
	s.AttnSoftcap, s.LogitSoftcap = g.float("attn_logit_softcapping", 50), g.float("final_logit_softcapping", 30)
	s.slide(g.int("attention.sliding_window", 4096), g.int("attention.sliding_window_pattern", 2))
	return s
}

// gemma3GGUF reads the metadata of a GGUF file. The scaling of the rotary embedding
// is that of the blocks without window.
func gemma3GGUF(g *ggufConfig) Spec {
	s := gemmaGGUF(g)
	s.gemmaScale(62)
	s.QKNorm = HeadQKNorm
	s.LogitSoftcap = g.float("final_logit_softcapping", 0)
	s.Ropes[0] = g.rope(1e6, &s)
	s.Ropes = append(s.Ropes, Rope{Theta: g.float("rope.freq_base_swa", 10000), Dim: g.int("rope.dimension_count_swa", s.DHead)})
	s.slide(g.int("attention.sliding_window", 0), g.int("attention.sliding_window_pattern", 6))
	for l := range s.Blocks {
		if s.Blocks[l].Window > 0 {
			s.Blocks[l].Rope = 1
		}
	}
	return s
}

// gemmaScale is what GGUF files of Gemma 2 and 3 do not say: the size with so many
// blocks, 27B, divides scores by the root of DModel/Heads, the others by that of
// the head.
func (s *Spec) gemmaScale(layers int) {
	s.Placement = SandwichNorm
	if s.Layers == layers {
		s.AttnScale = 1 / math.Sqrt(float64(s.DModel/max(s.Heads, 1)))
	}
}

// slide gives a window to all blocks but every n-th.
func (s *Spec) slide(window, n int) {
	s.uniform(BlockSpec{Window: window})
	for l := range s.Blocks {
		if n > 0 && (l+1)%n == 0 {
			s.Blocks[l].Window = 0
		}
	}
}
