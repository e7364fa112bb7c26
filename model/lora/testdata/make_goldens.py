"""Writes the goldens of this package with transformers and PEFT: a rank-4 adapter with patterns and rslora, what PEFT makes of it
(scale per module, the product of the factors' norms), how PEFT resolves awkward patterns (golden.json), which modules its settings
target, and the configuration and tensor names of the files that it writes for every kind of adapter (files.json). Deterministic.
Run it in this folder.
"""
import json
import os
import shutil
import tempfile

import torch
import transformers
from peft import LoraConfig, get_peft_model
from peft.tuners.tuners_utils import check_target_module_exists
from peft.utils.other import get_pattern_key
from safetensors import safe_open
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
with open(os.path.join(out, "adapter_config.json")) as f:
    written = json.load(f)
written["target_modules"].sort()  # a set, in no order
with open(os.path.join(out, "adapter_config.json"), "w") as f:
    json.dump(written, f, indent=2, sort_keys=True)

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

# --- which modules settings target

NAMES = [f"model.layers.{l}.{m}" for l in (0, 1, 11) for m in ("self_attn.q_proj", "self_attn.k_proj", "mlp.down_proj", "mlp.experts.1.down_proj")]
NAMES += ["lm_head", "model.embed_tokens", "transformer.h.1.attn.c_attn", "xq_proj", "q_proj"]
SETTINGS = [
    dict(target_modules=["q_proj"]),
    dict(target_modules=["q_proj", "down_proj", "lm_head"]),
    dict(target_modules=["self_attn.q_proj", "model.layers.1.mlp.down_proj"]),
    dict(target_modules=["layers.1.mlp.down_proj", "1.self_attn.q_proj"]),
    dict(target_modules=r".*\.(q|k)_proj"),
    dict(target_modules=r"q_proj"),
    dict(target_modules=r"model\.layers\.(?!11)[0-9]+\.(?P<part>mlp|self_attn)\..*"),
    dict(target_modules=r"(?:.*?(?:language|text).*?(?:self_attn|mlp).*?(?:q_proj|down_proj).*?)|(?:\bmodel\.layers\.[\d]{1,}\.(?:self_attn|mlp)\.(?:(?:q_proj|down_proj)))"),
    dict(target_modules=["q_proj", "down_proj"], exclude_modules=["down_proj"]),
    dict(target_modules=["q_proj", "down_proj"], exclude_modules=r".*\.1\..*"),
    dict(target_modules=["q_proj", "down_proj"], exclude_modules=["1.mlp.down_proj", "q_pro"]),
    dict(target_modules=["q_proj", "down_proj"], layers_to_transform=1),
    dict(target_modules=["q_proj", "down_proj"], layers_to_transform=[0, 11]),
    dict(target_modules=["q_proj", "c_attn"], layers_to_transform=[1], layers_pattern="h"),
    dict(target_modules=["q_proj", "c_attn", "lm_head"], layers_to_transform=[1], layers_pattern=["layers", "h"]),
    dict(target_modules=["down_proj"], layers_to_transform=[1], layers_pattern="experts"),
    dict(target_modules=["model.layers.0.mlp.down_proj", "q_proj"], layers_to_transform=[1]),
    dict(target_modules=["q_proj", "down_proj", "lm_head"], modules_to_save=["lm_head", "mlp"]),
    dict(target_modules=["q_proj", "k_proj"], modules_to_save=["layers.1"]),
]
targets = []
for kw in SETTINGS:
    c = LoraConfig(**kw)
    targets.append({"config": kw, "hit": [n for n in NAMES if check_target_module_exists(c, n)]})

# --- files of every kind

SMALL = dict(vocab_size=16, hidden_size=8, intermediate_size=12, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1)
MODELS = {
    "Llama": lambda **kw: transformers.LlamaForCausalLM(LlamaConfig(**SMALL, **kw)),
    "Qwen2": lambda **kw: transformers.Qwen2ForCausalLM(transformers.Qwen2Config(**SMALL, **kw)),
    "Phi3": lambda **kw: transformers.Phi3ForCausalLM(transformers.Phi3Config(**SMALL, pad_token_id=0, **kw)),
    "GPT2": lambda **kw: transformers.GPT2LMHeadModel(transformers.GPT2Config(vocab_size=16, n_embd=8, n_layer=2, n_head=2, n_positions=32)),
}
TIED = dict(tie_word_embeddings=True)
KINDS = [
    ("dora", "Llama", {}, dict(use_dora=True, target_modules=["q_proj", "down_proj"])),
    ("modules_to_save", "Llama", {}, dict(target_modules=["q_proj"], modules_to_save=["lm_head", "embed_tokens", "input_layernorm", "norm"])),
    ("a container saved", "Qwen2", {}, dict(target_modules=["q_proj"], modules_to_save=["mlp", "k_proj"])),
    ("tied, saved together", "Llama", TIED, dict(target_modules=["q_proj"], modules_to_save=["embed_tokens"], ensure_weight_tying=True)),
    ("tied, adapted together", "Llama", TIED, dict(target_modules=["q_proj", "embed_tokens"], ensure_weight_tying=True)),
    ("bias all", "Qwen2", {}, dict(target_modules=["q_proj", "o_proj"], bias="all")),
    ("bias lora_only", "Qwen2", {}, dict(target_modules=["q_proj", "o_proj"], bias="lora_only")),
    ("lora_bias", "Llama", {}, dict(target_modules=["q_proj"], lora_bias=True)),
    ("embedding and head", "Llama", {}, dict(target_modules=["embed_tokens", "lm_head", "q_proj"], rank_pattern={"lm_head": 3})),
    ("dora on embedding and head", "Llama", {}, dict(target_modules=["embed_tokens", "lm_head"], use_dora=True)),
    ("all-linear", "Phi3", {}, dict(target_modules="all-linear")),
    ("Conv1D", "GPT2", {}, dict(target_modules=["c_attn", "wte"], fan_in_fan_out=True, bias="all")),
    ("regular expression", "Llama", {}, dict(target_modules=r".*\.0\..*(q|k)_proj", exclude_modules=["k_proj"])),
    ("one layer", "Llama", {}, dict(target_modules=["q_proj"], layers_to_transform=1, layers_pattern="layers")),
    ("mica", "Llama", {}, dict(target_modules=["q_proj"], init_lora_weights="mica")),
]
files = []
for title, family, kw, cfg in KINDS:
    m = get_peft_model(MODELS[family](**kw), LoraConfig(r=2, task_type="CAUSAL_LM", **cfg))
    with tempfile.TemporaryDirectory() as d:
        m.save_pretrained(d)
        with open(os.path.join(d, "adapter_config.json")) as f:
            c = {k: sorted(v) if k.endswith("_modules") and isinstance(v, list) else v for k, v in json.load(f).items()}
        with safe_open(os.path.join(d, "adapter_model.safetensors"), "pt") as f:
            tensors = [[k, f.get_slice(k).get_shape()] for k in sorted(f.keys())]
    files.append({"kind": title, "config": c, "tensors": tensors})

with open(os.path.join(HERE, "files.json"), "w") as f:
    rows = lambda xs: "[\n  " + ",\n  ".join(json.dumps(x) for x in xs) + "\n ]"
    f.write('{"names": ' + json.dumps(NAMES) + ',\n "targets": ' + rows(targets) + ',\n "files": ' + rows(files) + "}\n")

# --- files of torch.save: the adapter again, and steering vectors

from safetensors.torch import load_file

pickled = os.path.join(HERE, "pickled")
os.makedirs(pickled, exist_ok=True)
shutil.copy(os.path.join(out, "adapter_config.json"), pickled)
torch.save(load_file(os.path.join(out, "adapter_model.safetensors")), os.path.join(pickled, "adapter_model.bin"))
steering = os.path.join(HERE, "steering")
os.makedirs(steering, exist_ok=True)
v = torch.arange(8) / 8 * torch.tensor([1.0, 1, -1, 1, -1, 1, -1, 1])
whole = {"steering_vector": v, "layer_idx": 1, "d_model": 8, "alpha": 256}
for name, d in {
    "steering_vector": whole,
    "unknown": whole | {"strength": 2.0},
    "layer": {k: x for k, x in whole.items() if k != "layer_idx"},
    "width": whole | {"d_model": 9},
}.items():
    torch.save(d, os.path.join(steering, name + ".pt"))
