"""Loads a steering vector that agar trained with torch and compares what it makes of a chat with what agar did.

    bred.py MODEL CHECKPOINT SAME.json OTHER.json

The files are what `agar model generate --json` printed with this vector, and with another: the log-probabilities of the tokens
drawn must be within 1e-4 of transformers' with the vector of the first, and further apart with that of the second.
"""
import json, os, sys
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer


def apart(m, tok, path):
    r = json.loads(open(path).read())
    ids = tok.apply_chat_template([{"role": "user", "content": r["prompt"]}], add_generation_prompt=True, return_dict=True)["input_ids"]
    c = r["completions"][0]
    with torch.no_grad():
        lp = m(torch.tensor([ids + c["ids"]])).logits[0].double().log_softmax(-1)
    return max(abs(float(lp[len(ids) - 1 + i, t]) - c["logprobs"][i]) for i, t in enumerate(c["ids"]))


def main():
    model, checkpoint, same, other = sys.argv[1:]
    s = torch.load(os.path.join(checkpoint, "steering_vector.pt"), weights_only=True)
    assert s["steering_vector"].shape == (s["d_model"],) and s["steering_vector"].abs().max() > 0, s
    m = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32).eval()
    m.model.layers[s["layer_idx"]].register_forward_hook(
        lambda mod, a, o: (o[0] + s["alpha"] * s["steering_vector"], *o[1:]) if isinstance(o, tuple) else o + s["alpha"] * s["steering_vector"])
    tok = AutoTokenizer.from_pretrained(model)
    a, b = apart(m, tok, same), apart(m, tok, other)
    print(f"steering: log-probabilities within {a:.1e}, with another vector {b:.1e}")
    assert a < 1e-4 < b, (a, b)


if __name__ == "__main__":
    main()
