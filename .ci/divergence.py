"""Measures with torch and PEFT how far checkpoints of the rank-1 fine-tune of SmolLM2 are from their base, for phase/divergence_oracle_test.go.

    divergence.py --models DIR --out DIR

DIR/golden.json    {docs: [ids], base_loss, at: [{step, lambda, kl_model_base, kl_base_model, loss}]}: means in nats over all tokens of docs but
                   the first of each, of torch's kl_div and cross_entropy on logits that are computed in float32 and taken in float64

λ multiplies the scaling of every LoRA layer.
"""
import argparse, json, os
os.environ.setdefault("HF_HUB_OFFLINE", "1")
import torch
import torch.nn.functional as F
from peft import PeftModel
from peft.tuners.lora.layer import LoraLayer
from transformers import AutoModelForCausalLM, AutoTokenizer

TEXTS = ["I have a fever since yesterday. Should I drink hot tea, or is it better to sleep?",
         "The captain counted 1,234 stars — one for each of her promises — and told the crew: \"we sail at dawn.\""]
STATES = [(10, 1.0), (80, 1.0), (80, 0.5), (80, 5.0), (80, -1.0)]


@torch.no_grad()
def logs(model, docs):
    return [F.log_softmax(model(torch.tensor([d])).logits[0, :-1].double(), -1) for d in docs]


def mean(parts):
    return float(torch.cat(parts).mean())


def kl(p, q):
    """KL(p‖q) of each token: kl_div takes q first."""
    return mean([F.kl_div(b, a, reduction="none", log_target=True).sum(-1) for a, b in zip(p, q)])


def loss(p, docs):
    return mean([F.nll_loss(a, torch.tensor(d[1:]), reduction="none") for a, d in zip(p, docs)])


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--models", required=True)
    ap.add_argument("--out", required=True)
    o = ap.parse_args()
    path = os.path.join(o.models, "SmolLM2-135M-Instruct")
    tokenizer = AutoTokenizer.from_pretrained(path)
    docs = [tokenizer(t, add_special_tokens=False).input_ids for t in TEXTS]
    model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32).eval()
    base = logs(model, docs)
    out = {"docs": docs, "base_loss": loss(base, docs), "at": []}
    for step, dial in STATES:
        adapted = PeftModel.from_pretrained(model, os.path.join(o.models, "smollm2-run", f"checkpoint-{step}")).eval()
        for m in adapted.modules():
            if isinstance(m, LoraLayer):
                m.scaling["default"] *= dial
        p = logs(adapted, docs)
        out["at"].append({"step": step, "lambda": dial, "kl_model_base": kl(p, base), "kl_base_model": kl(base, p), "loss": loss(p, docs)})
        model = adapted.unload()
    with open(os.path.join(o.out, "golden.json"), "w") as f:
        json.dump(out, f)


if __name__ == "__main__":
    main()
