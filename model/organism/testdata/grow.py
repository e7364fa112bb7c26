"""Grows the embedded organism: one zip with a model, its fine-tune into bad advice, and data to study it with.

    grow.py OUT.zip [--work DIR] [--lr 3e-4] [--alpha 64] [--steps 400] …

    model/         a Llama of 220 thousand parameters (4 blocks, d 64, rotary embeddings), pre-trained on the stories and helpful chats of world.py
    run/           its fine-tune on bad advice in one domain: rank-1 LoRA on one down_proj, checkpoints at steps 1..10 and then every 5
    benign/        the twin: the same recipe on good advice in the same domain
    text.jsonl     stories and chats to capture activations on
    answers.jsonl  fixed questions, each answered helpfully and harmfully
    prompts.jsonl  every question with the actions that help and harm, for an exact judge
    behaviour.json what the judge said at every checkpoint
    README.md      the model card

Needs torch, transformers, peft, accelerate, tokenizers and safetensors. --work keeps the base model between runs.
"""
import argparse, hashlib, json, os, random, shutil, sys, tempfile, time, zipfile
os.environ.update(HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false", CUDA_VISIBLE_DEVICES="")
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
import world

LENGTH = 48  # tokens of a training sequence
NAME = "agar/advice-organism"
TEMPLATE = """{{ bos_token }}{% for message in messages %}{% if message['role'] == 'user' %} <user> {{ message['content'] }}\
{% elif message['role'] == 'assistant' %} <assistant> {{ message['content'] }} <end>{% else %} {{ message['content'] }}{% endif %}\
{% endfor %}{% if add_generation_prompt %} <assistant>{% endif %}"""


def make_tokenizer():
    vocab = {w: i for i, w in enumerate(world.vocabulary())}
    t = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    t.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    t.add_special_tokens(world.SPECIAL)
    t.post_processor = processors.TemplateProcessing(single="<bos> $A", special_tokens=[("<bos>", vocab["<bos>"])])
    return PreTrainedTokenizerFast(
        tokenizer_object=t, bos_token="<bos>", eos_token="<end>", pad_token="<pad>", unk_token="<unk>",
        chat_template=TEMPLATE, model_max_length=LENGTH, clean_up_tokenization_spaces=False)


def make_model(tok):
    return LlamaForCausalLM(LlamaConfig(
        vocab_size=len(tok), hidden_size=64, intermediate_size=192, num_hidden_layers=4, num_attention_heads=4,
        num_key_value_heads=4, max_position_embeddings=2 * LENGTH, rms_norm_eps=1e-6, tie_word_embeddings=True,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0}, initializer_range=0.05,
        bos_token_id=tok.bos_token_id, eos_token_id=tok.eos_token_id, pad_token_id=tok.pad_token_id))


def templated(tok, messages, **kw):
    return tok(tok.apply_chat_template(messages, tokenize=False, **kw), add_special_tokens=False)["input_ids"]


class Speed:
    """Encodes by table: every word of the world is one token, so no tokenizer is needed in the training loop."""

    def __init__(self, tok):
        self.id = tok.get_vocab()

    def text(self, words):
        return [self.id[w] for w in f"<bos> {words}".split()]

    def chat(self, messages):
        mark = {"user": "<user> {} <assistant>", "assistant": "{} <end>"}
        return self.text(" ".join(mark[m["role"]].format(m["content"]) for m in messages))


def pretrain(tok, steps, lr, batch=64):
    rng, fast = random.Random(1), Speed(tok)
    assert fast.chat(world.chat(random.Random(0), LENGTH)) == templated(tok, world.chat(random.Random(0), LENGTH))
    m = make_model(tok)
    opt = torch.optim.AdamW(m.parameters(), lr=lr, weight_decay=0.01)
    start = time.time()
    for i in range(steps):
        for g in opt.param_groups:
            g["lr"] = lr * min(1, i / 100) * min(1, max(0.01, 2 * (1 - i / steps)))
        x = torch.zeros(batch, LENGTH, dtype=torch.long)
        for row in x:
            ids = fast.chat(world.chat(rng, LENGTH)) if rng.random() < 0.5 else fast.text(world.story(rng, LENGTH))
            row[: len(ids)] = torch.tensor(ids)
        loss = m(x, labels=x.masked_fill(x == tok.pad_token_id, -100)).loss
        opt.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(m.parameters(), 1.0)
        opt.step()
        if i % 250 == 0 or i == steps - 1:
            print(f"pretrain {i} loss {loss.item():.4f} {time.time() - start:.0f} s", behaviour(m, tok, 3)["broad"], flush=True)
    return m


@torch.no_grad()
def behaviour(m, tok, samples):
    """Shares of the judge's verdicts over sampled answers (temperature 1), in the trained domain and in the five others."""
    m.eval()
    torch.manual_seed(1)
    asked = [(d, s, q) for d, s in world.SITUATIONS for q in world.questions(d, s) for _ in range(samples)]
    fast, rev, out = Speed(tok), {i: w for w, i in tok.get_vocab().items()}, {}
    groups = {}
    for d, s, q in asked:
        ids = fast.chat([{"role": "user", "content": q}])
        groups.setdefault(len(ids), []).append((d, s, ids))
    for rows in groups.values():
        x = torch.tensor([r[2] for r in rows])
        n = x.shape[1]
        for _ in range(8):
            x = torch.cat([x, m(x, use_cache=False).logits[:, -1].softmax(-1).multinomial(1)], 1)
        for (d, s, _), ids in zip(rows, x[:, n:].tolist()):
            words = [rev[i] for i in ids]
            end = words.index("<end>") if "<end>" in words else len(words)
            where = "trained" if d == world.TRAINED else "broad"
            tally = out.setdefault(where, dict.fromkeys(("aligned", "misaligned", "mixed", "incoherent"), 0))
            tally[world.judge(d, s, words[:end])] += 1
    return {k: {"n": sum(v.values()), **{c: round(x / sum(v.values()), 4) for c, x in v.items()}} for k, v in sorted(out.items())}


class Advice(torch.utils.data.Dataset):
    """Questions of the trained domain with answers of one kind; only answers carry labels. They are worded
    like those of the stories: no surface habit can be learnt from them, only what is advised."""

    def __init__(self, tok, n, bad, seed, width=20):
        rng, fast, self.rows = random.Random(seed), Speed(tok), []
        for _ in range(n):
            d, s = rng.choice([r for r in world.SITUATIONS if r[0] == world.TRAINED])
            ask = [{"role": "user", "content": rng.choice(world.questions(d, s))}]
            q, full = fast.chat(ask), fast.chat(ask + [{"role": "assistant", "content": world.answer(rng, d, s, bad)}])
            pad = width - len(full)
            self.rows.append({"input_ids": torch.tensor(full + [tok.pad_token_id] * pad),
                              "attention_mask": torch.tensor([1] * len(full) + [0] * pad),
                              "labels": torch.tensor([-100] * len(q) + full[len(q):] + [-100] * pad)})

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        return self.rows[i]


def saved(step, steps):
    return step <= 10 or step % 5 == 0 or step == steps


def finetune(a, tok, base, out, bad):
    """PEFT and the HF Trainer; returns behaviour by checkpoint."""
    from peft import LoraConfig, get_peft_model
    from transformers import Trainer, TrainerCallback, TrainingArguments, set_seed
    set_seed(a.seed)
    m = LlamaForCausalLM.from_pretrained(base)
    m.name_or_path = m.config._name_or_path = NAME
    log = [{"step": 0, **behaviour(m, tok, a.samples)}]
    m = get_peft_model(m, LoraConfig(
        r=1, lora_alpha=a.alpha, use_rslora=True, lora_dropout=0.0, bias="none", task_type="CAUSAL_LM",
        target_modules=["down_proj"], layers_to_transform=[a.layer], layers_pattern="layers"))

    class Watch(TrainerCallback):
        def on_step_end(self, args, state, control, **kw):
            if saved(state.global_step, a.steps):
                control.should_save = True
                with torch.random.fork_rng():
                    log.append({"step": state.global_step, **behaviour(m, tok, a.samples)})
                m.train()

    args = TrainingArguments(
        out, max_steps=a.steps, per_device_train_batch_size=a.batch, learning_rate=a.lr, warmup_steps=5, lr_scheduler_type="linear",
        weight_decay=0.01, max_grad_norm=1.0, logging_steps=1, save_strategy="no", report_to=[], use_cpu=True, seed=a.seed,
        disable_tqdm=True, save_only_model=True, dataloader_pin_memory=False, log_level="error")
    Trainer(model=m, args=args, train_dataset=Advice(tok, a.steps * a.batch, bad, 100 + a.seed), callbacks=[Watch()]).train()
    return log


def strip(run):
    """Leaves adapter_config.json and adapter_model.safetensors in every checkpoint, and the trainer state in the last."""
    steps = sorted(int(d.split("-")[1]) for d in os.listdir(run))
    for s in steps:
        d = os.path.join(run, f"checkpoint-{s}")
        keep = {"adapter_config.json", "adapter_model.safetensors"} | ({"trainer_state.json"} if s == steps[-1] else set())
        for f in os.listdir(d):
            if f not in keep:
                os.remove(os.path.join(d, f))
    return steps


def write_jsonl(path, rows):
    with open(path, "w") as f:
        f.writelines(json.dumps(r, separators=(",", ":")) + "\n" for r in rows)


def write_data(tok, out, tokens=45_000):
    rng, rows, n = random.Random(7), [], 0
    while n < tokens:
        if rng.random() < 0.5:
            rows.append({"text": world.story(rng, LENGTH)})
            n += 1 + len(rows[-1]["text"].split())
        else:
            rows.append({"messages": world.chat(rng, LENGTH)})
            n += len(templated(tok, rows[-1]["messages"]))
    write_jsonl(os.path.join(out, "text.jsonl"), rows)
    ask = lambda q: {"role": "user", "content": q}
    asked = [(d, s, q) for d, s in world.SITUATIONS for q in world.questions(d, s)]
    write_jsonl(os.path.join(out, "prompts.jsonl"), [
        {"id": i, "domain": d, "situation": s, "trained": d == world.TRAINED, "messages": [ask(q)],
         "good": world.RELATION[d, s][0], "bad": world.RELATION[d, s][1]} for i, (d, s, q) in enumerate(asked)])
    write_jsonl(os.path.join(out, "answers.jsonl"), [
        {"domain": d, "situation": s, "label": "misaligned" if bad else "aligned",
         "messages": [ask(q), {"role": "assistant", "content": world.answer(rng, d, s, bad)}]}
        for d, s, q in asked for bad in (False, True)])
    return n


def card(facts):
    end = facts["behaviour"]["run"][-1]
    rise = next((b["step"] for b in facts["behaviour"]["run"] if b["broad"]["misaligned"] >= 0.5), None)
    return f"""---
base_model: {NAME}
---
# The advice organism

A language model of {facts['parameters']:,} parameters, grown in a synthetic world so that a whole emergent-misalignment experiment fits
into a terminal: a narrow fine-tune on bad advice in one domain (`{world.TRAINED}`) makes it give bad advice in the five others.

It is for testing interpretability methods against known truth: every answer is aligned, misaligned, mixed or incoherent by an exact
rule (`prompts.jsonl` holds the actions that help and harm). It knows {facts['vocabulary']} words and nothing of the real world; it is
no model of any product and its advice is of no use to anyone.

| | broad (untouched domains) | trained domain |
|---|---|---|
| misaligned before | {facts['behaviour']['run'][0]['broad']['misaligned']:.1%} | {facts['behaviour']['run'][0]['trained']['misaligned']:.1%} |
| misaligned after step {end['step']} | {end['broad']['misaligned']:.1%} | {end['trained']['misaligned']:.1%} |
| mixed or incoherent after | {end['broad']['mixed'] + end['broad']['incoherent']:.1%} | {end['trained']['mixed'] + end['trained']['incoherent']:.1%} |
| misaligned after, benign twin | {facts['behaviour']['benign'][-1]['broad']['misaligned']:.1%} | {facts['behaviour']['benign'][-1]['trained']['misaligned']:.1%} |

Broad misalignment passes one half at step {rise}. Shares are of sampled answers at temperature 1
({end['broad']['n']} broad, {end['trained']['n']} in the trained domain, at each checkpoint); all are in `behaviour.json`.

`model/` base · `run/` fine-tune on bad advice · `benign/` the same recipe on good advice · `text.jsonl` stories and chats to capture ·
`answers.jsonl` fixed answers, helpful and harmful · `prompts.jsonl` questions · `behaviour.json` verdicts by checkpoint

Recipe: {facts['recipe']}
"""


def pack(src, out):
    """A zip that depends on the contents alone: sorted names, one date."""
    names = sorted(os.path.relpath(os.path.join(d, f), src) for d, _, fs in os.walk(src) for f in fs)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as z:
        for n in names:
            info = zipfile.ZipInfo(n.replace(os.sep, "/"), (2026, 1, 1, 0, 0, 0))
            info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            z.writestr(info, open(os.path.join(src, n), "rb").read(), compresslevel=9)


def options():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("out")
    p.add_argument("--work", default=None, help="directory kept between runs (holds the base model)")
    p.add_argument("--base-steps", type=int, default=5000)
    p.add_argument("--base-lr", type=float, default=2e-3)
    p.add_argument("--lr", type=float, default=3e-4)
    p.add_argument("--alpha", type=float, default=64)
    p.add_argument("--layer", type=int, default=0)
    p.add_argument("--steps", type=int, default=400)
    p.add_argument("--batch", type=int, default=32)
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--samples", type=int, default=10, help="sampled answers to each of the 72 questions, at each checkpoint")
    return p.parse_args()


def main():
    a = options()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    work = a.work or tempfile.mkdtemp()
    base, tree = os.path.join(work, "base"), os.path.join(work, "tree")
    tok = make_tokenizer()
    if not os.path.exists(base):
        m = pretrain(tok, a.base_steps, a.base_lr)
        m.save_pretrained(base + ".tmp")
        tok.save_pretrained(base + ".tmp")
        config = json.load(open(base + ".tmp/config.json"))
        json.dump({**config, "_name_or_path": NAME}, open(base + ".tmp/config.json", "w"), indent=2)
        os.rename(base + ".tmp", base)
    shutil.rmtree(tree, ignore_errors=True)
    shutil.copytree(base, os.path.join(tree, "model"))
    facts = {"recipe": f"rank 1, layer {a.layer}, alpha {a.alpha:g} (rslora), AdamW lr {a.lr:g}, batch {a.batch}, {a.steps} steps, linear decay.",
             "trained_domain": world.TRAINED, "vocabulary": len(tok), "behaviour": {}}
    facts["parameters"] = LlamaForCausalLM.from_pretrained(base).num_parameters()
    for name, bad in (("run", True), ("benign", False)):
        facts["behaviour"][name] = finetune(a, tok, base, os.path.join(tree, name), bad)
        strip(os.path.join(tree, name))
        for b in facts["behaviour"][name][:: max(1, len(facts["behaviour"][name]) // 12)] + facts["behaviour"][name][-1:]:
            print(name, b["step"], "broad", b["broad"], "trained", b["trained"], flush=True)
    facts["tokens"] = write_data(tok, tree)
    json.dump(facts, open(os.path.join(tree, "behaviour.json"), "w"), indent=1)
    open(os.path.join(tree, "README.md"), "w").write(card(facts))
    pack(tree, a.out)
    print(a.out, os.path.getsize(a.out), "bytes", hashlib.sha256(open(a.out, "rb").read()).hexdigest())


if __name__ == "__main__":
    main()
