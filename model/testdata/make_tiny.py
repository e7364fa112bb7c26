"""Writes tiny random Llama models, PEFT adapters on them, and what transformers and PEFT compute with them.

    make_tiny.py            (in an environment with the packages of .ci/oracles.txt)

Beside this script:

NAME/                     a model as transformers saves it; every parameter redrawn, norms too
NAME/*.gguf               the same model as llama.cpp's converter would store it (rows of q and k permuted)
NAME/r1, NAME/r4          adapters: rank 1 on one down_proj; rank 4 (rslora, patterns) on all projections
NAME/dump.safetensors     the format of model/parity; adapters are directories inside NAME

The greedy continuation does not stop at end tokens. Files come out the same every time.
"""
import json, os, shutil, sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "parity"), os.path.join(HERE, "..", "..", ".ci")]
from oracle import MODULES, RESID, adapted, divergences  # sets the environment before torch is imported
from reference import Dump
import gguf, numpy as np, torch
from peft import LoraConfig, get_peft_model
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

VOCAB = 64
CHAT = ("{{ bos_token }}{% for m in messages %}{{ m['role'] }} : {{ m['content'] }} {{ eos_token }} {% endfor %}"
        "{% if add_generation_prompt %}assistant : {% endif %}")
VARIANTS = {
    "tied": dict(dtype=torch.float32, num_hidden_layers=3, hidden_size=32, intermediate_size=48, num_attention_heads=4, num_key_value_heads=2,
                 tie_word_embeddings=True, rope_parameters={"rope_type": "default", "rope_theta": 500.0}, rms_norm_eps=1e-2),
    "llama3": dict(dtype=torch.float16, num_hidden_layers=2, hidden_size=24, intermediate_size=40, num_attention_heads=4, num_key_value_heads=1,
                   head_dim=16, tie_word_embeddings=False, rms_norm_eps=1e-5,
                   rope_parameters={"rope_type": "llama3", "rope_theta": 300.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                                    "original_max_position_embeddings": 48}),
    "sharded": dict(dtype=torch.bfloat16, num_hidden_layers=2, hidden_size=32, intermediate_size=64, num_attention_heads=4, num_key_value_heads=4,
                    tie_word_embeddings=False, rms_norm_eps=1e-5, rope_parameters={"rope_type": "default", "rope_theta": 10000.0}),
}


def redraw(params, seed):
    """Draws every parameter anew: norms around 1, matrices so that no activation dies and attention is uneven but not saturated."""
    g = torch.Generator().manual_seed(seed)
    for name, p in sorted(params):
        if p.dim() == 1:
            p.data = 0.5 + torch.rand(p.shape, generator=g)
        else:
            gain = 0.4 if "lora_" in name else 2.0 if "q_proj" in name or "k_proj" in name else 1.0
            p.data = torch.randn(p.shape, generator=g) * gain / p.shape[1] ** 0.5


def tokenizer():
    words = ["<s>", "</s>", "<unk>", ":", "user", "assistant"] + [f"w{i}" for i in range(6, VOCAB)]
    t = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="<unk>"))
    t.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    t.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    t.add_special_tokens(["<s>", "</s>", "<unk>"])
    return PreTrainedTokenizerFast(tokenizer_object=t, bos_token="<s>", eos_token="</s>", unk_token="<unk>", chat_template=CHAT)


def build(name, opt, seed):
    out = os.path.join(HERE, name)
    shutil.rmtree(out, ignore_errors=True)
    dtype = opt.pop("dtype")
    cfg = LlamaConfig(vocab_size=VOCAB, max_position_embeddings=256, bos_token_id=0, eos_token_id=1, attn_implementation="eager", **opt)
    m = LlamaForCausalLM(cfg).eval()
    redraw(m.named_parameters(), seed)
    m.tie_weights()
    m.to(dtype).save_pretrained(out, **({"max_shard_size": "20KB"} if name == "sharded" else {}))
    tokenizer().save_pretrained(out)
    path = os.path.join(out, "config.json")
    with open(path) as f:
        c = json.load(f)
    c["_name_or_path"] = "tiny/" + name
    with open(path, "w") as f:
        json.dump(c, f, indent=2, sort_keys=True)
    return out, LlamaForCausalLM.from_pretrained(out, dtype=torch.float32, attn_implementation="eager").eval()


def adapter(out, name, seed, **kw):
    """Saves an adapter with redrawn factors under out/name."""
    base = LlamaForCausalLM.from_pretrained(out, dtype=torch.float32)
    p = get_peft_model(base, LoraConfig(task_type="CAUSAL_LM", **kw))
    redraw([(n, q) for n, q in p.named_parameters() if "lora_" in n], seed)
    dst = os.path.join(out, name)
    p.save_pretrained(dst)
    os.remove(os.path.join(dst, "README.md"))
    path = os.path.join(dst, "adapter_config.json")
    with open(path) as f:
        c = json.load(f)
    c["base_model_name_or_path"] = "tiny/" + os.path.basename(out)
    c["target_modules"] = sorted(c["target_modules"])
    with open(path, "w") as f:
        json.dump(c, f, indent=2, sort_keys=True)


def adapters(out, layers):
    adapter(out, "r1", 11, r=1, lora_alpha=3, target_modules=["down_proj"], layers_to_transform=[1])
    adapter(out, "r4", 12, r=4, lora_alpha=6, use_rslora=True, target_modules=[m.split(".")[1] for m in MODULES],
            rank_pattern={"down_proj": 2, "layers.0.self_attn.q_proj": 9}, alpha_pattern={"o_proj": 5, "layers.1.mlp.up_proj": 2})


def hooks(layers, kinds):
    return [f"blocks.{l}.{k}" for l in layers for k in kinds]


def dump(out, base):
    g = np.random.default_rng(5)
    ids = lambda n: [0] + g.integers(2, VOCAB, n - 1).tolist()
    n = base.config.num_hidden_layers
    every = ["hook_embed"] + hooks(range(n), RESID)
    d = Dump(base, "tiny/" + os.path.basename(out), out)

    def case(name, ids, names, adapter=None, lam=1.0, rows=None, greedy=0):
        """A case, with an adapter at λ; a greedy token that is nearly a tie would make the test a coin toss."""
        more, m = {}, base
        if adapter:
            x = torch.tensor([ids])
            before = base(x).logits[0]
            m, more = adapted(base, os.path.join(out, adapter), lam)
            more["adapters"][0]["name"] = adapter
            more["kl"] = divergences(m(x).logits[0], before)
        d.case(name, ids, list(range(*(rows or [0, len(ids)]))), names, m, greedy=greedy, **more)
        assert not greedy or min(d.cases[-1]["margins"]) > 1e-4
        if adapter:
            m.unload()

    case("base", ids(7), every, greedy=16)
    case("base-long", ids(200), hooks([n - 1], ["hook_resid_post"]), rows=[196, 200])
    if os.path.exists(os.path.join(out, "r1")):
        x = ids(5)
        lora = ["lora.hook_a", "lora.hook_delta"]
        for lam in (0.0, 1.0, 2.5):
            case(f"r1-lambda-{lam:g}", x, hooks([1], RESID + [f"mlp.down_proj.{k}" for k in lora]), "r1", lam)
            case(f"r4-lambda-{lam:g}", x, hooks([n - 1], RESID[2:]) + hooks([0, 1], [f"{p}.{k}" for p in MODULES for k in lora]), "r4", lam)
        case("r4-greedy", x, hooks([n - 1], ["hook_resid_post"]), "r4", greedy=16)
    d.save(os.path.join(out, "dump.safetensors"))


GGUF_NAMES = {"self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
              "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
              "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm"}


def write_gguf(out, base):
    """The model as llama.cpp's converter stores it, matrices in bfloat16, which the variant was stored in."""
    c, w = base.config, gguf.GGUFWriter(os.path.join(out, "model.gguf"), "llama")
    w.add_name("tiny " + os.path.basename(out))
    w.add_block_count(c.num_hidden_layers), w.add_embedding_length(c.hidden_size), w.add_feed_forward_length(c.intermediate_size)
    w.add_head_count(c.num_attention_heads), w.add_head_count_kv(c.num_key_value_heads), w.add_context_length(c.max_position_embeddings)
    w.add_layer_norm_rms_eps(c.rms_norm_eps), w.add_rope_freq_base(c.rope_parameters["rope_theta"]), w.add_vocab_size(VOCAB)
    w.add_key_length(c.head_dim), w.add_value_length(c.head_dim), w.add_rope_dimension_count(c.head_dim)
    tokens = ["<s>", "</s>", "<unk>"] + [chr(33 + i) for i in range(VOCAB - 4)] + ["AB"]
    w.add_tokenizer_model("gpt2"), w.add_tokenizer_pre("smollm"), w.add_token_list(tokens), w.add_token_merges(["A B"])
    w.add_token_types([3] * 3 + [1] * (VOCAB - 3)), w.add_bos_token_id(0), w.add_eos_token_id(1)
    sd = {k: v.numpy() for k, v in base.state_dict().items()}
    put = lambda name, x: w.add_tensor(name, x.astype(np.float32) if x.ndim == 1 else gguf.quants.quantize(x, gguf.GGMLQuantizationType.BF16),
                                       raw_dtype=None if x.ndim == 1 else gguf.GGMLQuantizationType.BF16)
    put("token_embd.weight", sd["model.embed_tokens.weight"]), put("output.weight", sd["lm_head.weight"]), put("output_norm.weight", sd["model.norm.weight"])
    for l in range(c.num_hidden_layers):
        for hf, gg in GGUF_NAMES.items():
            x = sd[f"model.layers.{l}.{hf}.weight"]
            if hf.endswith(("q_proj", "k_proj")):
                heads = c.num_attention_heads if "q_proj" in hf else c.num_key_value_heads
                x = np.ascontiguousarray(x.reshape(heads, 2, x.shape[0] // heads // 2, -1).swapaxes(1, 2).reshape(x.shape))
            put(f"blk.{l}.{gg}.weight", x)
    w.write_header_to_file(), w.write_kv_data_to_file(), w.write_tensors_to_file(), w.close()


def main():
    torch.manual_seed(0)
    torch.set_grad_enabled(False)
    for i, (name, opt) in enumerate(VARIANTS.items()):
        out, base = build(name, opt, 200 + i)
        if name != "llama3":
            adapters(out, base.config.num_hidden_layers)
        dump(out, base)
        if name == "sharded":
            write_gguf(out, base)
    size = sum(os.path.getsize(os.path.join(d, f)) for d, _, fs in os.walk(HERE) for f in fs)
    print(f"{size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
