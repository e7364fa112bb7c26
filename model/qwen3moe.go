package model

import "slices"

// qwen3MoE is Qwen 3 with a mixture of experts on most blocks.
func qwen3MoE() *family {
	f := &family{architectures: []string{"Qwen3MoeForCausalLM"}, spec: qwen3MoESpec, hf: decoderNames(), ignored: []string{"rotary_emb.inv_freq"},
		ggufName: "qwen3moe", ggufSpec: qwen3MoEGGUF, gguf: ggufNames()}
	f.gguf.router, f.gguf.stacked = "ffn_gate_inp", [3]string{"ffn_gate_exps", "ffn_up_exps", "ffn_down_exps"}
	f.hf.router, f.hf.expert = "mlp.gate", "mlp.experts.%d."
	return f
}

// qwen3MoESpec reads a config.json; the defaults are Qwen3MoeConfig's.
func qwen3MoESpec(c *config) Spec {
	s := c.decoder()
	s.KVHeads = c.int("num_key_value_heads", 4)
	s.MaxPos = c.int("max_position_embeddings", 32768)
	s.QKNorm = HeadQKNorm
	s.QKVBias = c.bool("attention_bias", false)
	s.OBias = s.QKVBias
	s.Activation = c.activation("hidden_act", "silu")
	s.Ropes = []Rope{c.wholeRope(10000, &s)}
	window := c.window("sliding_window", 4096)
	if !c.bool("use_sliding_window", false) {
		window = 0
	}
	c.int("max_window_layers", 0) // which transformers does not look at
	s.uniform(BlockSpec{Window: window})
	c.experts(&s)
	return s
}

// experts reads the mixtures: on every decoder_sparse_step-th block, except those
// of mlp_only_layers.
func (c *config) experts(s *Spec) {
	s.Experts = c.int("num_experts", c.int("num_local_experts", 128))
	s.TopExperts = c.int("num_experts_per_tok", 8)
	s.DExpert = c.int("moe_intermediate_size", 768)
	s.NormTopK = c.bool("norm_topk_prob", false)
	var dense []int
	c.get("mlp_only_layers", &dense)
	step := c.int("decoder_sparse_step", 1)
	if step < 1 {
		c.fail("decoder_sparse_step: found %d, expected at least 1", step)
		return
	}
	for l := range s.Blocks {
		s.Blocks[l].MoE = s.Experts > 0 && (l+1)%step == 0 && !slices.Contains(dense, l)
	}
}

// qwen3MoEGGUF reads the metadata of a GGUF file. There every block has experts, and
// the weights of a token's are divided by their sum.
func qwen3MoEGGUF(g *ggufConfig) Spec {
	s := qwen3GGUF(g)
	s.Experts, s.TopExperts = g.need("expert_count"), g.need("expert_used_count")
	s.DExpert = g.need("expert_feed_forward_length")
	s.NormTopK = g.bool("expert_weights_norm", true)
	s.uniform(BlockSpec{MoE: true})
	return s
}
