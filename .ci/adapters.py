"""Puts adapters of every kind on the tiny models of families.py and dumps what PEFT computes with them at some dials λ.

    adapters.py --out DIR [--golden DIR] [NAME…]

DIR/NAME/                    a model directory, as families.py makes it
DIR/NAME/adapter/            an adapter directory, every tensor drawn, and adapter1 when there are two
DIR/NAME/dump.safetensors    the format of model/parity: all hooks and logits of some rows at each λ
GOLDEN/NAME/model.txt        the name of the model (its recipe is in families.py's goldens)
GOLDEN/NAME/adapter/         adapter_config.json, and a list of tensors to draw them without Python (tensors.json) …
GOLDEN/NAME/dump.safetensors … and a row of the adapter's own hooks, of the last block and of the logits

What λ means, and so what is done to PEFT's model before it runs: set_scale(λ) for the factors, and every other trained number
moved along from the base's, m ← ‖W‖ + λ(m − ‖W‖) of DoRA, W ← W + λ(W' − W) of parameters that were saved in full.
"""
import argparse, json, math, os, re, shutil, sys, time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import families
from families import SHORT, build, draw, rewrite, token_ids
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.tuners.lora.layer import LoraLayer
from peft.utils.other import ModulesToSaveWrapper
from reference import Dump, Taps, sha256
from safetensors.torch import load_file, save_file

ROWS = [0, 7, 20, SHORT - 1]
SEVEN = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]

# name → (model, configuration of each adapter, pairs of their dials[, how tensors of the file differ from drawn ones])
KINDS = {
    "dora": ("llama", [dict(use_dora=True, target_modules=SEVEN, r=3, lora_alpha=5)], [[1], [0.5], [-1], [2.5]]),
    "dora-head-dim": ("qwen3", [dict(use_dora=True, target_modules=SEVEN, r=9, use_rslora=True)], [[1], [0.5]]),
    "lora-bias": ("llama-biases", [dict(lora_bias=True, bias="all", target_modules=["q_proj", "o_proj", "up_proj", "down_proj"], r=2)], [[1], [-1.5]]),
    "bias-only": ("qwen2", [dict(bias="lora_only", target_modules=["q_proj", "v_proj", "gate_proj"], r=3, lora_alpha=3)], [[1], [0.5]]),
    "patterns": ("llama-head-dim", [dict(target_modules=r"model\.layers\.[02]\..*(q|up|down)_proj", exclude_modules=["0.mlp.up_proj"], r=4, lora_alpha=6, use_rslora=True,
                                         rank_pattern={"down_proj": 9, r"layers\.2\..*": 2}, alpha_pattern={"^model.layers.0.self_attn.q_proj": 3, "down_proj": 11})], [[1], [2]]),
    "saved": ("llama", [dict(target_modules=["q_proj"], modules_to_save=["lm_head", "embed_tokens", "input_layernorm", "norm"], r=2)], [[1], [0.5], [-1]]),
    "saved-mlp": ("gemma2", [dict(target_modules=["o_proj"], modules_to_save=["layers.1.mlp", "post_feedforward_layernorm"], r=2)], [[1], [0.5]]),
    "saved-norms": ("gemma3", [dict(target_modules=["v_proj"], modules_to_save=["q_norm", "k_norm", "pre_feedforward_layernorm", "embed_tokens"], r=1)], [[1], [0.5]]),
    "saved-post": ("olmo2", [dict(target_modules=["down_proj"], modules_to_save=["q_norm", "post_attention_layernorm", "k_proj"], r=2)], [[1], [0.5]]),
    "ends": ("llama-tied", [dict(target_modules=["embed_tokens", "lm_head", "v_proj"], r=3, rank_pattern={"lm_head": 9})], [[1], [0.5]], "base"),
    "ends-tied": ("llama-tied", [dict(target_modules=["embed_tokens", "v_proj"], r=3)], [[1], [0.5]]),
    "ends-drawn": ("llama", [dict(target_modules=["embed_tokens", "lm_head", "v_proj"], r=3)], [[1], [0.5]]),
    "ends-dora": ("gemma2", [dict(target_modules=["embed_tokens", "lm_head", "down_proj"], use_dora=True, r=3)], [[1], [0.5]], "base"),
    "ends-scaled": ("gemma3", [dict(target_modules=["embed_tokens", "q_proj"], r=9)], [[1], [0.5]], "base"),
    "tied-saved": ("llama-tied", [dict(target_modules=["k_proj"], modules_to_save=["embed_tokens"], ensure_weight_tying=True, r=2)], [[1], [0.5]], "tied"),
    "tied-adapted": ("llama-tied", [dict(target_modules=["k_proj", "embed_tokens"], ensure_weight_tying=True, r=2)], [[1], [0.5]], "base", "transposed"),
    "head": ("neox", [dict(target_modules=["lm_head", "embed_in"], r=2)], [[1], [0.5]]),
    "all-linear": ("phi3", [dict(target_modules="all-linear", r=3)], [[1], [0.5]]),
    "fused-dora": ("phi3", [dict(target_modules=["qkv_proj", "gate_up_proj"], use_dora=True, r=2)], [[1], [0.5]]),
    "fused-saved": ("phi3", [dict(target_modules=["o_proj"], modules_to_save=["qkv_proj", "layers.2.mlp.gate_up_proj"], r=2)], [[1], [0.5]]),
    "conv1d": ("gpt2", [dict(target_modules=["c_attn", "c_proj", "c_fc", "wte"], fan_in_fan_out=True, bias="all", r=3)], [[1], [0.5]], "base"),
    "conv1d-dora": ("gpt2", [dict(target_modules=["c_attn", "mlp.c_proj"], fan_in_fan_out=True, use_dora=True, r=2)], [[1], [0.5]]),
    "conv1d-saved": ("gpt2", [dict(target_modules=["c_fc"], fan_in_fan_out=True, modules_to_save=["c_attn", "wpe", "ln_f", "ln_2"], r=2)], [[1], [0.5]]),
    "interleaved": ("neox", [dict(target_modules=["query_key_value", "dense_4h_to_h"], bias="lora_only", lora_bias=True, r=2)], [[1], [0.5]]),
    "interleaved-dora": ("neox", [dict(target_modules=["query_key_value", "dense", "dense_h_to_4h"], use_dora=True, r=2)], [[1], [0.5]]),
    "interleaved-saved": ("neox", [dict(target_modules=["dense"], modules_to_save=["query_key_value", "layers.1.input_layernorm", "final_layer_norm"], r=2)], [[1], [0.5]]),
    "two": ("llama", [dict(target_modules=["q_proj", "down_proj"], r=2), dict(target_modules=["q_proj", "up_proj"], r=9, lora_alpha=4)], [[1, 1], [0.5, -2]]),
    "attention-in-moe": ("qwen3-moe", [dict(target_modules=["q_proj", "o_proj"], r=2)], [[1], [0.5]]),
    "steering": ("llama", [], [[1], [-0.5]]),
    "steering-sandwich": ("gemma2", [], [[1], [-0.5]]),
}


def folded(rows, layers):
    """The rows with * for the number of a block where every block has such a tensor."""
    star = lambda r: json.dumps([re.sub(r"\b(layers|h)\.\d+\.", r"\1.*.", r[0]), *r[1:]])
    count = [star(r) for r in rows]
    return [json.loads(x) for x in dict.fromkeys(star(r) if count.count(star(r)) == layers else json.dumps(r) for r in rows)]


def make(kind, base, folder, drawing):
    """Writes the adapter directories of a kind; gives them with their lists of tensors."""
    model, configs, _, *how = KINDS[kind]
    out = []
    for i, cfg in enumerate(configs):
        d = os.path.join(folder, "adapter" + (str(i) if i else ""))
        p = get_peft_model(base, LoraConfig(task_type="CAUSAL_LM", **{k: list(v) if isinstance(v, list) else v for k, v in cfg.items()}))
        p.save_pretrained(d)
        p.unload()
        os.remove(os.path.join(d, "README.md"))
        rewrite(os.path.join(d, "adapter_config.json"), lambda c: c.update({k: sorted(v) for k, v in c.items() if isinstance(v, list) and k.endswith("_modules")}, base_model_name_or_path="tiny/" + model))
        rows = drawn(os.path.join(d, "adapter_model.safetensors"), families.VARIANTS[model][0], drawing, how)
        out.append((d, rows))
    return out


def spread(arch, name, shape):
    """Center and scale of a tensor: factors half as large as the weights beside them, norms around 1."""
    power = lambda gain, n: 2.0 ** round(math.log2(gain * (3.0 / n) ** 0.5))
    if name.endswith(".bias"):
        return 0.0, 0.5
    if len(shape) == 1:
        return 0.0 if arch.startswith("Gemma") else 1.0, 0.5
    if "lora_" in name:
        return 0.0, 0.5 if name.endswith("lora_embedding_A") else power(0.5, shape[1])
    if re.search("wpe|wte|embed_(tokens|in)", name):
        return 0.0, 0.5 if arch.startswith("Gemma") else 1.0
    return 0.0, power(1.0, shape[0] if arch == "GPT2" and "c_" in name else shape[1])


def drawn(path, arch, before, how):
    """Overwrites an adapter file with drawn values. Gives [name, shape, center, scale] of each tensor, and what it is drawn as when that
    is another name: the base's own tensor, or the twin that it is tied to, which of factors is the transpose."""
    tensors, rows = load_file(path), []
    for n in sorted(tensors):
        shape, plain, embed = list(tensors[n].shape), re.sub(r"base_model\.model\.|\.base_layer", "", n), "base_model.model.model.embed_tokens."
        if "base" in how and n.endswith("base_layer.weight"):
            row = [n, *before[plain][1:], before[plain][0]]
        elif "transposed" in how and "lm_head.lora" in n:
            twin = embed + {"lora_A.weight": "lora_embedding_B", "lora_B.weight": "lora_embedding_A"}[n.split("lm_head.")[1]]
            row = [n, shape, *spread(arch, twin, shape[::-1]), twin]
        elif "tied" in how and "lm_head" in n:
            row = [n, shape, *spread(arch, embed + "weight", shape), embed + "weight"]
        elif n.endswith("lora_magnitude_vector"):
            c = 2.0 ** round(float(tensors[n].log2().median()))
            row = [n, shape, c, c / 4]
        else:
            row = [n, shape, *spread(arch, n, shape)]
        rows.append(row)
        tensors[n] = value(row)
    save_file({k: tensors[k] for k in sorted(tensors)}, path, {"format": "pt"})
    return rows


def value(row):
    """The tensor of a row of tensors.json."""
    name, shape, center, scale, *key = row
    if key and key[0].split(".")[-1].startswith("lora_embedding"):
        return draw(key[0], shape[::-1], center, scale).T.contiguous()
    return draw(key[0] if key else name, shape, center, scale)


@torch.no_grad()
def dial(p, names, dials, before):
    """Moves everything that adapters trained to their dials."""
    seen = set()
    for m in p.modules():
        if isinstance(m, LoraLayer):
            for n, lam in zip(names, dials):
                m.set_scale(n, lam)
                if n in getattr(m, "lora_magnitude_vector", ()):
                    v = m.lora_magnitude_vector[n]
                    w = m.get_base_layer().weight
                    w = w.T if type(v).__name__ == "DoraEmbeddingLayer" or v.fan_in_fan_out else w
                    norm = w.norm(dim=1)
                    v.weight.copy_(norm + lam * (v.weight - norm))
        if isinstance(m, ModulesToSaveWrapper):
            for n, lam in zip(names, dials):
                if n in m.modules_to_save:
                    for new, old in zip(m.modules_to_save[n].parameters(), m.original_module.parameters()):
                        if new.data_ptr() not in seen:
                            seen.add(new.data_ptr())
                            new.copy_(old + lam * (new - old))
    lam = dials[0]
    for k, v in p.get_base_model().state_dict().items():
        plain = k.replace("base_layer.", "")
        if plain in before and v.data_ptr() not in seen and not torch.equal(v, before[plain]):
            seen.add(v.data_ptr())
            v.copy_(before[plain] + lam * (v - before[plain]))


class SteeredTaps(Taps):
    """Taps that show the steering vector of a block's MLP as what an adapter adds to its down-projection."""

    def lora(self, b, at):
        super().lora(b, at)
        if hasattr(getattr(b, "mlp", None), "steered"):
            self.on_output(b.mlp.down_proj, lambda t: self.keep(at + "mlp.down_proj.lora.hook_delta", b.mlp.steered.expand_as(t)))


def steering(kind, base, folder):
    """A steering vector file, and the model with it on the output of a block's down-projection."""
    d = os.path.join(folder, "adapter")
    os.makedirs(d)
    n = base.config.hidden_size
    torch.save({"steering_vector": draw("steering_vector", [n], 0.0, 0.125), "layer_idx": 1, "d_model": n, "alpha": 3}, os.path.join(d, "steering_vector.pt"))
    return [(d, [])]


@torch.no_grad()
def run(kind, out, golden):
    t = time.time()
    model, configs, dials, *how = KINDS[kind]
    folder = os.path.join(out, kind)
    base, rows = build(folder, model)
    drawing = {r[0]: r for r in rows}
    drawing.setdefault("lm_head.weight", drawing.get("model.embed_tokens.weight"))
    before = {k: v.clone() for k, v in base.state_dict().items()}
    made = make(kind, base, folder, drawing) if configs else steering(kind, base, folder)
    d = Dump(base, "tiny/" + model, folder)
    d.taps, ids = SteeredTaps, token_ids(kind, SHORT)
    for lams in dials:
        base, _ = build(folder + ".tmp", model)
        if configs:
            names = ["default", "second"][: len(made)]
            p = PeftModel.from_pretrained(base, made[0][0], adapter_name="default")
            for (path, _), n in list(zip(made, names))[1:]:
                p.load_adapter(path, adapter_name=n)
            p.base_model.set_adapter(names)
            p.eval()
            dial(p, names, lams, before)
            files = [os.path.join(path, "adapter_model.safetensors") for path, _ in made]
        else:
            s = torch.load(os.path.join(made[0][0], "steering_vector.pt"))
            mlp = base.model.layers[s["layer_idx"]].mlp
            mlp.steered = lams[0] * s["alpha"] * s["steering_vector"]
            mlp.down_proj.register_forward_hook(lambda m, a, o: o + mlp.steered)
            p, files = base, [os.path.join(made[0][0], "steering_vector.pt")]
        d.case("λ " + " ".join(f"{x:g}" for x in lams), ids, ROWS, model=p,
               adapters=[{"name": os.path.basename(path), "sha256": sha256(f), "lambda": x} for (path, _), f, x in zip(made, files, lams)])
    shutil.rmtree(folder + ".tmp")
    d.save(os.path.join(folder, "dump.safetensors"))
    if golden:
        keep(d, kind, made, golden)
    print(f"{time.time() - t:5.1f} s  {kind}", flush=True)


def keep(d, kind, made, golden):
    to = os.path.join(golden, kind)
    shutil.rmtree(to, ignore_errors=True)
    os.makedirs(to)
    with open(os.path.join(to, "model.txt"), "w") as f:
        f.write(KINDS[kind][0] + "\n")
    g = Dump.__new__(Dump)
    g.about, g.tensors, g.cases = d.about, {}, []
    for c in d.cases:
        last = max(int(h.split(".")[1]) for h in c["hooks"] if h.startswith("blocks."))
        hooks = [h for h in c["hooks"] if h == f"blocks.{last}.hook_resid_post" or "lora." in h and not re.match(r"blocks\.(0|2|3)\.", h)]
        g.cases.append(dict(c, rows=[ROWS[-1]], hooks=hooks))
        for h in hooks + ["logits"]:
            g.tensors[f"{c['name']}/{h}"] = d.tensors[f"{c['name']}/{h}"][-1:].contiguous()
    for path, rows in made:
        sub = os.path.join(to, os.path.basename(path))
        os.makedirs(sub)
        for f in ("adapter_config.json", "steering_vector.pt"):
            if os.path.exists(os.path.join(path, f)):
                shutil.copy(os.path.join(path, f), sub)
        if rows:
            with open(os.path.join(sub, "tensors.json"), "w") as f:
                f.write("[\n" + ",\n".join(json.dumps(r) for r in folded(rows, d.model.config.num_hidden_layers)) + "\n]\n")
    g.save(os.path.join(to, "dump.safetensors"))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--out", required=True)
    p.add_argument("--golden")
    p.add_argument("names", nargs="*")
    args = p.parse_args()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", 1)))
    import warnings
    warnings.filterwarnings("ignore")
    families.transformers.utils.logging.disable_progress_bar()
    families.transformers.utils.logging.set_verbosity_error()
    for kind in args.names or KINDS:
        run(kind, args.out, args.golden)


if __name__ == "__main__":
    main()
