"""Writes tiny random models of every family as an HF directory and as the GGUF file that llama.cpp's converter makes of it.

    gguf_families.py --out DIR [NAME…]

DIR/NAME/                a model directory, drawn as families.py does
DIR/NAME/model.gguf      the same weights under gguf's names: q and k of Llama and SmolLM3 permuted, norms of Gemma plus one,
                         GPT-2's matrices transposed, q, k and v of GPT-NeoX's heads taken apart, experts stacked

Configs keep to what a GGUF file can say. Names come from the gguf package's own map, so that a mistake in agar's is seen.
"""
import argparse, os, sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import families
from families import BASE, GEMMA, GPT2, LLAMA3, MOE, NEOX, ORIGINAL, SWA, WINDOW, rope

import gguf, numpy as np
from safetensors.numpy import load_file

FACTORS = dict(short_factor=[1.0, 1.25, 1.5, 2.0], long_factor=[1.5, 3.0, 6.0, 12.0])
DEEP = ["sliding_attention"] * 5 + ["full_attention"]

# name → (general.architecture, families.py's architecture, config)
VARIANTS = {
    "llama": ("llama", "Llama", dict(BASE, attention_bias=True, **LLAMA3)),
    "llama-linear": ("llama", "Llama", dict(BASE, tie_word_embeddings=True, **rope("linear", factor=4.0))),
    "qwen2": ("qwen2", "Qwen2", dict(BASE, **rope("yarn", 300.0, factor=4.0, original_max_position_embeddings=ORIGINAL))),
    "qwen3": ("qwen3", "Qwen3", dict(BASE, head_dim=16, **rope())),
    "qwen3moe": ("qwen3moe", "Qwen3Moe", dict(MOE, **rope())),
    "gemma": ("gemma", "Gemma", dict(GEMMA, hidden_act="gelu_pytorch_tanh", **rope())),
    "gemma2": ("gemma2", "Gemma2", dict(GEMMA, num_hidden_layers=4, sliding_window=WINDOW, query_pre_attn_scalar=16, attn_logit_softcapping=3.0,
                                        final_logit_softcapping=4.0, **rope())),
    "gemma3": ("gemma3", "Gemma3Text", dict(GEMMA, num_hidden_layers=6, sliding_window=WINDOW, query_pre_attn_scalar=16, layer_types=DEEP, rope_parameters=dict(
        sliding_attention=dict(rope_type="default", rope_theta=10000.0), full_attention=dict(rope_type="linear", rope_theta=2000.0, factor=8.0)))),
    "phi3": ("phi3", "Phi3", dict(BASE, sliding_window=None, original_max_position_embeddings=ORIGINAL, **rope("longrope", 300.0, **FACTORS))),
    "phi3-window": ("phi3", "Phi3", dict(BASE, sliding_window=WINDOW, tie_word_embeddings=True, **rope(partial_rotary_factor=0.5))),
    "smollm3": ("smollm3", "SmolLM3", dict(BASE, num_hidden_layers=4, no_rope_layer_interval=4, tie_word_embeddings=True, **rope())),
    "olmo2": ("olmo2", "Olmo2", dict(BASE, **rope())),
    "gpt2": ("gpt2", "GPT2", dict(GPT2)),
    "gptneox": ("gptneox", "GPTNeoX", dict(NEOX, use_parallel_residual=True, **rope(theta=10000.0, partial_rotary_factor=0.25))),
    "gptneox-sequential": ("gptneox", "GPTNeoX", dict(NEOX, use_parallel_residual=False, **rope(theta=10000.0, partial_rotary_factor=1.0))),
}


def permute(x, heads):
    """llama.cpp's order of the rows of q and k: the two halves of a head interleaved."""
    return x.reshape(heads, 2, x.shape[0] // heads // 2, *x.shape[1:]).swapaxes(1, 2).reshape(x.shape)


def converted(arch, c, name, x):
    """Names and values that the converter makes of a tensor."""
    heads = c.num_attention_heads
    kv = getattr(c, "num_key_value_heads", heads)
    if arch in ("llama", "smollm3") and ".q_proj." in name:
        x = permute(x, heads)
    if arch in ("llama", "smollm3") and ".k_proj." in name:
        x = permute(x, kv)
    if arch.startswith("gemma") and name.endswith("norm.weight"):
        x = x + 1
    if arch == "gpt2" and x.ndim == 2 and ".c_" in name:
        x = x.T
    if arch == "gptneox" and "query_key_value" in name:
        x = x.reshape(heads, 3, x.shape[0] // heads // 3, *x.shape[1:]).swapaxes(0, 1).reshape(x.shape)
    return name, np.ascontiguousarray(x)


def stacked(tensors, layers, experts):
    """The experts of every block as three tensors."""
    for l in range(layers):
        for p in ("gate", "up", "down"):
            at = f"model.layers.{l}.mlp.experts"
            tensors[f"{at}.{p}_proj.weight"] = np.stack([tensors.pop(f"{at}.{e}.{p}_proj.weight") for e in range(experts)])


def rope_keys(w, arch, c, dh):
    params = dict(getattr(c, "rope_parameters", None) or {})
    if arch == "gemma3":
        params = params["full_attention"]
    if not params:
        return {}
    if arch != "gptneox":
        w.add_rope_freq_base(params["rope_theta"])
    w.add_rope_dimension_count(int(dh * params.get("partial_rotary_factor", 1.0)))
    kind = params["rope_type"]
    if kind in ("linear", "yarn"):
        w.add_rope_scaling_type(gguf.RopeScalingType(kind))
        w.add_rope_scaling_factor(params["factor"])
    if kind in ("yarn", "longrope"):
        w.add_rope_scaling_orig_ctx_len(params["original_max_position_embeddings"])
    if kind == "longrope":
        scale = c.max_position_embeddings / params["original_max_position_embeddings"]
        w.add_rope_scaling_attn_factors(float(np.sqrt(1 + np.log(scale) / np.log(params["original_max_position_embeddings"]))))
        return {f"rope_factors_{k}.weight": np.array(params[k + "_factor"], np.float32) for k in ("long", "short")}
    if kind == "llama3":
        from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS
        plain = params["rope_theta"] ** -(np.arange(0, dh, 2, dtype=np.float32) / np.float32(dh))
        return {"rope_freqs.weight": (plain / ROPE_INIT_FUNCTIONS["llama3"](c, "cpu")[0].numpy()).astype(np.float32)}
    return {}


def metadata(w, arch, c):
    heads = c.num_attention_heads
    dh = getattr(c, "head_dim", None) or c.hidden_size // heads
    w.add_name("tiny")
    w.add_context_length(c.max_position_embeddings)
    w.add_embedding_length(c.hidden_size)
    w.add_block_count(c.num_hidden_layers)
    w.add_feed_forward_length((c.n_inner or 4 * c.n_embd) if arch == "gpt2" else c.intermediate_size)
    w.add_head_count(heads)
    if arch in ("gpt2", "gptneox"):
        w.add_layer_norm_eps(c.layer_norm_epsilon if arch == "gpt2" else c.layer_norm_eps)
    else:
        w.add_head_count_kv(c.num_key_value_heads)
        w.add_layer_norm_rms_eps(c.rms_norm_eps)
        w.add_vocab_size(c.vocab_size)
    if getattr(c, "head_dim", None):
        w.add_key_length(dh)
        w.add_value_length(dh)
    if arch == "gptneox":
        w.add_parallel_residual(c.use_parallel_residual)
    if arch == "gemma2":
        w.add_attn_logit_softcapping(c.attn_logit_softcapping)
        w.add_final_logit_softcapping(c.final_logit_softcapping)
    if arch in ("gemma2", "gemma3", "phi3"):
        w.add_sliding_window(c.sliding_window or 0)
    if arch == "qwen3moe":
        w.add_expert_count(c.num_experts)
        w.add_expert_used_count(c.num_experts_per_tok)
        w.add_expert_feed_forward_length(c.moe_intermediate_size)
    return rope_keys(w, arch, c, dh)


def tokens(w, n):
    names = ["<s>", "</s>"] + [chr(33 + i) for i in range(n - 3)] + ["AB"]
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre("smollm")
    w.add_token_list(names)
    w.add_token_types([gguf.TokenType.CONTROL] * 2 + [gguf.TokenType.NORMAL] * (n - 2))
    w.add_token_merges(["A B"])
    w.add_bos_token_id(0)
    w.add_eos_token_id(1)


def write(folder, arch, model):
    c = model.config
    w = gguf.GGUFWriter(os.path.join(folder, "model.gguf"), arch)
    extra = metadata(w, arch, c)
    tokens(w, c.vocab_size)
    tensors = load_file(os.path.join(folder, "model.safetensors"))
    if arch == "qwen3moe":
        stacked(tensors, c.num_hidden_layers, c.num_experts)
    names = gguf.get_tensor_name_map(next(k for k, v in gguf.MODEL_ARCH_NAMES.items() if v == arch), c.num_hidden_layers)
    for name, x in tensors.items():
        name, x = converted(arch, c, name, x)
        w.add_tensor(names.get_name(name, try_suffixes=(".weight", ".bias")), x)
    for name, x in extra.items():
        w.add_tensor(name, x)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--out", required=True)
    p.add_argument("names", nargs="*")
    a = p.parse_args()
    for name in a.names or VARIANTS:
        arch, hf, config = VARIANTS[name]
        families.VARIANTS[name] = (hf, config)
        folder = os.path.join(a.out, name)
        os.makedirs(a.out, exist_ok=True)
        write(folder, arch, families.build(folder, name)[0])
        print(name, flush=True)


if __name__ == "__main__":
    main()
