// Package model loads a language model from disk and runs it forward in float32
// with hooks and unmerged LoRA adapters, generates text, and compares a model
// with its adapted self.
//
// Conventions:
//
//   - Layers are decoder blocks counted from 0. A PEFT adapter on
//     model.layers.21 acts in block 21 and first shows in
//     blocks.21.hook_resid_post at the latest (transformers' hidden_states[22]).
//   - Hooks carry TransformerLens's names; Model.Hooks lists those that a model
//     has. hook_embed is the embedding as it enters the first block, scaled where
//     the family scales it; with learned positions it is the token's part and
//     hook_pos_embed the position's. In block L, blocks.L.hook_resid_pre, _mid
//     and _post are the residual stream (no _mid where attention and MLP run in
//     parallel); hook_attn_out and hook_mlp_out are what is added to it, behind a
//     norm that follows attention or MLP. attn.hook_q, _k, _v are [heads, DHead]
//     with bias and before any norm of their own, hook_rot_q, _rot_k normed and
//     rotated (blocks that rotate only), attn.hook_attn_scores scaled and capped,
//     −Inf where a query does not look, hook_pattern the probabilities, hook_z what
//     heads read. mlp.hook_pre is the gate, or the only hidden layer, hook_pre_linear
//     the up-projection beside a gate, hook_post what the down-projection reads; a
//     mixture of experts has mlp.hook_expert_weights, the softmax over all of them,
//     instead. lnN.hook_normalized and ln_final.hook_normalized are before the
//     learned weight and bias: ln1 and ln2 are the norms of attention and MLP,
//     wherever the family has them, lnN_post the second of a pair around them.
//   - An adapted module adds
//     blocks.L.<path>.lora.hook_a, the [rows, r] values A·x, and
//     blocks.L.<path>.lora.hook_delta, the [rows, out] values that are added to
//     its output: λ·s·(B·A·x + b) of LoRA, what is scaled and added of DoRA, λ·α·v
//     of a steering vector, which has no hook_a. <path> is the family's own, as
//     self_attn.q_proj … mlp.down_proj; a fused module has its projections behind
//     it (self_attn.qkv_proj.q), whose hook_a are the same numbers. On the
//     embedding they are embed.lora.hook_a, the columns A[:, token], and
//     embed.lora.hook_delta, what is added to hook_embed; on the head
//     unembed.lora.hook_a and unembed.lora.hook_delta, what is added to the logits
//     before they are capped. Of several adapters hook_a has the values side by
//     side and hook_delta the sum. What was trained in full has no hooks of its own.
//   - The scale of an adapter is s = α/r, or α/√r with rslora, with r and α of
//     the module (rank_pattern, alpha_pattern). The dial λ moves everything that an
//     adapter trained between the base (0) and the fine-tune (1), as Adapter says,
//     for one call; of plain LoRA it multiplies s and costs nothing to change.
//   - Activations are float32, row-major, a row a token. A batch is a list of
//     sequences whose rows are packed one after the other without padding;
//     sequences never see each other.
//   - Weights stay mapped in their storage type. Panels packed for the products
//     are kept as float32 while Options.PanelBudget lasts.
//   - A row's numbers depend on its sequence up to that row, the weights and the
//     kernel path (tensor.Kernel) only: not on the other sequences of the call,
//     later tokens, the number of threads, the hooks that are read, or whether
//     the tokens came in one call or one by one through a Cache. This holds bit
//     for bit. Dynamic and longrope scaling are the exception that transformers
//     makes too: there every number of a sequence depends on its length, once that
//     exceeds the original context; a cached sequence that grows across such a
//     length is computed anew.
//   - Entropies, KL divergences and log-probabilities are in nats; the direction
//     of a KL is part of its name.
package model
