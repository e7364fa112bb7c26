"""Recomputes rows of capture stores with transformers and PEFT, from what the stores themselves say.

    python recompute.py STORE…        ten random rows of each store, worst relative error per hook
    MODEL=DIR python recompute.py …   with the HF directory DIR in place of the manifest's model, for stores made from GGUF

Every number comes from the token ids stored beside the activations: the row's window is gathered from its document and
window columns, run through the model that the manifest names, with its adapter at its dial, and the hook's output at the
row's position is compared with the stored value. Fails when an error exceeds what the stored type can hold: 2e-5 for
float32 (transformers against itself is 1e-6), 2⁻¹¹ per value plus that for float16. A column HOOK@base is compared with
the model without its adapter; the error of a difference, HOOK@ADAPTER-base, is relative to the adapted activation.
"""
import contextlib
import json
import os
import random
import sys

import numpy as np
import pyarrow as pa
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

ROWS = 10


def read(store):
    """The store's columns as one table, through pyarrow's own reader."""
    m = json.load(open(os.path.join(store, "manifest.json")))
    parts = []
    for shard in m["content"]["shards"]:
        with pa.memory_map(os.path.join(store, shard["name"])) as f:
            parts.append(pa.ipc.open_file(f).read_all())
    table = pa.concat_tables(parts)
    assert table.num_rows == m["content"]["tokens"], (store, table.num_rows)
    return m, table


def load(m):
    """The model of a manifest, with its adapter at its dial."""
    model = AutoModelForCausalLM.from_pretrained(os.environ.get("MODEL") or m["model"]["path"], dtype=torch.float32, attn_implementation="eager").eval()
    adapter = m.get("adapter") or {}
    if adapter.get("path"):
        model = PeftModel.from_pretrained(model, adapter["path"]).eval()
        for module in model.modules():
            if hasattr(module, "scaling") and isinstance(module.scaling, dict):
                module.scaling = {k: v * adapter.get("lambda", 1.0) for k, v in module.scaling.items()}
        return model, model.base_model.model
    return model, model


def watch(causal, hook, out):
    """Hooks the module whose output, or input, is the activation called hook."""
    layers = causal.model.layers
    keep = lambda x: out.__setitem__(hook, (x[0] if isinstance(x, tuple) else x).detach()[0])
    if hook == "hook_embed":
        return causal.model.embed_tokens.register_forward_hook(lambda _m, _i, o: keep(o))
    _, layer, name = hook.split(".", 2)
    block = layers[int(layer)]
    after = lambda mod: mod.register_forward_hook(lambda _m, _i, o: keep(o))
    before = lambda mod: mod.register_forward_pre_hook(lambda _m, i: keep(i[0]))
    if name.endswith(".lora.hook_a"):
        return after(block.get_submodule(name.removesuffix(".lora.hook_a")).lora_A["default"])
    return {
        "hook_resid_pre": lambda: before(block),
        "hook_resid_mid": lambda: before(block.post_attention_layernorm),
        "hook_resid_post": lambda: after(block),
        "hook_attn_out": lambda: after(block.self_attn),
        "hook_mlp_out": lambda: after(block.mlp),
        "mlp.hook_post": lambda: before(block.mlp.down_proj),
    }[name]()


def column(name):
    """The hook of a column and what of it the column holds: "adapted", "base" or "difference"."""
    hook, _, rest = name.partition("@")
    return hook, "adapted" if not rest else "base" if rest == "base" else "difference"


def forward(model, ids, got, base):
    """Every watched hook on ids, [positions, width] each, without the adapter when base is true."""
    off = model.disable_adapter() if base and isinstance(model, PeftModel) else contextlib.nullcontext()
    with torch.no_grad(), off:
        model(input_ids=torch.tensor([ids]))
    return {h: x.double().numpy() for h, x in got.items()}


def window(table, row):
    """Token ids of the row's window, and the row's position in it."""
    doc, win, pos = (table[c][row].as_py() for c in ("doc", "window", "pos"))
    first = row - pos
    ids = []
    while first + len(ids) < table.num_rows:
        at = first + len(ids)
        if table["doc"][at].as_py() != doc or table["window"][at].as_py() != win:
            break
        assert table["pos"][at].as_py() == len(ids)
        ids.append(table["token_id"][at].as_py())
    return ids, pos


def errors(table, row, columns, adapted, base, pos):
    """The relative error of each column at a row."""
    for name, (hook, kind) in columns.items():
        want = {"adapted": adapted[hook], "base": base[hook], "difference": adapted[hook] - base[hook]}[kind][pos]
        unit = base[hook][pos] if kind == "base" else adapted[hook][pos]
        have = np.asarray(table[name][row].values, dtype=np.float64)
        yield name, np.linalg.norm(have - want) / max(np.linalg.norm(unit), 1e-30)


def check(store, rng):
    m, table = read(store)
    model, causal = load(m)
    columns = {c["name"]: column(c["name"]) for c in m["content"]["columns"]}
    got, worst = {}, {}
    handles = [watch(causal, h, got) for h in {hook for hook, _ in columns.values()}]
    for row in rng.sample(range(table.num_rows), ROWS):
        ids, pos = window(table, row)
        adapted = forward(model, ids, got, base=False)
        base = forward(model, ids, got, base=True) if any(k != "adapted" for _, k in columns.values()) else adapted
        for name, err in errors(table, row, columns, adapted, base, pos):
            worst[name] = max(worst.get(name, (0, 0)), (err, row))
    for h in handles:
        h.remove()
    limit = 2e-5 if m["content"]["dtype"] == "f32" else 2e-5 + 2.0**-11
    for h, (err, row) in worst.items():
        print(f"{os.path.basename(store)} {h}: worst relative error {err:.2e} at row {row} of {table.num_rows}, {m['content']['dtype']}, limit {limit:.1e}")
    return all(err <= limit for err, _ in worst.values())


def main():
    rng = random.Random(int(os.environ.get("SEED", "0")))
    ok = [check(store, rng) for store in sys.argv[1:]]
    assert ok, "no store given"
    print(f"{sum(ok)} passed, {len(ok) - sum(ok)} failed")
    sys.exit(0 if all(ok) else 1)


main()
