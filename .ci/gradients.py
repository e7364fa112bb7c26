"""Dumps gradients that torch computes of tiny random models, for model/gradient_test.go.

    gradients.py --out DIR [NAME…]

DIR/NAME/                       a model directory, made by families.py
DIR/NAME/adapter/               a rank-2 PEFT adapter on every projection, drawn like the model
DIR/NAME/gradients.safetensors  loss/TAG, weights/PARAMETER, hooks/TAG/HOOK, lora/MODULE/A and B, steering/value and gradient; ids and targets of both
                                sequences in the metadata

The loss is the mean cross entropy in nats of the next tokens of the targets of two sequences, which never see each other. TAG is
"base" for the model alone, "adapted" with the adapter and "steered" with a steering vector of α = 3 on block 1's down_proj, both at λ = 1.5.
"""
import argparse, json, os, sys
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import families as F
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file

NAMES = ["llama-biases", "llama-yarn-factor", "llama-tied", "mistral", "qwen2", "qwen3-window", "gemma", "gemma2", "gemma3-caps"]
LAMBDA = 1.5
HOOKS = {"blocks.0.hook_resid_pre": ("pre", 0), "blocks.1.hook_resid_post": ("post", 1), "blocks.1.mlp.hook_post": ("down", 1), "blocks.2.attn.hook_z": ("o", 2),
         "blocks.1.hook_resid_pre": ("pre", 1)}


def watch(blocks, kept):
    """Keeps the activations of HOOKS with their gradients."""
    def keep(name, x):
        x = x[0] if isinstance(x, tuple) else x
        x.retain_grad()
        kept.setdefault(name, []).append(x)
    handles = []
    for name, (what, l) in HOOKS.items():
        b = blocks[l]
        before = lambda mod, name: mod.register_forward_pre_hook(lambda m, a, kw: keep(name, a[0] if a else kw["hidden_states"]), with_kwargs=True)
        after = lambda mod, name: mod.register_forward_hook(lambda m, a, o: keep(name, o))
        handles.append({"pre": lambda: before(b, name), "post": lambda: after(b, name),
                        "down": lambda: before(b.mlp.down_proj, name), "o": lambda: before(b.self_attn.o_proj, name)}[what]())
    return handles


def loss_of(m, seqs, targets):
    """The mean over all targets; a target is a position whose logits predict the token after it."""
    parts = []
    for ids, at in zip(seqs, targets):
        logits = m(torch.tensor([ids]), use_cache=False).logits[0]
        parts.append(torch.nn.functional.cross_entropy(logits[at].float(), torch.tensor([ids[i + 1] for i in at]), reduction="none"))
    return torch.cat(parts).mean()


def run(tag, m, blocks, seqs, targets, out):
    kept = {}
    for p in m.parameters():
        p.requires_grad_(True)
        p.grad = None
    handles = watch(blocks, kept)
    loss = loss_of(m, seqs, targets)
    loss.backward()
    for h in handles:
        h.remove()
    out["loss/" + tag] = loss.detach().reshape(1)
    for name, xs in kept.items():
        out[f"hooks/{tag}/{name}"] = torch.cat([x.grad[0].flatten(1) for x in xs])


def one(out, name):
    m, _ = F.build(out, name)
    seqs = [F.token_ids("first", 40), F.token_ids("second", 23)]
    targets = [[3, 4, 5, 17, 30, 38], [0, 9, 20, 21]]
    got = {}
    blocks = m.model.layers
    run("base", m, blocks, seqs, targets, got)
    done = set()
    for n, p in m.named_parameters():
        if p.data_ptr() not in done:
            done.add(p.data_ptr())
            got["weights/" + n] = p.grad.clone()
    v = F.draw("steering_vector", [m.config.get_text_config().hidden_size], 0.0, 0.125).requires_grad_(True)
    handle = blocks[1].mlp.down_proj.register_forward_hook(lambda mod, a, o: o + LAMBDA * 3 * v)
    run("steered", m, blocks, seqs, targets, got)
    handle.remove()
    got["steering/value"], got["steering/gradient"] = v.detach(), v.grad
    pm = get_peft_model(m, LoraConfig(r=2, lora_alpha=5, lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM"))
    drawn = {n: F.draw(n, list(p.shape), 0.0, 0.125) for n, p in pm.named_parameters() if "lora_" in n}
    with torch.no_grad():
        for n, p in pm.named_parameters():
            if n in drawn:
                p.copy_(drawn[n])
    pm.save_pretrained(os.path.join(out, "adapter"))
    for mod in pm.modules():
        if isinstance(getattr(mod, "scaling", None), dict):
            mod.scaling = {k: LAMBDA * v for k, v in mod.scaling.items()}
    run("adapted", pm, blocks, seqs, targets, got)
    for n, p in pm.named_parameters():
        if "lora_" in n:
            module, factor = n.split("base_model.model.")[1].split(".lora_")
            got[f"lora/{module}/{factor[0]}"] = p.grad.clone()
    save_file({k: v.contiguous().float() for k, v in got.items()}, os.path.join(out, "gradients.safetensors"),
              {"cases": json.dumps({"seqs": seqs, "targets": targets, "lambda": LAMBDA})})
    print(name, {k: round(float(v), 6) for k, v in got.items() if k.startswith("loss/")}, flush=True)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--out", required=True)
    p.add_argument("names", nargs="*")
    a = p.parse_args()
    torch.set_num_threads(1)
    for name in a.names or NAMES:
        one(os.path.join(a.out, name), name)


if __name__ == "__main__":
    main()
