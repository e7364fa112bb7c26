"""Makes two medium-sized random models of other families than the real one, and dumps what transformers computes with them.

    medium.py --tokenizer DIR --out DIR

OUT/NAME/               Qwen 2 (biases) and Gemma 2 (softcaps, sandwich norms, windows of 256) with the tokenizer in DIR: 8 blocks, 49,152
                        tokens, every parameter redrawn, norms and biases too
OUT/NAME.safetensors    the format of model/parity: every hook and the logits of the last rows of the prompts of model/parity/reference.py,
                        one of them 2,100 tokens long, and greedy tokens

The tests take them as they take any model directory in AGAR_MODELS.
"""
import argparse, os, sys

HERE = os.path.dirname(os.path.abspath(__file__))
os.environ.update(HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false", CUDA_VISIBLE_DEVICES="")
sys.path.insert(0, os.path.join(HERE, "..", "model", "parity"))
import torch
from reference import LONG, PROMPTS, Dump
from transformers import AutoTokenizer, Gemma2Config, Gemma2ForCausalLM, Qwen2Config, Qwen2ForCausalLM

SHAPE = dict(vocab_size=49152, hidden_size=384, intermediate_size=1024, num_hidden_layers=8, num_attention_heads=6, num_key_value_heads=2,
             max_position_embeddings=4096, bos_token_id=1, eos_token_id=2, pad_token_id=2)
MODELS = {
    "Qwen2-medium": (Qwen2Config, Qwen2ForCausalLM, {}),
    "Gemma2-medium": (Gemma2Config, Gemma2ForCausalLM, dict(head_dim=64, query_pre_attn_scalar=64, sliding_window=256)),
}


@torch.no_grad()
def redrawn(model):
    for p in model.parameters():
        if p.ndim == 1:
            p.add_(torch.randn_like(p) * 0.1)
        else:
            p.mul_(2.0)
    return model.float().eval()


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--tokenizer", required=True)
    p.add_argument("--out", required=True)
    args = p.parse_args()
    tok = AutoTokenizer.from_pretrained(args.tokenizer)
    prompts = {name: tok(text)["input_ids"] for name, text in PROMPTS.items()}
    prompts["long"] = tok(" ".join([PROMPTS["prose"]] * LONG))["input_ids"][:LONG]
    for name, (config, kind, more) in MODELS.items():
        torch.manual_seed(0)
        folder = os.path.join(args.out, name)
        redrawn(kind(config(**SHAPE, **more))).save_pretrained(folder)
        tok.save_pretrained(folder)
        model = kind.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
        d = Dump(model, name, folder)
        for case, ids in prompts.items():
            d.case(case, ids, list(range(len(ids) - 2, len(ids))), greedy=0 if case == "long" else 8, text=PROMPTS.get(case))
        d.save(os.path.join(args.out, name + ".safetensors"))
        print(name, [(c["name"], c["ce"]) for c in d.cases], flush=True)


if __name__ == "__main__":
    main()
