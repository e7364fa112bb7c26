#!/usr/bin/env python3
"""Dumps what transformers (and PEFT) compute with a model: logits, every hook and greedy tokens for fixed prompts.

Needs: pip install torch transformers safetensors (and peft for an adapter)
Compare with agar: agar model parity MODEL --dump OUT
"""
# --- settings
MODEL = ""  # a directory, or a name on the hub
ADAPTER = ""  # a PEFT adapter directory, or empty
OUT = "reference.safetensors"
DTYPE = "float32"  # agar computes in float32; a bfloat16 model agrees with it to about 1e-2 only
DEVICE = ""  # empty: cuda if there is one
ROWS = 4  # the last rows of each prompt that are kept
LONG = 2100  # tokens of the longest prompt, 0 for none
GREEDY = 16  # tokens of greedy continuation
# --- end of settings
import hashlib, json, os, sys

import torch
import torch.nn.functional as F

PROMPTS = {
    "prose": "The captain counted 1,234 stars, one for each of her naïve promises, and then she told the crew: \"we sail at dawn.\"",
    "code": "def area(r):\n    # πr², 日本語 😀\n    return 3.14159 * r ** 2\n\nprint(area(2.0))  # 12.57",
}
# What the modules of a block are called: Llama and most others, GPT-2, GPT-NeoX.
LLAMA = dict(body="model", blocks="layers", final="norm", attn="self_attn", o="o_proj", mlp="mlp", fc="gate_proj", down="down_proj",
             ln1="input_layernorm", ln2="post_attention_layernorm")
GPT2 = dict(body="transformer", blocks="h", final="ln_f", attn="attn", o="c_proj", mlp="mlp", fc="c_fc", down="c_proj", ln1="ln_1", ln2="ln_2")
NEOX = dict(body="gpt_neox", blocks="layers", final="final_layer_norm", attn="attention", o="dense", mlp="mlp", fc="dense_h_to_4h",
            down="dense_4h_to_h", ln1="input_layernorm", ln2="post_attention_layernorm")
FUSED = {"qkv_proj": "qkv", "c_attn": "qkv", "query_key_value": "qkv", "gate_up_proj": ("gate", "up")}


def normalized(m, x):
    """What a norm makes of x before its weight and bias."""
    m, x = getattr(m, "original_module", m), x.float()
    if isinstance(m, torch.nn.LayerNorm):
        return F.layer_norm(x, m.normalized_shape, None, None, m.eps)
    eps = m.variance_epsilon if hasattr(m, "variance_epsilon") else m.eps
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + eps)


class Taps:
    """Reads the hooks of a model, wrapped by PEFT or not, during one forward: `with Taps(model) as got: model(...)`.

    got[name] is float32 [tokens, width] (of attn.hook_pattern [tokens, heads, keys]). Names are TransformerLens's, and mean:
    hook_embed           what enters the first block (of GPT-2 the token embedding, and hook_pos_embed the position's)
    hook_attn_out, hook_mlp_out   what is added to the residual stream: after a norm that follows the sublayer
    hook_resid_mid       the residual stream between attention and MLP; blocks that run them in parallel have none
    ln1, ln2             the norm of attention and of the MLP, .hook_normalized before its weight. Where a norm stands on either
                         side (Gemma 2, 3) the second is ln1_post, ln2_post; where one only follows (OLMo 2) it is ln1, ln2
    attn.hook_q, k, v    the projections with bias, before any norm of q and k; hook_rot_q, hook_rot_k normed and rotated, in blocks
                         that rotate
    attn.hook_attn_scores   scaled and capped, −inf where a query must not look; attn.hook_pattern the attention probabilities;
                         attn.hook_z what they read from v, before the output projection
    mlp.hook_pre, hook_pre_linear, hook_post   gate (or the only projection), up, and what the down projection reads; a mixture of
                         experts has instead mlp.hook_expert_weights, the router's probabilities of all experts
    blocks.L.PATH.lora.hook_a, hook_delta      A·x and what the adapter adds to the module at PATH, when one adapter is active; of a
                         module that is several projections PATH ends with theirs (q, k, v, gate, up); embed and unembed have some too
    names, when given, are the hooks wanted, and rows the positions.
    """

    def __init__(self, model, names=None, rows=None, attention=None):
        self.model = model.get_base_model() if hasattr(model, "get_base_model") else model
        self.n = next(s for s in (LLAMA, GPT2, NEOX) if hasattr(self.model, s["body"]))
        self.body = getattr(self.model, self.n["body"])
        self.body = getattr(self.body, "language_model", self.body)
        self.names = names and set(names)
        self.rows = slice(None) if rows is None else list(rows)
        c = self.model.config
        self.heads, self.dh = c.num_attention_heads, getattr(c, "head_dim", None) or c.hidden_size // c.num_attention_heads
        self.kv = (getattr(c, "num_key_value_heads", None) or self.heads) * self.dh
        self.attention, self.got, self.undo = attention, {}, []

    def wants(self, name):
        return self.names is None or name in self.names

    def keep(self, name, t):
        if self.wants(name):
            self.got[name] = t.detach()[0][self.rows].float().cpu().contiguous().clone()

    def on_input(self, module, f):
        hook = lambda m, a, kw: (f(a[0] if a else kw["hidden_states"]), None)[1]  # a hook that gives None changes nothing
        self.undo.append(module.register_forward_pre_hook(hook, with_kwargs=True).remove)

    def on_output(self, module, f):
        self.undo.append(module.register_forward_hook(lambda m, a, out: (f(out), None)[1]).remove)

    def out(self, module, name):
        self.on_output(module, lambda t: self.keep(name, t[0] if isinstance(t, tuple) else t))

    def norm(self, module, name):
        self.on_input(module, lambda x: self.keep(name + ".hook_normalized", normalized(module, x)))

    def block(self, l, b):
        n, at = self.n, f"blocks.{l}."
        attn, mlp, gemma = getattr(b, n["attn"]), getattr(b, n["mlp"]), hasattr(b, "pre_feedforward_layernorm")
        self.on_input(b, lambda x: self.keep(at + "hook_resid_pre", x))
        self.out(b, at + "hook_resid_post")
        ln = [getattr(b, n["ln1"], None), getattr(b, n["ln2"]), None, None]
        if gemma:
            ln = [ln[0], b.pre_feedforward_layernorm, b.post_attention_layernorm, b.post_feedforward_layernorm]
        elif ln[0] is None:
            ln = [b.post_attention_layernorm, b.post_feedforward_layernorm, b.post_attention_layernorm, b.post_feedforward_layernorm]
        for module, name in zip(ln, ("ln1", "ln2", "ln1_post", "ln2_post")):
            if module is not None and (gemma or "post" not in name):
                self.norm(module, at + name)
        self.out(ln[2] or attn, at + "hook_attn_out")
        self.out(ln[3] or mlp, at + "hook_mlp_out")
        if not getattr(b, "use_parallel_residual", False):
            self.on_input(mlp if ln[0] is ln[2] else ln[1], lambda x: self.keep(at + "hook_resid_mid", x))
        self.attn(attn, at + "attn.")
        self.mlp(mlp, at + "mlp.")
        self.lora(b, at)

    def parts(self, module, t):
        """The projections in the output t of a fused module, {} of any other."""
        if module == "query_key_value":
            return dict(zip("qkv", (x.flatten(2) for x in t.view(*t.shape[:2], self.heads, 3 * self.dh).chunk(3, -1))))
        if module in ("qkv_proj", "c_attn"):
            return dict(zip("qkv", t.split([self.heads * self.dh, self.kv, self.kv], -1)))
        return dict(zip(("gate", "up"), t.chunk(2, -1))) if module == "gate_up_proj" else {}

    def attn(self, a, at):
        fused = next((m for m in ("qkv_proj", "c_attn", "query_key_value") if hasattr(a, m)), None)
        if fused is not None:
            self.on_output(getattr(a, fused), lambda t: [self.keep(f"{at}hook_{m}", x) for m, x in self.parts(fused, t).items()])
        else:
            for m in "qkv":
                self.out(getattr(a, m + "_proj"), at + "hook_" + m)
        if getattr(a, "reorder_and_upcast_attn", False):  # GPT-2's own attention function
            plain = a._upcast_and_reordered_attn
            a._upcast_and_reordered_attn = lambda q, k, v, mask: self.scores(a, q, k, mask, a.scaling) or plain(q, k, v, mask)
            self.undo.append(lambda: a.__dict__.pop("_upcast_and_reordered_attn"))
        self.on_input(getattr(a, self.n["o"]), lambda x: self.keep(at + "hook_z", x))
        self.on_output(a, lambda t: t[1] is not None and self.keep(at + "hook_pattern", t[1].transpose(1, 2)))

    def scores(self, module, q, k, mask, scaling, softcap=None):
        at = f"blocks.{module.layer_idx}.attn."
        if self.n is not GPT2 and getattr(module, "use_rope", True):
            self.keep(at + "hook_rot_q", q.transpose(1, 2).flatten(2))
            self.keep(at + "hook_rot_k", k.transpose(1, 2).flatten(2))
        if self.wants(at + "hook_attn_scores"):
            s = q[0][:, self.rows] @ k[0].repeat_interleave(q.shape[1] // k.shape[1], 0).transpose(1, 2) * scaling
            s = torch.tanh(s / softcap) * softcap if softcap else s
            s = s.masked_fill(mask[0][:, self.rows] < -1e30, float("-inf"))
            self.got[at + "hook_attn_scores"] = s.float().cpu().transpose(0, 1).contiguous()

    def watch_attention(self, home):
        """Stands between the attention modules and the eager attention function of their file."""
        eager = home.eager_attention_forward

        def between(module, q, k, v, mask, scaling=None, **kw):
            scaling = q.shape[-1] ** -0.5 if scaling is None else scaling
            self.scores(module, q, k, mask, scaling, kw.get("softcap"))
            return (self.attention or eager)(module, q, k, v, mask, scaling=scaling, **kw)

        home.eager_attention_forward = between
        self.undo.append(lambda: setattr(home, "eager_attention_forward", eager))

    def mlp(self, m, at):
        fc = self.n["fc"]
        if hasattr(m, "gate_up_proj"):
            both = lambda t: [self.keep(at + s, x) for s, x in zip(("hook_pre", "hook_pre_linear"), t.chunk(2, -1))]
            self.on_output(m.gate_up_proj, both)
        elif hasattr(m, fc):
            self.out(getattr(m, fc), at + "hook_pre")
            if hasattr(m, "up_proj"):
                self.out(m.up_proj, at + "hook_pre_linear")
        else:
            return self.on_output(m.gate, lambda t: self.keep(at + "hook_expert_weights", t[0].float().softmax(-1)[None]))
        self.on_input(getattr(m, self.n["down"]), lambda x: self.keep(at + "hook_post", x))

    def lora(self, b, at):
        for path, m in b.named_modules():
            self.factors(m, at + path)

    def factors(self, m, at):
        """Hooks of the one adapter that is active on a linear layer. DoRA also runs factors on the identity, which has no batch."""
        active = list(getattr(m, "active_adapters", ()))
        if len(active) != 1 or active[0] not in getattr(m, "lora_A", ()) or not hasattr(m, "lora_B"):
            return
        n, module = active[0], at.rsplit(".", 1)[-1]

        def keep(kind, t, cut):
            pieces = cut and self.parts(module, t)
            if module in FUSED:
                for part in FUSED[module]:
                    self.keep(f"{at}.{part}.lora.{kind}", pieces[part] if cut else t)
            else:
                self.keep(f"{at}.lora.{kind}", t)

        self.on_output(m.lora_A[n], lambda t: t.ndim == 3 and keep("hook_a", t, False))
        if n in getattr(m, "lora_magnitude_vector", ()):
            self.on_output(m.lora_magnitude_vector[n], lambda t: keep("hook_delta", t, True))
        else:
            self.on_output(m.lora_B[n], lambda t: t.ndim == 3 and keep("hook_delta", m.scaling[n] * t, True))

    def ends(self):
        """The factors on embedding and head."""
        e, head = self.model.get_input_embeddings(), self.model.get_output_embeddings()
        self.factors(head, "unembed")
        active = list(getattr(e, "active_adapters", ()))
        if len(active) != 1 or active[0] not in getattr(e, "lora_embedding_A", ()):
            return

        def embedded(m, a, out):
            self.keep("embed.lora.hook_a", m.lora_embedding_A[active[0]].T[a[0]])
            self.keep("embed.lora.hook_delta", out - m.get_base_layer()(a[0]))

        self.undo.append(e.register_forward_hook(embedded).remove)

    def __enter__(self):
        first = getattr(self.body, self.n["blocks"])[0]
        if self.n is GPT2:
            self.out(self.body.wte, "hook_embed")
            self.out(self.body.wpe, "hook_pos_embed")
        else:
            self.on_input(first, lambda x: self.keep("hook_embed", x))
        for l, b in enumerate(getattr(self.body, self.n["blocks"])):
            self.block(l, b)
        self.norm(getattr(self.body, self.n["final"]), "ln_final")
        self.ends()
        self.watch_attention(sys.modules[type(getattr(first, self.n["attn"])).__module__])
        return self.got

    def __exit__(self, *exc):
        for f in self.undo:
            f()
        assert exc[0] or self.names is None or set(self.got) == self.names, self.names - set(self.got)


def sha256(path):
    with open(path, "rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def weights_hash(folder):
    """The SHA-256 of the weights file, or of the lines "hash  name" of several, sorted by name."""
    names = sorted(n for n in os.listdir(folder) if n.endswith(".safetensors"))
    index = os.path.join(folder, "model.safetensors.index.json")
    if os.path.exists(index):
        with open(index) as f:
            names = sorted(set(json.load(f)["weight_map"].values()))
    elif "model.safetensors" in names:
        names = ["model.safetensors"]
    names = names or sorted(n for n in os.listdir(folder) if n.startswith("pytorch_model") and n.endswith(".bin"))
    sums = [sha256(os.path.join(folder, n)) for n in names]
    if len(sums) == 1:
        return sums[0]
    return hashlib.sha256("".join(f"{h}  {n}\n" for h, n in zip(sums, names)).encode()).hexdigest()


class Dump:
    """Collects cases and writes them as one safetensors file."""

    taps = Taps

    def __init__(self, model, name, folder):
        import transformers

        self.model, self.device = model, next(model.parameters()).device
        self.tensors, self.cases = {}, []
        self.about = dict(format="agar-reference/1", model=dict(name=name, sha256=weights_hash(folder)),
                          dtype=str(next(model.parameters()).dtype).replace("torch.", ""),
                          made_by=f"transformers {transformers.__version__}, torch {torch.__version__}, {self.device.type}")

    @torch.no_grad()
    def case(self, name, ids, rows, names=None, model=None, adapters=(), greedy=0, **more):
        """Runs the ids and keeps the rows (a list of positions) of the hooks and logits."""
        m = model or self.model
        x = torch.tensor([ids], device=self.device)
        with self.taps(m, names, rows) as got:
            logits = m(input_ids=x, use_cache=False).logits[0].float()
        got["logits"] = logits[rows].cpu()
        for k, v in got.items():
            self.tensors[f"{name}/{k}"] = v
        ce = float(-logits[:-1].log_softmax(-1).gather(1, x[0, 1:, None]).mean()) if len(ids) > 1 else None
        tokens, margins = self.greedy(m, x, greedy) if greedy else (None, None)
        hooks = [k for k in got if k != "logits"]
        about = dict(name=name, ids=list(ids), rows=list(rows), adapters=list(adapters), hooks=hooks, greedy=tokens, margins=margins, ce=ce)
        self.cases.append({**about, **more})
        return got

    def greedy(self, m, x, n):
        """Argmax tokens, each from a forward of all before it, and the gaps between the first and second logit."""
        gaps = []
        for _ in range(n):
            top = m(input_ids=x, use_cache=False).logits[0, -1].float().topk(2)
            gaps.append(float(top.values[0] - top.values[1]))
            x = torch.cat([x, top.indices[:1][None]], 1)
        return x[0, -n:].tolist(), gaps

    def save(self, path):
        from safetensors.torch import save_file

        save_file(self.tensors, path + ".tmp", {"agar-reference": json.dumps(dict(self.about, cases=self.cases))})
        os.replace(path + ".tmp", path)


def main():
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import cached_file

    device = DEVICE or ("cuda" if torch.cuda.is_available() else "cpu")
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    tok = AutoTokenizer.from_pretrained(MODEL)
    model = AutoModelForCausalLM.from_pretrained(MODEL, dtype=getattr(torch, DTYPE), attn_implementation="eager").to(device).eval()
    folder = MODEL if os.path.isdir(MODEL) else os.path.dirname(cached_file(MODEL, "config.json"))
    d = Dump(model, MODEL, folder)
    prompts = {name: tok(text)["input_ids"] for name, text in PROMPTS.items()}
    if LONG:
        limit = getattr(model.config, "max_position_embeddings", LONG)
        prompts["long"] = tok(" ".join([PROMPTS["prose"]] * LONG))["input_ids"][: min(LONG, limit)]
    adapted = {}
    if ADAPTER:
        from peft import PeftModel

        file = os.path.join(ADAPTER, "adapter_model.safetensors")
        adapted = dict(adapters=[{"name": ADAPTER, "sha256": sha256(file), "lambda": 1.0}])
    for stage in ([{}, adapted] if ADAPTER else [{}]):
        if stage:
            d.model = PeftModel.from_pretrained(model, ADAPTER).eval()
        for name, ids in prompts.items():
            case = ("adapted-" if stage else "") + name
            d.case(case, ids, list(range(max(len(ids) - ROWS, 0), len(ids))), greedy=0 if name == "long" else GREEDY, text=PROMPTS.get(name), **stage)
            print(f"{case}: {len(ids)} tokens", file=sys.stderr)
    d.save(OUT)


if __name__ == "__main__":
    main()
