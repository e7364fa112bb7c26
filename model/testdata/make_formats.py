"""Writes one tiny Llama model in every form in which a directory may hold its weights.

    make_formats.py            (in an environment with the packages of .ci/oracles.txt)

formats/ gets config.json (tied) and, by case, the files of the weights: CASE.bin, or
CASE.index.json with CASE.N. logits.json has what transformers computes for each case.
"""
import collections, json, os, shutil, tempfile

os.environ.setdefault("OMP_NUM_THREADS", "1")
import torch
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM

torch.set_num_threads(1)
HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.join(HERE, "formats")
IDS = [0, 5, 9, 63, 1, 30]
HEAD, EMBED = "lm_head.weight", "model.embed_tokens.weight"


def state(dtype):
    """A state dict with a head that is the embedding, as torch.save sees it."""
    torch.manual_seed(5)
    model = LlamaForCausalLM(LlamaConfig.from_pretrained(OUT))
    d = collections.OrderedDict((k, (torch.randn(v.shape, dtype=torch.float64) * (0.3 if v.dim() > 1 else 1)).to(dtype)) for k, v in model.state_dict().items())
    d[HEAD] = d[EMBED]
    return d


def without(d, *names):
    return {k: v.clone() for k, v in d.items() if k not in names}


def logits(weights, as_torch=False):
    """What transformers makes of the weights, loaded from a directory."""
    with tempfile.TemporaryDirectory() as dir:
        shutil.copy(os.path.join(OUT, "config.json"), dir)
        if as_torch:
            torch.save(weights, os.path.join(dir, "pytorch_model.bin"))
        else:
            save_file(weights, os.path.join(dir, "model.safetensors"), {"format": "pt"})
        model = LlamaForCausalLM.from_pretrained(dir, dtype=torch.float32).eval()
        with torch.no_grad():
            return [float(v) for v in model(torch.tensor([IDS])).logits[0, -1]]


def main():
    os.makedirs(OUT, exist_ok=True)
    LlamaConfig(vocab_size=64, hidden_size=8, intermediate_size=12, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=1, head_dim=4,
                tie_word_embeddings=True, architectures=["LlamaForCausalLM"], max_position_embeddings=64).save_pretrained(OUT)
    path = lambda name: os.path.join(OUT, name)
    want, d = {}, state(torch.float32)
    names = sorted(d)
    parts = [{k: d[k] for k in names[:4]}, {k: d[k] for k in names[4:]}]

    torch.save(d, path("zip.bin"))
    torch.save(d, path("legacy.bin"), _use_new_zipfile_serialization=False)
    want["zip"] = want["legacy"] = want["shards"] = logits(d, as_torch=True)
    for i, p in enumerate(parts):
        torch.save({k: v.clone() for k, v in p.items()}, path(f"shards.{i}"))
    with open(path("shards.index.json"), "w") as f:
        json.dump({"metadata": {}, "weight_map": {k: f"shards.{i}" for i, p in enumerate(parts) for k in p}}, f)

    for case, weights in {"both": without(d), "head": without(d, EMBED), "embed": without(d, HEAD), "differ": without(d) | {HEAD: d[EMBED].flip(0).contiguous()},
                          "f64": without(state(torch.float64), HEAD), "bf16": without(state(torch.bfloat16), HEAD)}.items():
        save_file(weights, path(case + ".safetensors"), {"format": "pt"})
        want[case] = logits(weights)
    strided = collections.OrderedDict(d)
    strided["model.layers.0.self_attn.q_proj.weight"] = d["model.layers.0.self_attn.q_proj.weight"].t().contiguous().t()
    torch.save(strided, path("strided.bin"))
    os.remove(path("generation_config.json")) if os.path.exists(path("generation_config.json")) else None
    with open(path("logits.json"), "w") as f:
        json.dump({"ids": IDS, "logits": want}, f)


main()
