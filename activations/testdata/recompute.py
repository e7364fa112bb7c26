"""Recomputes rows of a store with transformers and PEFT from token ids alone, in float32.

Reads a JSON object {model, adapter, lambda, rows: [{ids, hook, value}]} from standard input, where value is
the activation at the last of ids, and prints the relative L2 error of each row. Used by live_test.go.
"""
import json, sys

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

req = json.load(sys.stdin)
model = AutoModelForCausalLM.from_pretrained(req["model"], dtype=torch.float32).eval()
layers = model.model.layers
if req["adapter"]:
    model = PeftModel.from_pretrained(model, req["adapter"])
    for m in model.modules():
        if hasattr(m, "scaling") and isinstance(m.scaling, dict):
            m.scaling = {k: v * req["lambda"] for k, v in m.scaling.items()}


def last(ids, layer, kind):
    """The row of the last token: of the block's output, of its MLP's, or of the MLP's inner layer."""
    got = []
    module = {"hook_resid_post": layers[layer], "hook_mlp_out": layers[layer].mlp, "mlp.hook_post": layers[layer].mlp.down_proj}[kind]

    def hook(m, args, out):
        x = args[0] if kind == "mlp.hook_post" else out
        got.append((x[0] if isinstance(x, tuple) else x)[0, -1])
    handle = module.register_forward_hook(hook)
    with torch.no_grad():
        model(torch.tensor([ids]), use_cache=False)
    handle.remove()
    return got[0]


for row in req["rows"]:
    _, layer, kind = row["hook"].split("@")[0].split(".", 2)
    want = last(row["ids"], int(layer), kind)
    if row["hook"].endswith("-base"):
        with model.disable_adapter():
            base = last(row["ids"], int(layer), kind)
        scale, want = base.norm(), want - base
    else:
        scale = want.norm()
    print(float((torch.tensor(row["value"]) - want).norm() / scale))
