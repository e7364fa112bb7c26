"""Makes tiny random models of every family and variant, adapters of every kind on them, and dumps what transformers and PEFT compute.

    families.py --out DIR [--golden DIR] [NAME…]

DIR/NAME/                    a model directory: config.json, model.safetensors, tokenizer.json
DIR/NAME/ADAPTER/            a PEFT adapter directory
DIR/NAME/dump.safetensors    the format of model/parity: all hooks and logits of some rows of each case
GOLDEN/NAME/config.json      what the Go tests need to make the same directory without Python …
GOLDEN/NAME/tensors.json     … and a few rows of a few hooks, dump.safetensors

No tensor is stored in GOLDEN: element i of the tensor NAME is

    center + scale·k/64,   k = (splitmix64(fnv1a64(NAME) + i·0x9E3779B97F4A7C15) >> 57) − 64

with a power of two as scale, so that float32, float16 and bfloat16 hold the same value. tensors.json lists [name, shape, center,
scale], * standing for every block. Every parameter is drawn, norms and biases too. Short cases are longer than the windows and
original contexts, long ones reach beyond position 2,000; the script stops when attention or final logits stay within a softcap.
"""
import argparse, json, os, re, shutil, sys, time

HERE = os.path.dirname(os.path.abspath(__file__))
os.environ.update(HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false", CUDA_VISIBLE_DEVICES="")
sys.path.insert(0, os.path.join(HERE, "..", "model", "parity"))
import numpy as np, torch
import transformers
from safetensors import safe_open
from safetensors.torch import save_file
from reference import Dump, Taps

VOCAB, SHORT, LONG, WINDOW, ORIGINAL, GREEDY = 64, 48, 2100, 8, 16, 12
SHORT_ROWS = [0, 1, WINDOW - 1, WINDOW, ORIGINAL - 1, ORIGINAL, 2 * ORIGINAL, SHORT - 1]
LONG_ROWS = [511, 2001, LONG - 1]

# --- variants

BASE = dict(vocab_size=VOCAB, hidden_size=32, intermediate_size=48, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2,
            max_position_embeddings=4096, bos_token_id=0, eos_token_id=1, pad_token_id=None, rms_norm_eps=1e-2, tie_word_embeddings=False)


def rope(kind="default", theta=100.0, **kw):
    return dict(rope_parameters=dict(rope_type=kind, rope_theta=theta, **kw))


LLAMA3 = rope("llama3", 300.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=ORIGINAL)
YARN = rope("yarn", 30.0, factor=4.0, original_max_position_embeddings=512)
FACTORS = dict(short_factor=[1.0, 1.25, 1.5, 2.0], long_factor=[1.5, 3.0, 6.0, 12.0])
GEMMA = dict(BASE, head_dim=16, tie_word_embeddings=True, hidden_activation="gelu_pytorch_tanh")
CAPS = dict(attn_logit_softcapping=3.0, final_logit_softcapping=4.0)
GPT2 = dict(vocab_size=VOCAB, n_embd=32, n_layer=3, n_head=4, n_positions=2304, bos_token_id=0, eos_token_id=1, layer_norm_epsilon=1e-2)
NEOX = dict({k: v for k, v in BASE.items() if k not in ("num_key_value_heads", "num_attention_heads", "rms_norm_eps")}, num_attention_heads=2,
            layer_norm_eps=1e-2, hidden_act="gelu")
MOE = dict(BASE, head_dim=16, num_experts=5, num_experts_per_tok=2, moe_intermediate_size=24, norm_topk_prob=True)
SWA = ["sliding_attention", "full_attention"]

# name → (architecture, config[, how config.json is written on hubs: {key: value}, None deletes[, scales of tensors]])
VARIANTS = {
    "llama": ("Llama", dict(BASE, **rope())),
    "llama-mha": ("Llama", dict(BASE, num_key_value_heads=4, **rope(theta=10000.0))),
    "llama-tied": ("Llama", dict(BASE, tie_word_embeddings=True, **rope())),
    "llama-head-dim": ("Llama", dict(BASE, head_dim=16, num_key_value_heads=1, **rope())),
    "llama-biases": ("Llama", dict(BASE, attention_bias=True, mlp_bias=True, **rope())),
    "llama-linear": ("Llama", dict(BASE, **rope("linear", factor=4.0))),
    "llama-dynamic": ("Llama", dict(BASE, **rope("dynamic", factor=4.0), max_position_embeddings=2 * ORIGINAL)),
    "llama-yarn": ("Llama", dict(BASE, head_dim=16, **YARN)),
    "llama-yarn-all": ("Llama", dict(BASE, head_dim=16, **rope("yarn", 30.0, factor=8.0, original_max_position_embeddings=64, beta_fast=4.0, beta_slow=1.5,
                                                               mscale=0.8, mscale_all_dim=0.5, truncate=False))),
    "llama-yarn-factor": ("Llama", dict(BASE, head_dim=16, **rope("yarn", 30.0, factor=8.0, original_max_position_embeddings=512, attention_factor=1.3))),
    "llama-longrope": ("Llama", dict(BASE, **rope("longrope", 300.0, original_max_position_embeddings=ORIGINAL, factor=8.0, **FACTORS))),
    "llama3": ("Llama", dict(BASE, **LLAMA3)),
    "llama3-hub": ("Llama", dict(BASE, **LLAMA3), dict(rope_parameters=None, dtype=None, torch_dtype="float32", rope_theta=300.0, rope_scaling=dict(
        rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=ORIGINAL))),
    "llama-linear-hub": ("Llama", dict(BASE, **rope("linear", factor=4.0)), dict(rope_parameters=None, rope_theta=100.0, rope_scaling=dict(type="linear", factor=4.0))),
    "mistral": ("Mistral", dict(BASE, sliding_window=WINDOW, **rope())),
    "mistral-full": ("Mistral", dict(BASE, sliding_window=None, head_dim=16, **rope())),
    "qwen2": ("Qwen2", dict(BASE, **rope())),
    "qwen2-window": ("Qwen2", dict(BASE, use_sliding_window=True, sliding_window=WINDOW, max_window_layers=1, **rope())),
    "qwen2-yarn": ("Qwen2", dict(BASE, tie_word_embeddings=True, **YARN)),
    "qwen2-hub": ("Qwen2", dict(BASE, sliding_window=WINDOW, **rope()), dict(rope_parameters=None, rope_theta=100.0, layer_types=None, sliding_window=WINDOW,
                                                                            use_sliding_window=False, max_window_layers=2)),
    "qwen3": ("Qwen3", dict(BASE, head_dim=16, **rope())),
    "qwen3-window": ("Qwen3", dict(BASE, head_dim=16, attention_bias=True, use_sliding_window=True, sliding_window=WINDOW, max_window_layers=2, tie_word_embeddings=True, **rope())),
    "gemma": ("Gemma", dict(GEMMA, hidden_act="gelu_pytorch_tanh", **rope())),
    "gemma-hub": ("Gemma", dict(GEMMA, hidden_act="gelu_pytorch_tanh", **rope()), dict(rope_parameters=None, rope_theta=100.0, hidden_act="gelu", hidden_activation=None)),
    "gemma2": ("Gemma2", dict(GEMMA, num_hidden_layers=4, sliding_window=WINDOW, query_pre_attn_scalar=10, **CAPS, **rope())),
    "gemma2-caps": ("Gemma2", dict(GEMMA, num_hidden_layers=2, tie_word_embeddings=False, sliding_window=WINDOW, query_pre_attn_scalar=1, **rope()), {}, {"[qk]_proj": 0.5, "lm_head": 4.0}),
    "gemma2-no-caps": ("Gemma2", dict(GEMMA, sliding_window=WINDOW, query_pre_attn_scalar=16, attn_logit_softcapping=None, final_logit_softcapping=None, **rope())),
    "gemma2-hub": ("Gemma2", dict(GEMMA, num_hidden_layers=4, sliding_window=WINDOW, query_pre_attn_scalar=10, **CAPS, **rope()),
                   dict(rope_parameters=None, rope_theta=100.0, layer_types=None, tie_word_embeddings=None, cache_implementation="hybrid", hidden_act="gelu_pytorch_tanh")),
    "gemma3": ("Gemma3Text", dict(GEMMA, num_hidden_layers=4, sliding_window=WINDOW, query_pre_attn_scalar=10, layer_types=SWA * 2, rope_parameters=dict(
        sliding_attention=dict(rope_type="default", rope_theta=50.0), full_attention=dict(rope_type="linear", rope_theta=2000.0, factor=8.0)))),
    "gemma3-caps": ("Gemma3Text", dict(GEMMA, sliding_window=WINDOW, query_pre_attn_scalar=10, layer_types=["sliding_attention"] * 2 + ["full_attention"], **CAPS,
                                       rope_parameters=dict(sliding_attention=dict(rope_type="default", rope_theta=50.0), full_attention=dict(rope_type="default", rope_theta=2000.0)))),
    "gemma3-hub": ("Gemma3Text", dict(GEMMA, num_hidden_layers=4, sliding_window=WINDOW, query_pre_attn_scalar=10, layer_types=SWA * 2, rope_parameters=dict(
        sliding_attention=dict(rope_type="default", rope_theta=50.0), full_attention=dict(rope_type="linear", rope_theta=2000.0, factor=8.0))),
        dict(rope_parameters=None, layer_types=None, rope_theta=2000.0, rope_local_base_freq=50.0, rope_scaling=dict(rope_type="linear", factor=8.0), sliding_window_pattern=2, _sliding_window_pattern=None)),
    "phi3": ("Phi3", dict(BASE, sliding_window=None, **rope())),
    "phi3-window": ("Phi3", dict(BASE, num_key_value_heads=4, sliding_window=WINDOW, **rope())),
    "phi3-longrope": ("Phi3", dict(BASE, sliding_window=None, original_max_position_embeddings=ORIGINAL, **rope("longrope", 300.0, **FACTORS)), {}, {"qkv_proj": 0.25}),
    "phi3-partial": ("Phi3", dict(BASE, sliding_window=None, original_max_position_embeddings=ORIGINAL, tie_word_embeddings=True, **rope(
        "longrope", 300.0, partial_rotary_factor=0.5, short_factor=[1.0, 1.5], long_factor=[1.5, 6.0])), {}, {"qkv_proj": 0.25}),
    "phi3-hub": ("Phi3", dict(BASE, sliding_window=None, original_max_position_embeddings=ORIGINAL, **rope("longrope", 300.0, **FACTORS)),
                 dict(rope_parameters=None, rope_theta=300.0, rope_scaling=dict(type="longrope", **FACTORS)), {"qkv_proj": 0.25}),
    "smollm3": ("SmolLM3", dict(BASE, num_hidden_layers=4, no_rope_layers=[1, 0, 1, 0], tie_word_embeddings=True, **rope())),
    "smollm3-interval": ("SmolLM3", dict(BASE, num_hidden_layers=4, no_rope_layer_interval=3, attention_bias=True, mlp_bias=True, **rope())),
    "smollm3-window": ("SmolLM3", dict(BASE, num_hidden_layers=4, no_rope_layer_interval=2, use_sliding_window=True, sliding_window=WINDOW, **rope())),
    "olmo2": ("Olmo2", dict(BASE, **rope())),
    "olmo2-bias": ("Olmo2", dict(BASE, attention_bias=True, num_key_value_heads=4, tie_word_embeddings=True, **rope("linear", factor=2.0))),
    "gpt2": ("GPT2", dict(GPT2)),
    "gpt2-inverse": ("GPT2", dict(GPT2, n_inner=40, scale_attn_by_inverse_layer_idx=True, activation_function="gelu")),
    "gpt2-reorder": ("GPT2", dict(GPT2, scale_attn_by_inverse_layer_idx=True, reorder_and_upcast_attn=True)),
    "gpt2-unscaled": ("GPT2", dict(GPT2, scale_attn_weights=False, tie_word_embeddings=False, activation_function="relu"), {}, {"attn.c_attn.weight": 0.125}),
    "neox": ("GPTNeoX", dict(NEOX, use_parallel_residual=True, **rope(partial_rotary_factor=0.25))),
    "neox-sequential": ("GPTNeoX", dict(NEOX, use_parallel_residual=False, tie_word_embeddings=True, hidden_act="gelu_new", **rope(partial_rotary_factor=1.0))),
    "neox-no-bias": ("GPTNeoX", dict(NEOX, attention_bias=False, **rope(partial_rotary_factor=0.5))),
    "neox-hub": ("GPTNeoX", dict(NEOX, use_parallel_residual=True, **rope(partial_rotary_factor=0.25)),
                 dict(rope_parameters=None, rotary_pct=0.25, rotary_emb_base=100)),
    "qwen3-moe": ("Qwen3Moe", dict(MOE, **rope())),
    "qwen3-moe-mixed": ("Qwen3Moe", dict(MOE, num_hidden_layers=4, norm_topk_prob=False, mlp_only_layers=[1], num_experts_per_tok=3, tie_word_embeddings=True, **rope())),
    "qwen3-moe-sparse": ("Qwen3Moe", dict(MOE, decoder_sparse_step=2, use_sliding_window=True, sliding_window=WINDOW, max_window_layers=1, **rope())),
}

# --- drawing


def draw(name, shape, center, scale):
    """The tensor of that name, as the head of this file says."""
    key = 0xCBF29CE484222325
    for b in name.encode():
        key = (key ^ b) * 0x100000001B3 % 2**64
    with np.errstate(over="ignore"):
        z = np.uint64(key) + (np.arange(int(np.prod(shape)), dtype=np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    k = (z >> np.uint64(57)).astype(np.float32) - 64
    return torch.from_numpy((np.float32(center) + np.float32(scale) * k / np.float32(64)).reshape(shape))


def spread(arch, name, shape, scales):
    """Center and scale of a tensor: norms around 1, matrices such that no activation dies and attention is uneven but not saturated."""
    for pattern, scale in scales.items():
        if re.search(pattern, name):
            return 0.0, scale
    power = lambda gain, n: 2.0 ** round(np.log2(gain * (3.0 / n) ** 0.5))
    if name.endswith(".bias") or "lora_bias" in name or name.endswith("lora_B.bias"):
        return 0.0, 0.5
    if "lora_magnitude_vector" in name:
        return 1.0, 0.5
    if len(shape) == 1:
        if arch.startswith("Gemma"):
            return (0.5 if re.search("[qk]_norm", name) else 0.0), 0.5
        return (1.5 if re.search("[qk]_norm", name) else 1.0), 0.5
    if "lora_" in name:
        return 0.0, power(0.5, shape[1])
    if re.search("wpe|wte|embed_(tokens|in)", name):
        return 0.0, 0.5 if arch.startswith("Gemma") else 1.0
    fan_in = shape[0] if arch == "GPT2" and "c_" in name else shape[1]
    return 0.0, power(2.0 if re.search("q_proj|qkv_proj|c_attn|query_key_value|mlp.gate.weight|lm_head|embed_out", name) else 1.0, fan_in)


def redraw(path, arch, scales):
    """Overwrites a safetensors file with drawn values of the same names and shapes; gives [name, shape, center, scale] of each."""
    with safe_open(path, "pt") as f:
        shapes, meta = {n: f.get_slice(n).get_shape() for n in f.keys()}, f.metadata()
    rows = [[n, list(s), *map(float, spread(arch, n, s, scales))] for n, s in sorted(shapes.items())]
    save_file({r[0]: draw(*r) for r in rows}, path, meta)
    return rows


def folded(rows, layers):
    """The rows with * for the number of a block where every block has such a tensor."""
    star = lambda n: re.sub(r"\b(layers|h)\.\d+\.", r"\1.*.", n)
    count = {}
    for r in rows:
        count[json.dumps([star(r[0]), *r[1:]])] = count.get(json.dumps([star(r[0]), *r[1:]]), 0) + 1
    out = [[star(r[0]), *r[1:]] if count[json.dumps([star(r[0]), *r[1:]])] == layers else r for r in rows]
    return [json.loads(s) for s in dict.fromkeys(json.dumps(r) for r in out)]


def token_ids(name, n):
    """0 and n−1 ids from 2 on, drawn like a tensor called NAME."""
    return [0] + [2 + int(64 + 64 * v) % (VOCAB - 2) for v in draw(name, [n - 1], 0.0, 1.0)]


# --- models


def rewrite(path, change):
    with open(path) as f:
        c = json.load(f)
    change(c)
    with open(path, "w") as f:
        json.dump(c, f, indent=1, sort_keys=True)
        f.write("\n")


def build(out, name):
    """Writes the model directory and opens it; gives the model and its list of tensors."""
    arch, config, hub, scales = (*VARIANTS[name], {}, {})[:4]
    c = getattr(transformers, arch + "Config")(attn_implementation="eager", **config)
    cls = getattr(transformers, arch.replace("Text", "") + ("LMHeadModel" if arch == "GPT2" else "ForCausalLM"))
    shutil.rmtree(out, ignore_errors=True)
    cls(c).save_pretrained(out)
    os.path.exists(os.path.join(out, "generation_config.json")) and os.remove(os.path.join(out, "generation_config.json"))
    shutil.copy(os.path.join(HERE, "..", "model", "testdata", "tied", "tokenizer.json"), out)
    rows = redraw(os.path.join(out, "model.safetensors"), arch, scales)

    def finish(c):
        c["_name_or_path"] = "tiny/" + name
        for k, v in hub.items():
            c.pop(k, None) if v is None else c.update({k: v})

    rewrite(os.path.join(out, "config.json"), finish)
    m, info = cls.from_pretrained(out, dtype=torch.float32, attn_implementation="eager", output_loading_info=True)
    assert not any(info.values()), info
    if hub:
        same(c, m.config, name)
    return m.eval(), rows


def same(a, b, name):
    """Stops when the hub's way of writing a config does not mean the config that the variant describes."""
    skip = {"_name_or_path", "transformers_version", "dtype", "architectures", "cache_implementation", "sliding_window_pattern", "hidden_act"}
    a, b = a.to_dict(), b.to_dict()
    diff = {k: (a.get(k), b.get(k)) for k in a if k not in skip and a.get(k) != b.get(k)}
    if diff:
        print(f"  {name}: config differs after the hub's form: {diff}", flush=True)


def exact_attention(module, q, k, v, mask, scaling=None, softcap=None, **kw):
    """Another attention kernel: scores, softmax and mix in float64, some queries at a time."""
    group, step, z, pattern = q.shape[1] // k.shape[1], 256, [], torch.zeros(mask.shape[0], q.shape[1], *mask.shape[2:])
    k, v = k.double().repeat_interleave(group, 1), v.double().repeat_interleave(group, 1)
    for i in range(0, q.shape[2], step):
        n = i + step
        s = q[:, :, i:n].double() @ k[:, :, :n].transpose(2, 3) * scaling
        if softcap:
            s = softcap * torch.tanh(s / softcap)
        p = (s + mask[:, :, i:n, :n].double()).softmax(-1)
        z.append(p @ v[:, :, :n])
        pattern[:, :, i:n, :n] = p
    return torch.cat(z, 2).transpose(1, 2).contiguous().to(q.dtype), pattern


def worst(a, b):
    a, b = a.flatten(1), b.flatten(1)
    a, b = a.masked_fill(b == -np.inf, 0), b.masked_fill(b == -np.inf, 0)
    return float(((a - b).norm(dim=-1) / b.norm(dim=-1).clamp_min(1e-30)).max())


class Scores:
    """The largest attention logit before any cap."""

    def __init__(self, model):
        self.top, home = 0.0, sys.modules[type(getattr(model.model.layers[0], "self_attn")).__module__]
        self.home, self.eager = home, home.eager_attention_forward

    def __enter__(self):
        def look(module, q, k, v, mask, scaling=None, **kw):
            g = q.shape[1] // k.shape[1]
            self.top = max(self.top, float((q @ k.repeat_interleave(g, 1).transpose(2, 3) * scaling).abs().max()))
            return self.eager(module, q, k, v, mask, scaling=scaling, **kw)

        self.home.eager_attention_forward = look
        return self

    def __exit__(self, *exc):
        self.home.eager_attention_forward = self.eager


@torch.no_grad()
def exceeds_caps(m, ids):
    c = m.config
    attn, final = getattr(c, "attn_logit_softcapping", None), getattr(c, "final_logit_softcapping", None)
    if not attn:
        return ""
    c.final_logit_softcapping = None
    with Scores(m) as s:
        top = float(m(torch.tensor([ids])).logits.abs().max())
    c.final_logit_softcapping = final
    assert s.top > attn and top > final, f"attention logits reach {s.top} of {attn}, final ones {top} of {final}"
    return f"  softcaps {attn:g} and {final:g} met by {s.top:.1f} and {top:.1f}"


@torch.no_grad()
def noise(m, ids, rows, got):
    """The worst relative error of a token's vector, of transformers against itself with another attention kernel, and its place."""
    with Taps(m, rows=rows, attention=exact_attention) as again:
        again["logits"] = m(torch.tensor([ids]), use_cache=False).logits[0][rows]
    e, k = max((worst(again[k], got[k]), k) for k in got)
    return [e, k]


def fresh(m):
    """Forgets what dynamic rope scaling kept from longer sequences."""
    r = getattr(m, "model", None) and getattr(m.model, "rotary_emb", None)
    if r is not None and getattr(r, "rope_type", "") == "dynamic":
        r.max_seq_len_cached, r.inv_freq = r.original_max_seq_len, r.original_inv_freq


def variant(out, golden, name):
    t = time.time()
    m, rows = build(out, name)
    short, long = token_ids("short", SHORT), token_ids("long", LONG)
    caps = exceeds_caps(m, short)
    d = Dump(m, "tiny/" + name, out)
    for case, ids, keep in (("short", short, SHORT_ROWS), ("long", long, LONG_ROWS)):
        fresh(m)
        got = d.case(case, ids, keep)
        fresh(m)
        d.cases[-1]["noise"] = noise(m, ids, keep, got)
    fresh(m)
    greedy(d, m)
    d.save(os.path.join(out, "dump.safetensors"))
    if golden:
        keep_golden(d, out, golden, name, rows, m.config.num_hidden_layers)
    n = [c.get("noise") for c in d.cases if c.get("noise")]
    print(f"{time.time() - t:5.1f} s  {name:20s} noise {max(n)[0]:.1e} at {max(n)[1]}{caps}", flush=True)


def greedy(d, m):
    """A prompt whose continuation is no coin toss."""
    for i in range(20):
        ids = token_ids(f"greedy{i}", GREEDY)
        tokens, margins = d.greedy(m, torch.tensor([ids]), GREEDY)
        if min(margins) > 0.02:
            return d.case("greedy", ids, [GREEDY - 1], names=["ln_final.hook_normalized"], greedy=GREEDY)
    raise SystemExit("found no prompt with a clear continuation")


def keep_golden(d, out, golden, name, tensors, layers):
    to = os.path.join(golden, name)
    shutil.rmtree(to, ignore_errors=True)
    os.makedirs(to)
    shutil.copy(os.path.join(out, "config.json"), to)
    with open(os.path.join(to, "tensors.json"), "w") as f:
        f.write("[\n" + ",\n".join(json.dumps(r) for r in folded(tensors, layers)) + "\n]\n")
    g = Dump.__new__(Dump)
    hooks = [f"blocks.{layers - 1}.hook_resid_post"]
    if name == "smollm3-interval":  # where nothing rotates, a bias of k changes scores by the same for every key
        hooks.append("blocks.2.attn.hook_k")
    rows = SHORT_ROWS if "moe" in name else [WINDOW, SHORT - 1]  # so many that every expert of the last block has some
    g.about, g.tensors, g.cases = d.about, {}, []
    for c in d.cases:
        if c["name"] == "short":
            at = [c["rows"].index(r) for r in rows]
            g.cases.append(dict(c, rows=rows, hooks=hooks))
            for h in hooks + ["logits"]:
                g.tensors[f"short/{h}"] = d.tensors[f"short/{h}"][at].contiguous()
        if c["name"] == "greedy":
            g.cases.append(dict(c, hooks=[]))
            g.tensors["greedy/logits"] = d.tensors["greedy/logits"]
    g.save(os.path.join(to, "dump.safetensors"))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--out", required=True)
    p.add_argument("--golden")
    p.add_argument("names", nargs="*")
    args = p.parse_args()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", 2)))
    torch.set_grad_enabled(False)
    transformers.utils.logging.disable_progress_bar()
    for name in args.names or VARIANTS:
        variant(os.path.join(args.out, name), args.golden, name)


if __name__ == "__main__":
    main()
