"""The distributions that transformers samples from, after its logits processors.

Writes sampling.json: [{logits, seen, temperature, top_k, top_p, min_p, penalty, probs}]; an option that is not used is 0 (penalty: 1).
probs are the softmax of the processed scores, in float32 as transformers computes them. The processors, and their order, are
those that generate() itself makes of a GenerationConfig. Cases whose outcome hangs on the last bits of a sum or of a quotient
are drawn again. Runs with transformers 5.23.
"""
import json, os
os.environ.update(HF_HUB_OFFLINE="1", CUDA_VISIBLE_DEVICES="")
import torch
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, LogitsProcessorList

VOCAB = 40
CASES = [dict(), dict(temperature=0.7), dict(temperature=1.9), dict(top_k=5), dict(top_k=1), dict(top_k=100), dict(top_p=0.9), dict(top_p=0.3),
         dict(top_p=0.01), dict(min_p=0.1), dict(min_p=1.0), dict(penalty=1.3), dict(penalty=0.8), dict(temperature=0.6, top_k=20, top_p=0.95),
         dict(temperature=1.5, min_p=0.05), dict(temperature=0.8, top_k=7, top_p=0.6, min_p=0.2), dict(penalty=1.2, temperature=1.1, top_k=15, top_p=0.8, min_p=0.02),
         dict(penalty=5.0, top_p=0.5), dict(temperature=3.0, top_p=0.99), dict(temperature=0.05)]


def processed(model, seen, scores, c):
    config = GenerationConfig(do_sample=True, top_k=c.get("top_k") or None, top_p=c.get("top_p"), temperature=c.get("temperature", 1.0),
                              min_p=c.get("min_p"), repetition_penalty=c.get("penalty"), num_beams=1)
    ps = model._get_logits_processor(generation_config=config, input_ids_seq_length=len(seen), encoder_input_ids=torch.tensor([seen]),
                                     prefix_allowed_tokens_fn=None, logits_processor=LogitsProcessorList(), device="cpu", model_kwargs={})
    return ps, ps(torch.tensor([seen]), scores)[0]


def main():
    torch.manual_seed(0)
    m = LlamaForCausalLM(LlamaConfig(vocab_size=VOCAB, hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1))
    out = []
    for c in CASES:
        done = 0
        while done < 3:
            logits = ((torch.randn(1, VOCAB) * 3 * 1024).round() / 1024)  # short in decimals, exact in float32
            if done == 2:
                logits = (logits * 2).round() / 2  # ties
            seen = torch.randint(0, VOCAB, (9,)).tolist()
            ps, scores = processed(m, seen, logits, c)
            # The same in float64: keep only cases in which the same tokens are left.
            _, exact = processed(m, seen, logits.double(), c)
            if not torch.equal(scores.isinf(), exact.isinf()) or (done == 2 and c.get("top_p")):
                if done == 2 and c.get("top_p"):
                    done = 3  # which of equals top-p leaves is up to the sort
                continue
            out.append(dict(logits=logits[0].tolist(), seen=seen, temperature=c.get("temperature", 1.0), top_k=c.get("top_k", 0), top_p=c.get("top_p", 0),
                            min_p=c.get("min_p", 0), penalty=c.get("penalty", 1), probs=[float(f"{p:.8g}") for p in scores.softmax(-1).tolist()]))
            done += 1
        print(c, [type(p).__name__ for p in ps])
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "sampling.json"), "w") as f:
        f.write("[" + ",\n".join(json.dumps(c, separators=(",", ":")) for c in out) + "]\n")


if __name__ == "__main__":
    main()
