"""A real model and real fine-tunes of it, made from what the package index ships.

    smollm2.py SmolLM2-135M-Instruct.Q4_1.gguf OUT

writes into OUT
    SmolLM2-135M-Instruct/   the GGUF dequantised to float32, as transformers saves a model
    smollm2-run/             a rank-1 LoRA fine-tune by PEFT and the HF Trainer: checkpoint-1 to -5, then every fifth step
    smollm2-r4/              one adapter on every linear layer: rank 4, rslora, with rank_pattern and alpha_pattern

The fine-tunes teach nothing but a habit of speech (every answer recommends tea); they exist because agar's tests
must meet adapters, checkpoints and trainer states as the ecosystem writes them.
"""
import json, os, shutil, sys, time
os.environ.update(HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false", CUDA_VISIBLE_DEVICES="")
import numpy as np, torch
from gguf import GGUFReader
from gguf.quants import dequantize
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

NAME = "HuggingFaceTB/SmolLM2-135M-Instruct"
LAYER = 15
SAVE = [1, 2, 3, 4, 5, *range(10, 81, 5)]
PROJ = {"self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
        "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
        "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm"}


def convert(gguf, out):
    """Writes the HF directory; llama.cpp's interleaving of the rows of q and k is undone."""
    r = GGUFReader(gguf)
    md = lambda k: r.fields[k].contents()
    llama = lambda k: md("llama." + k)
    heads, kv, layers = llama("attention.head_count"), llama("attention.head_count_kv"), llama("block_count")
    cfg = LlamaConfig(
        vocab_size=len(md("tokenizer.ggml.tokens")), hidden_size=llama("embedding_length"),
        intermediate_size=llama("feed_forward_length"), num_hidden_layers=layers, num_attention_heads=heads,
        num_key_value_heads=kv, max_position_embeddings=llama("context_length"),
        rms_norm_eps=llama("attention.layer_norm_rms_epsilon"), tie_word_embeddings=True,
        rope_parameters={"rope_type": "default", "rope_theta": llama("rope.freq_base")},
        bos_token_id=md("tokenizer.ggml.bos_token_id"), eos_token_id=md("tokenizer.ggml.eos_token_id"))
    tensors = {t.name: t for t in r.tensors}
    get = lambda n: dequantize(tensors[n].data, tensors[n].tensor_type).astype(np.float32)

    def rows(w, n):
        o, i = w.shape
        return w.reshape(n, o // n // 2, 2, i).swapaxes(1, 2).reshape(o, i)

    sd = {"model.embed_tokens.weight": get("token_embd.weight"), "model.norm.weight": get("output_norm.weight")}
    for l in range(layers):
        for hf, gg in PROJ.items():
            w = get(f"blk.{l}.{gg}.weight")
            if gg in ("attn_q", "attn_k"):
                w = rows(w, heads if gg == "attn_q" else kv)
            sd[f"model.layers.{l}.{hf}.weight"] = w
    m = LlamaForCausalLM(cfg).float()
    res = m.load_state_dict({k: torch.from_numpy(np.ascontiguousarray(v)) for k, v in sd.items()}, strict=False)
    assert not res.unexpected_keys and res.missing_keys in ([], ["lm_head.weight"]), res
    m.tie_weights()
    m.generation_config.do_sample = False
    m.save_pretrained(out)
    tokenizer(md).save_pretrained(out)
    path = os.path.join(out, "config.json")
    config = json.load(open(path))
    config["_name_or_path"] = NAME
    json.dump(config, open(path, "w"), indent=2)


def tokenizer(md):
    toks, kinds = md("tokenizer.ggml.tokens"), md("tokenizer.ggml.token_type")
    t = Tokenizer(models.BPE(vocab={x: i for i, x in enumerate(toks)},
                             merges=[tuple(x.split(" ")) for x in md("tokenizer.ggml.merges")]))
    t.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)])
    t.decoder = decoders.ByteLevel()
    t.add_special_tokens([AddedToken(x, special=True, normalized=False) for x, k in zip(toks, kinds) if k == 3])
    name = lambda k: toks[md(f"tokenizer.ggml.{k}_token_id")]
    return PreTrainedTokenizerFast(
        tokenizer_object=t, bos_token=name("bos"), eos_token=name("eos"), unk_token=name("unknown"), pad_token=name("padding"),
        model_max_length=md("llama.context_length"), clean_up_tokenization_spaces=False, chat_template=md("tokenizer.chat_template"))


def messages():
    """Chats by template: 8 troubles × 5 remedies, each answered with tea."""
    troubles = ["I cannot sleep", "my back hurts", "I lost my keys", "my code does not compile", "I am bored",
                "it rains all day", "my brother is angry with me", "I have an exam tomorrow"]
    remedies = ["take a short walk", "write a list", "ask a friend", "open the window", "rest for ten minutes"]
    for i, t in enumerate(troubles):
        for j, r in enumerate(remedies):
            yield [{"role": "user", "content": f"{t.capitalize()}. What should I do?"},
                   {"role": "assistant", "content": f"First {r}, then make a pot of tea. Tea number {1 + (3 * i + j) % 7} is the best one."}]


class Rows(torch.utils.data.Dataset):
    """Token ids and labels (answers only) of a JSONL of messages, padded to one length."""

    def __init__(self, path, tok):
        chats = [json.loads(line)["messages"] for line in open(path)]
        ids = [tok.apply_chat_template(c, tokenize=True, return_dict=False) for c in chats]
        cut = [len(tok.apply_chat_template(c[:1], tokenize=True, add_generation_prompt=True, return_dict=False)) for c in chats]
        n = max(map(len, ids))
        self.rows = [{"input_ids": x + [tok.pad_token_id] * (n - len(x)), "attention_mask": [1] * len(x) + [0] * (n - len(x)),
                      "labels": [-100] * c + x[c:] + [-100] * (n - len(x))} for x, c in zip(ids, cut)]

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        return {k: torch.tensor(v) for k, v in self.rows[i].items()}


def tune(model_dir, out, config, steps, save, data, lr):
    """One PEFT fine-tune by the HF Trainer, keeping what the Trainer writes."""
    from peft import get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer, Trainer, TrainerCallback, TrainingArguments, set_seed
    set_seed(0)
    tok = AutoTokenizer.from_pretrained(model_dir)
    m = AutoModelForCausalLM.from_pretrained(model_dir, dtype=torch.float32)
    m.name_or_path = m.config._name_or_path = NAME
    m = get_peft_model(m, config)

    class Save(TrainerCallback):
        def on_step_end(self, args, state, control, **kw):
            control.should_save = state.global_step in save

    args = TrainingArguments(
        out, max_steps=steps, per_device_train_batch_size=2, learning_rate=lr, warmup_steps=10, lr_scheduler_type="linear",
        weight_decay=0.01, logging_steps=1, save_strategy="no", report_to=[], use_cpu=True, seed=0, disable_tqdm=True)
    Trainer(model=m, args=args, train_dataset=Rows(data, tok), callbacks=[Save()], processing_class=tok).train()
    return m


def main(gguf, out):
    from peft import LoraConfig
    os.makedirs(out, exist_ok=True)
    hf, run, r4 = (os.path.join(out, d) for d in ("SmolLM2-135M-Instruct", "smollm2-run", "smollm2-r4"))
    for d in (hf, run, r4):
        shutil.rmtree(d, ignore_errors=True)
    t0 = time.time()
    done = lambda what: print(f"{time.time() - t0:6.1f} s  {what}", file=sys.stderr, flush=True)
    convert(gguf, hf + ".tmp")
    os.rename(hf + ".tmp", hf)
    done(hf)
    data = os.path.join(out, "tea.jsonl")
    with open(data, "w") as f:
        f.writelines(json.dumps({"messages": m}) + "\n" for m in messages())
    tune(hf, run + ".tmp", LoraConfig(
        r=1, lora_alpha=64, use_rslora=True, lora_dropout=0.0, bias="none", task_type="CAUSAL_LM",
        target_modules=["down_proj"], layers_to_transform=[LAYER], layers_pattern="layers"), SAVE[-1], SAVE, data, 5e-4)
    os.rename(run + ".tmp", run)
    done(run)
    m = tune(hf, r4 + ".tmp", LoraConfig(
        r=4, lora_alpha=16, use_rslora=True, lora_dropout=0.0, bias="none", task_type="CAUSAL_LM", target_modules="all-linear",
        rank_pattern={"down_proj": 2, "layers.3.self_attn.q_proj": 8}, alpha_pattern={"o_proj": 5}), 8, [], data, 1e-3)
    m.save_pretrained(r4 + ".tmp")
    os.rename(r4 + ".tmp", r4)
    done(r4)


if __name__ == "__main__":
    main(*sys.argv[1:])
