"""Dumps gradients of rank-1 adapters on a real model that torch computes in float64 and in float32, for model/backward_real_test.go.

    real_gradients.py --model DIR --corpus FILE --out DIR

OUT/gradients.safetensors    CASE/L/A [1, in] and B [out, 1], the factors on down_proj of block L; CASE/L/float64/A, B and loss, and the
                             same under float32; ids of the cases in the metadata

A case is two sequences of 48 tokens, of English or drawn at random. The loss is the mean cross entropy in nats of every next token;
s = 0.1, λ = 1. Gradients of float64 are rounded to float32 once.
"""
import argparse, copy, json, os

os.environ.update(HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false", CUDA_VISIBLE_DEVICES="")
import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.models.llama import modeling_llama

BLOCKS, N, SCALE = (0, 20), 48, 0.1


def exact_norm(self, x):
    """transformers' norm goes through float32 whatever the model's type."""
    return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.variance_epsilon))


def gradients(m, seqs, block, a, b):
    a, b = (v.to(m.dtype).clone().requires_grad_(True) for v in (a, b))
    down = m.model.layers[block].mlp.down_proj
    h = down.register_forward_hook(lambda _, x, y: y + SCALE * (x[0] @ a.T) @ b.T)
    parts = [torch.nn.functional.cross_entropy(m(torch.tensor([s]), use_cache=False).logits[0, :-1], torch.tensor(s[1:]), reduction="none") for s in seqs]
    loss = torch.cat(parts).mean()
    loss.backward()
    h.remove()
    return {"A": a.grad, "B": b.grad, "loss": loss.detach().reshape(1)}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for a in ("--model", "--corpus", "--out"):
        p.add_argument(a, required=True)
    args = p.parse_args()
    torch.set_num_threads(1)
    g = torch.Generator().manual_seed(0)
    tok = AutoTokenizer.from_pretrained(args.model)
    with open(args.corpus, encoding="utf-8") as f:
        text = tok(f.read(20_000)[10_000:])["input_ids"]
    single = AutoModelForCausalLM.from_pretrained(args.model, dtype=torch.float32, attn_implementation="eager").eval().requires_grad_(False)
    c = single.config
    cases = {"text": [text[:N], text[N: 2 * N]], "random": torch.randint(c.vocab_size, (2, N), generator=g).tolist()}
    factors = {l: (torch.randn(1, c.intermediate_size, generator=g) / 30, torch.randn(c.hidden_size, 1, generator=g) / 30) for l in BLOCKS}
    out = {}
    for kind, m in (("float32", single), ("float64", copy.deepcopy(single).double())):
        if kind == "float64":
            modeling_llama.LlamaRMSNorm.forward = exact_norm
        for case, seqs in cases.items():
            for l, (a, b) in factors.items():
                out.update({f"{case}/{l}/A": a, f"{case}/{l}/B": b})
                out.update({f"{case}/{l}/{kind}/{k}": v.float().contiguous() for k, v in gradients(m, seqs, l, a, b).items()})
    for case in cases:
        for l in BLOCKS:
            far = lambda k: float((out[f"{case}/{l}/float32/{k}"] - out[f"{case}/{l}/float64/{k}"]).norm() / out[f"{case}/{l}/float64/{k}"].norm())
            print(f"{case} block {l}: torch's float32 is off by A {far('A'):.1e}, B {far('B'):.1e}", flush=True)
    out = {k: v.clone() for k, v in out.items()}
    save_file(out, os.path.join(args.out, "gradients.safetensors"), {"cases": json.dumps(dict(ids=cases, blocks=BLOCKS, scale=SCALE))})


if __name__ == "__main__":
    main()
