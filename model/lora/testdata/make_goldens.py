"""Writes the goldens of this package with transformers and PEFT: a rank-4 adapter with patterns and rslora, what PEFT makes of it
(scale per module, the product of the factors' norms), and how PEFT resolves awkward patterns. Deterministic. Run it in this folder.
"""
import json
import os
import shutil

import torch
from peft import LoraConfig, get_peft_model
from peft.utils.other import get_pattern_key
from transformers import LlamaConfig, LlamaForCausalLM

HERE = os.path.dirname(os.path.abspath(__file__))

torch.manual_seed(0)
base = LlamaForCausalLM(LlamaConfig(vocab_size=16, hidden_size=12, intermediate_size=20, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1))
base.name_or_path = "tiny/base"
config = LoraConfig(
    r=4,
    lora_alpha=6,
    use_rslora=True,
    target_modules=["down_proj", "q_proj", "k_proj"],
    rank_pattern={"layers.1.mlp.down_proj": 2, r"^model\.layers\.0\.self_attn\.q_proj": 3},
    alpha_pattern={"q_proj": 5, "down_proj": 7.5},
    task_type="CAUSAL_LM",
)
model = get_peft_model(base, config)
with torch.no_grad():
    for name, p in model.named_parameters():
        if "lora_" in name:
            p.copy_(torch.randn(p.shape) * 0.1)

out = os.path.join(HERE, "adapter")
shutil.rmtree(out, ignore_errors=True)
model.save_pretrained(out, safe_serialization=True)
os.remove(os.path.join(out, "README.md"))

golden = {"modules": {}, "patterns": []}
for name, module in model.base_model.model.named_modules():
    if hasattr(module, "lora_A") and "default" in module.lora_A:
        delta = module.get_delta_weight("default").double()
        golden["modules"][name] = {
            "r": module.r["default"],
            "scale": module.scaling["default"],
            "norm_a": module.lora_A["default"].weight.double().norm().item(),
            "norm_b": module.lora_B["default"].weight.double().norm().item(),
            "norm_delta": delta.norm().item(),
        }
names = ["model.layers.1.mlp.down_proj", "model.layers.11.mlp.down_proj", "model.layers.1.self_attn.q_proj", "down_proj"]
patterns = [
    "down_proj",
    "own_proj",
    "mlp.down_proj",
    "layers.1.mlp.down_proj",
    r"layers\.1\..*",
    "^model.layers.1.mlp.down_proj",
    "^layers.1.mlp.down_proj",
    "q_proj|down_proj",
    "(?!model).*down_proj",
    r"(?<=layers\.1\.mlp\.)down_proj",
    "1.mlp.down_proj",
    "model",
    ".*",
    "",
]
for name in names:
    golden["patterns"].append({"name": name, "match": [p for p in patterns if get_pattern_key([p], name) == p and p != name or p == name]})
golden["all_patterns"] = patterns
with open(os.path.join(HERE, "golden.json"), "w") as f:
    json.dump(golden, f, indent=1)
    f.write("\n")
