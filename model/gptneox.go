package model

// gptNeoX is GPT-NeoX and Pythia: attention and MLP that read the same residual
// stream, rotary embeddings on a part of each head, q, k and v of each head
// together in one matrix.
func gptNeoX() *family {
	qkv := module{path: "attention.query_key_value"}
	for i, p := range []proj{projQ, projK, projV} {
		qkv.parts = append(qkv.parts, part{p, func(s *Spec) []int32 { return thirdOfHeads(s, i) }})
	}
	return &family{
		architectures: []string{"GPTNeoXForCausalLM"},
		spec:          gptNeoXSpec,
		hf: tensorNames{
			embed: "gpt_neox.embed_in.weight", norm: "gpt_neox.final_layer_norm", unembed: "embed_out.weight",
			block: "gpt_neox.layers.%d.", ln1: "input_layernorm", ln2: "post_attention_layernorm",
			modules: []module{
				qkv, whole("attention.dense", projO), whole("mlp.dense_h_to_4h", projUp), whole("mlp.dense_4h_to_h", projDown),
			},
		},
		ggufName: "gptneox", ggufSpec: gptNeoXGGUF, gguf: gpt2GGUFNames(),
		ignored: []string{".attention.bias", ".attention.masked_bias", "rotary_emb.inv_freq"},
	}
}

// thirdOfHeads are the rows of part i of every head.
func thirdOfHeads(s *Spec, i int) []int32 {
	rows := make([]int32, s.Heads*s.DHead)
	for r := range rows {
		rows[r] = int32((r/s.DHead*3+i)*s.DHead + r%s.DHead)
	}
	return rows
}

// gptNeoXSpec reads a config.json; the defaults are GPTNeoXConfig's.
func gptNeoXSpec(c *config) Spec {
	s := Spec{
		Layers: c.need("num_hidden_layers"), DModel: c.need("hidden_size"), DMLP: c.need("intermediate_size"),
		Heads: c.need("num_attention_heads"), Vocab: c.need("vocab_size"), MaxPos: c.int("max_position_embeddings", 2048),
		Norm: LayerNorm, NormEps: c.float("layer_norm_eps", 1e-5),
		Parallel: c.bool("use_parallel_residual", true), QKVBias: c.bool("attention_bias", true), MLPBias: true,
		TieEmbeddings: c.bool("tie_word_embeddings", false), Activation: c.activation("hidden_act", "gelu"),
	}
	s.OBias = s.QKVBias
	s.headsOf(c)
	r := c.ropeIn(c.float("rotary_emb_base", 10000), c.float("rotary_pct", 0.25), s.DHead, s.MaxPos)
	s.extend(&r)
	s.Ropes = []Rope{r}
	return s
}

// gptNeoXGGUF reads the metadata of a GGUF file.
func gptNeoXGGUF(g *ggufConfig) Spec {
	s := g.decoder(layerEps)
	s.Norm, s.Gated, s.Activation = LayerNorm, false, GELU
	s.Parallel = g.bool("use_parallel_residual", true)
	s.Ropes = []Rope{g.rope(10000, &s)}
	return s
}
