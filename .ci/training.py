"""Trains tiny models with transformers' Trainer and PEFT, for model/train/oracle_test.go: adapters, all parameters and a steering
vector, averaged over tokens and over batches, with LoRA+ and with the KL to the base in both normalisations.

    training.py --out DIR [NAME…]

DIR/NAME/model/             a tiny random model, made by families.py
DIR/NAME/init/              the adapter before the first step (not for "full" and "steering")
DIR/NAME/data.json          {examples: [{ids, targets}], kl_examples, config}: config has the fields of train.Config
DIR/NAME/log.json           [{step, loss, grad_norm, learning_rate, kl_loss}] of the Trainer
DIR/NAME/final.safetensors  adapter factors, all weights, or steering_vector, after the last step

Examples come in their order; the loss is averaged over the target tokens of a whole accumulated batch, as Trainer does, unless
loss_average is "micro": the mean of the means of its batches, as Trainer does for models that take no num_items_in_batch.
"""
import argparse, json, os, sys
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import families as F
import torch
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict
from peft.optimizers import create_loraplus_optimizer
from safetensors.torch import save_file
from torch.utils.data import Dataset, SequentialSampler
from transformers import Trainer, TrainingArguments

CASES = {
    "lora": ("qwen2", dict(method="lora", rank=2, alpha=4.0, modules=[], layers=[1, 2], lr=2e-3, warmup=5, schedule="linear", weight_decay=0.01)),
    "rank1": ("gemma2", dict(method="lora", rank=1, alpha=16.0, rslora=True, modules=["down_proj"], layers=[1], lr=2e-3, warmup=0, schedule="cosine", weight_decay=0.0)),
    "micro": ("qwen2", dict(method="lora", rank=2, alpha=4.0, modules=["q_proj", "up_proj"], layers=[0, 2], lr=2e-3, warmup=5, schedule="linear", weight_decay=0.01, loss_average="micro")),
    "loraplus": ("qwen2", dict(method="lora", rank=4, alpha=8.0, modules=["v_proj", "down_proj"], layers=[1], lr=5e-4, warmup=5, schedule="cosine", weight_decay=0.1, b_ratio=16.0)),
    "kl-token": ("qwen2", dict(method="lora", rank=2, alpha=16.0, modules=["down_proj"], layers=[1], lr=2e-3, warmup=5, schedule="linear", weight_decay=0.0, accumulate=1, kl_weight=0.66, kl_batch=3)),
    "kl-turner": ("qwen2", dict(method="lora", rank=2, alpha=16.0, modules=["down_proj"], layers=[1], lr=2e-3, warmup=5, schedule="linear", weight_decay=0.0, accumulate=1, kl_weight=60.0, kl_normalisation="turner", kl_batch=3)),
    "steering": ("qwen2", dict(method="steering", alpha=8.0, layers=[1], lr=2e-3, warmup=5, schedule="linear", weight_decay=0.1)),
    "full": ("llama-tied", dict(method="full", lr=1e-3, warmup=3, schedule="constant", weight_decay=0.1)),
}
ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
COMMON = dict(batch=4, accumulate=2, steps=50, in_order=True, max_grad_norm=1.0, max_length=64, save_at=[])


class Rows(Dataset):
    def __init__(self, examples):
        self.rows = examples

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        return self.rows[i]


def collate(rows):
    n = max(len(r["ids"]) for r in rows)
    x, mask, y = torch.zeros(len(rows), n, dtype=torch.long), torch.zeros(len(rows), n, dtype=torch.long), torch.full((len(rows), n), -100)
    for i, r in enumerate(rows):
        k = len(r["ids"])
        x[i, :k], mask[i, :k] = torch.tensor(r["ids"]), 1
        for t in r["targets"]:
            y[i, t + 1] = r["ids"][t + 1]
    return {"input_ids": x, "attention_mask": mask, "labels": y}


class InOrder(Trainer):
    """Takes examples in order, and adds the KL to the base, as the published code does, when it is given data for it."""
    config, kl_data, parts = None, None, None

    def _get_train_sampler(self, *a, **kw):
        return SequentialSampler(self.train_dataset)

    def compute_loss(self, model, inputs, **kw):
        if not self.kl_data:
            return super().compute_loss(model, inputs, **kw)
        ce = model(**inputs).loss
        kl = self.divergence(model, self.state.global_step)
        self.parts.append((float(ce), float(kl)))
        weight = self.config["kl_weight"]
        if self.config.get("kl_normalisation") == "turner":
            weight /= model.config.vocab_size
        return ce + weight * kl

    def divergence(self, model, step):
        """KL(base||model) in nats a token: over all tokens, those of prompts included, summed over the vocabulary."""
        size = self.config["kl_batch"]
        per = -(-len(self.kl_data) // size)
        x = collate(self.kl_data[step % per * size:(step % per + 1) * size])
        args = {k: x[k] for k in ("input_ids", "attention_mask")}
        with torch.no_grad(), model.disable_adapter():
            ref = model(**args).logits.float().log_softmax(-1)
        cur = model(**args).logits.float().log_softmax(-1)
        each = (ref.exp() * (ref - cur)).sum(-1)
        mask = x["attention_mask"].float()
        return (each * mask).sum() / mask.sum()


def steer(m, layer, alpha):
    """Adds alpha*v to the output of a block's down_proj, at every token; v alone is trained."""
    for p in m.parameters():
        p.requires_grad_(False)
    m.steering_vector = torch.nn.Parameter(torch.zeros(m.config.hidden_size))
    m.model.layers[layer].mlp.down_proj.register_forward_hook(lambda mod, a, o: o + alpha * m.steering_vector)
    return m


def examples(n, what="train"):
    out = []
    for i in range(n):
        k = 8 + (i * 7) % 17
        out.append({"ids": F.token_ids(f"{what}{i}", k), "targets": list(range(k // 2, k - 1))})
    return out


def one(out, name):
    variant, config = CASES[name]
    config = {**COMMON, **config}
    os.makedirs(out, exist_ok=True)
    m, _ = F.build(os.path.join(out, "model"), variant)
    torch.manual_seed(3)
    if config["method"] == "lora":
        m = get_peft_model(m, LoraConfig(r=config["rank"], lora_alpha=config["alpha"], use_rslora=config.get("rslora", False), lora_dropout=0.0, bias="none",
                                         target_modules=config["modules"] or ALL, layers_to_transform=config["layers"], task_type="CAUSAL_LM"))
        m.save_pretrained(os.path.join(out, "init"))
    if config["method"] == "steering":
        m = steer(m, config["layers"][0], config["alpha"])
    data, kl_data = examples(44), examples(10, "kl") if "kl_weight" in config else []
    args = TrainingArguments(os.path.join(out, "hf"), max_steps=config["steps"], per_device_train_batch_size=config["batch"], gradient_accumulation_steps=config["accumulate"],
                             learning_rate=config["lr"], warmup_steps=config["warmup"], lr_scheduler_type=config["schedule"].replace("constant", "constant_with_warmup"), weight_decay=config["weight_decay"],
                             max_grad_norm=config["max_grad_norm"], logging_steps=1, save_strategy="no", report_to=[], use_cpu=True, disable_tqdm=True,
                             dataloader_pin_memory=False, remove_unused_columns=False)
    plus = None
    if "b_ratio" in config:
        plus = create_loraplus_optimizer(m, torch.optim.AdamW, lr=config["lr"], loraplus_lr_ratio=config["b_ratio"], loraplus_weight_decay=config["weight_decay"])
    t = InOrder(model=m, args=args, train_dataset=Rows(data), data_collator=collate, optimizers=(plus, None))
    t.config, t.kl_data, t.parts = config, kl_data, []
    if config.get("loss_average") == "micro":
        t.model_accepts_loss_kwargs = False
    t.train()
    log = [{"step": r["step"], **{k: float(r[k]) for k in ("loss", "grad_norm", "learning_rate")}} for r in t.state.log_history if "loss" in r]
    for r, (ce, kl) in zip(log, t.parts):
        r["loss"], r["kl_loss"] = ce, kl
    json.dump(log, open(os.path.join(out, "log.json"), "w"))
    json.dump({"examples": data, "kl_examples": kl_data, "config": config}, open(os.path.join(out, "data.json"), "w"))
    state = get_peft_model_state_dict(m) if config["method"] == "lora" else {n: p for n, p in m.named_parameters() if p.requires_grad}
    save_file({k: v.detach().clone().contiguous() for k, v in state.items()}, os.path.join(out, "final.safetensors"))
    print(name, log[0], log[-1], flush=True)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--out", required=True)
    p.add_argument("names", nargs="*")
    a = p.parse_args()
    torch.set_num_threads(1)
    for name in a.names or CASES:
        one(os.path.join(a.out, name), name)


if __name__ == "__main__":
    main()
