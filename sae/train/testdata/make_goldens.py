"""Golden training steps of dictionary_learning's BatchTopK trainer.

    python make_goldens.py            (dictionary-learning 0.1.0, torch 2.15.0; writes steps.safetensors beside itself)

Four steps at d 12, 40 features, k 3, batch 24, from weights with random biases, with a warm-up of one step (rate 0), a decay
from step 2 on and features that count as dead after 40 tokens, two of them a row in the auxiliary loss. Holds the weights before
the first step, the batches, and after each step the losses, threshold, parameters and tokens since each feature fired.
"""

import pathlib

import torch
from dictionary_learning.trainers.batch_top_k import BatchTopKTrainer
from safetensors.torch import save_file

D, F, K, B, STEPS = 12, 40, 3, 24, 4
torch.manual_seed(7)
torch.set_num_threads(1)
tr = BatchTopKTrainer(
    steps=STEPS, activation_dim=D, dict_size=F, k=K, layer=0, lm_name="none", lr=3e-3, device="cpu",
    warmup_steps=1, decay_start=2, threshold_beta=0.9, threshold_start_step=0, seed=7,
)
tr.dead_feature_threshold = 40
tr.top_k_aux = 2
# Biases that differ, low for half of the features so that those stay silent.
with torch.no_grad():
    tr.ae.encoder.bias += 0.1 * torch.randn(F) - 0.6 * (torch.arange(F) % 2)
    tr.ae.encoder.weight += 0.1 * torch.randn(F, D)
x = (torch.randn(STEPS, B, 6).relu() @ torch.randn(6, D)) / 3 + torch.randn(D) / 2
x[3] *= 3  # some of the dead come back in the last step
out = {"x": x}


def dump(name):
    out[f"{name}.W_enc"] = tr.ae.encoder.weight.detach().clone()
    out[f"{name}.b_enc"] = tr.ae.encoder.bias.detach().clone()
    out[f"{name}.W_dec"] = tr.ae.decoder.weight.detach().T.contiguous().clone()
    out[f"{name}.b_dec"] = tr.ae.b_dec.detach().clone()


dump("start")
dead = []
loss = tr.loss


def watched(batch, step=None, logging=False):
    log = loss(batch, step=step, logging=True)
    out[f"{step}.loss"] = torch.tensor([log.losses["loss"], log.losses["l2_loss"], log.losses["auxk_loss"]])
    dead.append(tr.dead_features)
    # The run for the record has moved the counters and the threshold: put them back.
    tr.num_tokens_since_fired, tr.ae.threshold = saved[0].clone(), saved[1].clone()
    return loss(batch, step=step, logging=False)


tr.loss = watched
for step in range(STEPS):
    saved = (tr.num_tokens_since_fired.clone(), tr.ae.threshold.clone())
    tr.update(step, x[step])
    dump(str(step))
    out[f"{step}.threshold"] = torch.as_tensor(tr.ae.threshold).reshape(1).float()
    out[f"{step}.silent"] = tr.num_tokens_since_fired.float()
out["dead"] = torch.tensor(dead).float()
print("dead", dead, "losses", [out[f"{s}.loss"].tolist() for s in range(STEPS)], "threshold", [out[f"{s}.threshold"].item() for s in range(STEPS)])
save_file({k: v.contiguous() for k, v in out.items()}, pathlib.Path(__file__).parent / "steps.safetensors")
