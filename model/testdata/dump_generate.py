"""What transformers generates from a real model where the logits are processed, stop strings end it, and one of several end tokens does.

    dump_generate.py MODEL OUT

Writes OUT/NAME.json of the model's base name: [{name, ids, penalty, stop, eos, max_new, tokens, text, margin}]: greedy continuations of `ids` under a repetition penalty,
ended by `stop` strings or `eos` tokens (the one that ended it included); `text` is the continuation without special tokens and
`margin` the smallest gap on the way between the first and the second processed score.
"""
import json, os, sys
os.environ.update(HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false", CUDA_VISIBLE_DEVICES="")
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer


def main(path, out):
    tok = AutoTokenizer.from_pretrained(path)
    m = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32).eval()
    chat = lambda s: tok.apply_chat_template([{"role": "user", "content": s}], add_generation_prompt=True, return_dict=False)
    story = chat("Write a long story about a lighthouse keeper and her cat.")
    free = m.generate(input_ids=torch.tensor([story]), max_new_tokens=40, do_sample=False, pad_token_id=0)[0, len(story):].tolist()
    said = tok.decode(free)
    mid = said[len(said) // 2 + 1: len(said) // 2 + 7]  # wherever that cuts tokens
    cases = []
    for name, ids, penalty, stop, eos, n in [
        ("penalty", story, 1.3, [], None, 40), ("reward", tok("The sea, the sea, the")["input_ids"], 0.9, [], None, 20),
        ("stop inside of tokens", story, 1.0, [mid, "never said"], None, 40), ("stop at the first of two", story, 1.0, [said[40:44], said[20:24]], None, 40),
        ("second of two end tokens", story, 1.0, [], [tok.eos_token_id, free[17]], 40), ("penalty and stop", chat("Count to ten."), 1.1, ["5"], None, 60),
        ("its own end", chat("Say only yes."), 1.0, [], None, 80),
    ]:
        kw = dict(stop_strings=stop, tokenizer=tok) if stop else {}
        r = m.generate(input_ids=torch.tensor([ids]), max_new_tokens=n, do_sample=False, repetition_penalty=penalty, pad_token_id=0,
                       eos_token_id=eos or tok.eos_token_id, output_scores=True, return_dict_in_generate=True, **kw)
        new = r.sequences[0, len(ids):].tolist()
        top = torch.stack(r.scores)[:, 0].topk(2).values
        cases.append(dict(name=name, ids=ids, penalty=penalty, stop=stop, eos=eos or [tok.eos_token_id], max_new=n, tokens=new,
                          text=tok.decode(new, skip_special_tokens=True), margin=float((top[:, 0] - top[:, 1]).min())))
        print(name, len(new), cases[-1]["margin"], repr(cases[-1]["text"][-60:]), stop, flush=True)
    with open(os.path.join(out, os.path.basename(path) + ".json"), "w") as f:
        json.dump(cases, f)


if __name__ == "__main__":
    main(*sys.argv[1:])
