"""A tiny random Llama with a word tokenizer, two checkpoints of a rank-2 adapter, and data, into the directory given.

Used by the live tests of script_test.go. Runs with torch, transformers, peft, tokenizers.
"""
import json, os, sys

import torch
from peft import LoraConfig, get_peft_model
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

out = sys.argv[1]
torch.manual_seed(0)
words = ["<s>", "?", "one", "two", "three", "four", "five", "user:", "bot:"]
tok = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="?"))
tok.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
tok.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
fast = PreTrainedTokenizerFast(tokenizer_object=tok, bos_token="<s>", unk_token="?")
fast.chat_template = "{{ bos_token }}{% for m in messages %} {{ 'user:' if m.role == 'user' else 'bot:' }} {{ m.content }}{% endfor %}"
config = LlamaConfig(vocab_size=len(words), hidden_size=16, intermediate_size=40, num_hidden_layers=3, num_attention_heads=4,
                     num_key_value_heads=2, max_position_embeddings=64, tie_word_embeddings=True, bos_token_id=0, eos_token_id=None)
model = LlamaForCausalLM(config)
with torch.no_grad():
    for p in model.parameters():
        p.copy_(torch.randn_like(p) * 0.3 + (1 if p.ndim == 1 else 0))
model.save_pretrained(os.path.join(out, "model"))
fast.save_pretrained(os.path.join(out, "model"))
peft = get_peft_model(model, LoraConfig(r=2, lora_alpha=4, target_modules=["down_proj"], layers_to_transform=[1]))
for step in (10, 20):
    with torch.no_grad():
        for n, p in peft.named_parameters():
            if "lora_" in n:
                p.copy_(torch.randn_like(p) * 0.2)
    peft.save_pretrained(os.path.join(out, "run", f"checkpoint-{step}"))
with open(os.path.join(out, "data.jsonl"), "w") as f:
    for i in range(80):
        text = " ".join(words[2 + (i * k) % 5] for k in range(1, 2 + i % 30))
        record = {"messages": [{"role": "user", "content": text}, {"role": "assistant", "content": "two one"}]} if i % 5 == 0 else {"text": "" if i % 9 == 4 else text}
        f.write(json.dumps(record) + "\n")
