// Package model loads a language model from disk and runs it forward in float32
// with hooks and unmerged LoRA adapters, generates text, and compares a model
// with its adapted self.
//
// Conventions:
//
//   - Layers are decoder blocks counted from 0. A PEFT adapter on
//     model.layers.21 acts in block 21 and first shows in
//     blocks.21.hook_resid_post at the latest (transformers' hidden_states[22]).
//   - Hooks carry TransformerLens's names: hook_embed, and for block L
//     blocks.L.hook_resid_pre, hook_attn_out, hook_resid_mid, mlp.hook_post,
//     hook_mlp_out and hook_resid_post. An adapted module adds
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
//     for bit.
//   - Entropies, KL divergences and log-probabilities are in nats; the direction
//     of a KL is part of its name.
package model
