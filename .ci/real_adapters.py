"""Puts adapters of every kind on a real model and dumps what PEFT computes with them at some dials λ.

    real_adapters.py --model DIR --corpus FILE --out DIR [NAME…]

OUT/NAME/adapter/            an adapter directory as PEFT saves it, and adapter1 when there are two
OUT/NAME/dump.safetensors    the format of model/parity: a few hooks and the logits of two rows at each λ

Factors start as PEFT starts them and are moved as far as fine-tunes move them, in one step drawn at random. Of the fine-tunes of smollm2.py
‖sBA‖ is 0.1 to 1.4 % of ‖W‖ where every block has an adapter, 9 % where one module has: here SIZE, and three times as much where few have.
Magnitudes of DoRA, biases and what is saved in full move by SIZE too. What λ means is said in adapters.py.

Everything is computed in float32 but what dials make of magnitudes, and DoRA of the embedding: PEFT's norms over all 49,152 tokens are
off by 3e-5 in float32, and what is off in the embedding grows on the way up, to 6e-5. That kind is computed in float64.
"""
import argparse, copy, os, shutil, sys, time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import adapters  # sets the environment before torch is loaded
from adapters import SEVEN, SteeredTaps, dial
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.tuners.lora.layer import LoraLayer
from peft.utils.other import ModulesToSaveWrapper
from reference import Dump, sha256
from transformers import AutoModelForCausalLM, AutoTokenizer

SIZE = 0.02
ALL = dict(target_modules=SEVEN, r=16, lora_alpha=32)
TEXT = "The captain counted 1,234 stars — one for each of her naïve promises — and then she told the crew: \"we sail at dawn.\""

# name → (configuration of each adapter, dials[, tokens of a long case, in float64])
FEW = ("layers", "ends", "ends-tied", "ends-dora")
KINDS = {
    "all": ([ALL], [[1], [0.5], [2.5], [-1]], 2150),
    "rslora": ([dict(ALL, r=64, lora_alpha=16, use_rslora=True)], [[1], [0.5]]),
    "patterns": ([dict(target_modules=r"model\.layers\.\d+\..*(q|o|up|down)_proj", exclude_modules=["0.mlp.up_proj"], r=4, lora_alpha=6, use_rslora=True,
                       rank_pattern={"down_proj": 9, r"layers\.2\..*": 2}, alpha_pattern={"^model.layers.0.self_attn.q_proj": 3, "down_proj": 11})], [[1], [2]]),
    "layers": ([dict(target_modules=["q_proj", "v_proj", "down_proj"], layers_to_transform=[3, 15, 29], layers_pattern="layers", r=8)], [[1], [-1]]),
    "dora": ([dict(ALL, use_dora=True)], [[1], [0.5], [2.5]]),
    "ends-dora": ([dict(target_modules=["embed_tokens", "lm_head", "v_proj"], use_dora=True, r=8)], [[1], [0.5]], 0, True),
    "lora-bias": ([dict(target_modules=["q_proj", "o_proj", "up_proj", "down_proj"], lora_bias=True, r=8)], [[1], [-1]]),
    "saved": ([dict(target_modules=["q_proj"], modules_to_save=["input_layernorm", "norm", "layers.3.mlp", "layers.15.self_attn.o_proj"], r=8)], [[1], [0.5]]),
    "saved-ends": ([dict(target_modules=["v_proj"], modules_to_save=["embed_tokens", "lm_head"], r=8)], [[1], [0.5]]),
    "saved-tied": ([dict(target_modules=["k_proj"], modules_to_save=["embed_tokens"], ensure_weight_tying=True, r=8)], [[1], [0.5]]),
    "ends": ([dict(target_modules=["embed_tokens", "lm_head", "v_proj"], r=8)], [[1], [0.5]]),
    "ends-tied": ([dict(target_modules=["embed_tokens", "v_proj"], ensure_weight_tying=True, r=8)], [[1], [0.5]]),
    "two": ([ALL, dict(target_modules=["q_proj", "up_proj"], r=4, lora_alpha=4)], [[1, 1], [0.5, -2]]),
    "steering": ([], [[1], [-0.5]]),
}


@torch.no_grad()
def move(p, size):
    """Moves everything that is trained; dictionaries of PEFT hold one adapter, "default"."""
    seen = set()
    for m in p.modules():
        if isinstance(m, LoraLayer):
            w = m.get_base_layer().weight
            a, b = (m.lora_embedding_A, m.lora_embedding_B) if "default" in m.lora_embedding_A else (m.lora_A, m.lora_B)
            a, b = (x["default"] if isinstance(x, torch.nn.ParameterDict) else x["default"].weight for x in (a, b))
            if b.data_ptr() in seen:
                continue
            seen.add(b.data_ptr())
            if not a.any():  # PEFT starts an embedding's A at zero
                a.normal_()
            b.normal_()
            b *= size * w.norm() / (m.scaling["default"] * (b @ a).norm())
            if m.lora_bias.get("default") and m.lora_B["default"].bias is not None:
                m.lora_B["default"].bias.normal_(std=size)
            if "default" in m.lora_magnitude_vector:
                v = m.lora_magnitude_vector["default"].weight
                v *= 1 + size * torch.randn_like(v)
        if isinstance(m, ModulesToSaveWrapper):
            for x in m.modules_to_save["default"].parameters():
                if x.data_ptr() not in seen:
                    seen.add(x.data_ptr())
                    x += size * (x.std() if x.std() > 0 else 1) * torch.randn_like(x)


def make(configs, base, folder, size):
    """Writes the adapter directories."""
    dirs = []
    for i, cfg in enumerate(configs):
        d = os.path.join(folder, "adapter" + (str(i) if i else ""))
        p = get_peft_model(copy.deepcopy(base), LoraConfig(task_type="CAUSAL_LM", **copy.deepcopy(cfg)))
        move(p, size)
        p.save_pretrained(d)
        os.remove(os.path.join(d, "README.md"))
        dirs.append(d)
    return dirs


def steer(base, folder):
    d = os.path.join(folder, "adapter")
    os.makedirs(d)
    n = base.config.hidden_size
    torch.save({"steering_vector": torch.randn(n) * n ** -0.5, "layer_idx": 15, "d_model": n, "alpha": 8.0}, os.path.join(d, "steering_vector.pt"))
    return [d]


def adapted(base, configs, dirs, lams, before, exact=False):
    """A copy of the base with adapters at their dials, in float64 when exact, and their files."""
    m = copy.deepcopy(base)
    if not configs:
        s = torch.load(os.path.join(dirs[0], "steering_vector.pt"))
        mlp = m.model.layers[s["layer_idx"]].mlp
        mlp.steered = lams[0] * s["alpha"] * s["steering_vector"]
        mlp.down_proj.register_forward_hook(lambda _, a, o: o + mlp.steered)
        return m, [os.path.join(dirs[0], "steering_vector.pt")]
    names = ["default", "second"][: len(dirs)]
    p = PeftModel.from_pretrained(m, dirs[0], adapter_name="default")
    for d, n in list(zip(dirs, names))[1:]:
        p.load_adapter(d, adapter_name=n)
    p.base_model.set_adapter(names)
    p.eval().double()
    dial(p, names, lams, before)
    if not exact:
        p.float()
    return p, [os.path.join(d, "adapter_model.safetensors") for d in dirs]


def wanted(model, last):
    """The hooks that are kept: the residual stream at four depths, the inside of a block, all that adapters add in it and at the ends."""
    class Names:
        def __contains__(self, name):
            return name in fixed or name.startswith(("blocks.15.", "blocks.29.mlp.down_proj", "embed.lora", "unembed.lora")) and "lora." in name
    fixed = {f"blocks.{l}.hook_resid_post" for l in (0, 3, 15, last)} | {f"blocks.15.{k}" for k in ("attn.hook_rot_q", "attn.hook_z", "mlp.hook_post", "ln2.hook_normalized")}
    return Names()


class FewTaps(SteeredTaps):
    """Taps of the hooks in a set that is not known before."""

    def __init__(self, model, names=None, rows=None, attention=None):
        super().__init__(model, None, rows, attention)
        self.few = wanted(model, self.model.config.num_hidden_layers - 1)

    def wants(self, name):
        return name in self.few


@torch.no_grad()
def run(kind, base, tok, folder, long):
    t = time.time()
    configs, dials, length, exact = (*KINDS[kind], 0, False)[:4]
    shutil.rmtree(folder, ignore_errors=True)
    torch.manual_seed(sum(kind.encode()))
    before = {k: v.double() for k, v in base.state_dict().items()}
    dirs = make(configs, base, folder, SIZE * (3 if kind in FEW else 1)) if configs else steer(base, folder)
    d = Dump(base, os.path.basename(os.path.normpath(base.name_or_path)), base.name_or_path)
    d.taps, ids = FewTaps, tok(TEXT)["input_ids"]
    for i, lams in enumerate(dials):
        p, files = adapted(base, configs, dirs, lams, before, exact)
        about = [{"name": os.path.basename(os.path.dirname(f)), "sha256": sha256(f), "lambda": x} for f, x in zip(files, lams)]
        name = "λ " + " ".join(f"{x:g}" for x in lams)
        d.case(name, ids, [3, len(ids) - 1], model=p, adapters=about)
        if length and i == 0:
            d.case(name + " long", long[: length], [length - 1], model=p, adapters=about)
    d.save(os.path.join(folder, "dump.safetensors"))
    print(f"{time.time() - t:5.1f} s  {kind}", flush=True)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for a in ("--model", "--corpus", "--out"):
        p.add_argument(a, required=True)
    p.add_argument("names", nargs="*")
    args = p.parse_args()
    import transformers, warnings
    warnings.filterwarnings("ignore")
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    base = AutoModelForCausalLM.from_pretrained(args.model, dtype=torch.float32, attn_implementation="eager").eval()
    tok = AutoTokenizer.from_pretrained(args.model)
    with open(args.corpus, encoding="utf-8") as f:
        long = tok(f.read(60_000)[40_000:])["input_ids"]
    for kind in args.names or KINDS:
        run(kind, base, tok, os.path.join(args.out, kind), long)


if __name__ == "__main__":
    main()
