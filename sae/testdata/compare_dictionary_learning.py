"""Trains dictionary_learning's BatchTopK on the rows that `agar sae train` trains on and saves it as a SAELens directory.

    python compare_dictionary_learning.py CAPTURE OUT --hook H --d-sae 4608 --k 32 --tokens 1000000 --batch 512 [--defaults]

Same capture, same filter (special ids of the manifest, norms above 10 medians), same held-out documents (the last tenth), same number of
tokens, batch size, step size and k. Without --defaults the schedule is agar's too (warm-up over a twentieth of the steps,
decay over the last fifth, the threshold from half of the run); with it the trainer's own defaults stand. Activations are
divided by the root of their mean squared norm, which dictionary_learning calls normalize_activations, and the finished dictionary is scaled back.
`agar sae eval OUT CAPTURE --from ROW` then judges both dictionaries with one code on one text.

--l0 sets the finished threshold so that the mean L0 of 20,000 random training rows is that number: the trainer's slow moving average
leaves it short of k in a run of a thousand steps, and explained variance is compared at equal L0.
"""
import argparse
import json
import os
import time

import numpy as np
import pyarrow as pa
import torch
from dictionary_learning.trainers.batch_top_k import BatchTopKTrainer
from safetensors.torch import save_file


def rows_of(store, hook):
    m = json.load(open(os.path.join(store, "manifest.json")))
    xs, ids, docs = [], [], []
    for s in m["content"]["shards"]:
        with pa.memory_map(os.path.join(store, s["name"])) as f:
            t = pa.ipc.open_file(f).read_all()
        col = t[hook].combine_chunks()
        col = col.chunk(0) if isinstance(col, pa.ChunkedArray) else col
        xs.append(np.asarray(col.flatten()).reshape(len(t), -1).astype(np.float32))
        ids.append(t["token_id"].to_numpy())
        docs.append(t["doc"].to_numpy())
    return m, np.concatenate(xs), np.concatenate(ids), np.concatenate(docs)


def threshold_for(ae, x, l0):
    """The threshold at which rows x have l0 features on average."""
    with torch.no_grad():
        acts = torch.relu(ae.encoder(x - ae.b_dec)).flatten()
        return float(acts.topk(int(l0 * len(x))).values.min())


def main():
    p = argparse.ArgumentParser()
    p.add_argument("capture")
    p.add_argument("out")
    p.add_argument("--hook", required=True)
    p.add_argument("--d-sae", type=int, required=True)
    p.add_argument("--k", type=int, required=True)
    p.add_argument("--tokens", type=int, required=True)
    p.add_argument("--batch", type=int, required=True)
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--defaults", action="store_true")
    p.add_argument("--l0", type=float)
    a = p.parse_args()
    m, x, ids, docs = rows_of(a.capture, a.hook)
    norms = np.linalg.norm(x.astype(np.float32), axis=1)
    keep = ~np.isin(ids, m["content"]["special_ids"]) & (norms <= 10 * np.median(norms))
    n_docs = int(docs[keep].max()) + 1
    held = max(int(0.1 * n_docs), 1)
    train = np.flatnonzero(keep & (docs < n_docs - held))
    print(f"{len(x)} rows, {len(train)} to train on, first held out {int(np.flatnonzero(docs >= n_docs - held)[0])}", flush=True)

    steps = a.tokens // a.batch
    kw = {}
    if not a.defaults:
        kw = dict(warmup_steps=steps // 20, decay_start=steps - steps // 5, threshold_start_step=min(steps // 2, 1000))
    scale = float(np.sqrt(np.mean(norms[train[:51200]].astype(np.float64) ** 2)))
    lr = 2e-4 / (a.d_sae / 2**14) ** 0.5
    t = BatchTopKTrainer(steps=steps, activation_dim=x.shape[1], dict_size=a.d_sae, k=a.k, layer=15, lm_name="-", lr=lr, seed=a.seed, device="cpu", **kw)
    rng = np.random.default_rng(a.seed)
    order = rng.permutation(train)
    began, cpu = time.time(), time.process_time()
    at = 0
    for step in range(steps):
        if at + a.batch > len(order):
            order, at = rng.permutation(train), 0
        t.update(step, torch.from_numpy(x[order[at : at + a.batch]] / scale))
        at += a.batch
        if step % 100 == 0:
            print(f"step {step} of {steps}, {step * a.batch / (time.time() - began):.0f} tokens/s", flush=True)
    secs, cpu = time.time() - began, time.process_time() - cpu
    ae = t.ae
    ae.scale_biases(scale)
    thr = float(ae.threshold)
    if a.l0:
        thr = threshold_for(ae, torch.from_numpy(x[rng.choice(train, 20000, replace=False)]), a.l0)
    dead = int((t.num_tokens_since_fired >= t.dead_feature_threshold).sum()) if hasattr(t, "num_tokens_since_fired") else -1
    os.makedirs(a.out, exist_ok=True)
    save_file(
        {
            "W_enc": ae.encoder.weight.data.T.contiguous(), "b_enc": ae.encoder.bias.data.contiguous(),
            "W_dec": ae.decoder.weight.data.T.contiguous(), "b_dec": ae.b_dec.data.contiguous(),
            "threshold": torch.full((a.d_sae,), thr),
        },
        os.path.join(a.out, "sae_weights.safetensors"),
    )
    json.dump(
        {
            "d_in": x.shape[1], "d_sae": a.d_sae, "dtype": "float32", "device": "cpu", "apply_b_dec_to_input": True, "normalize_activations": "none",
            "reshape_activations": "none", "architecture": "jumprelu",
            "metadata": {"hook_name": a.hook, "sae_lens_version": "6.54.12", "trainer": "dictionary_learning BatchTopK", "seconds": secs},
        },
        open(os.path.join(a.out, "cfg.json"), "w"),
    )
    print(f"{steps * a.batch} tokens in {secs:.0f} s ({steps * a.batch / secs:.0f}/s, {steps * a.batch / cpu:.0f} per CPU second), threshold {thr:.4g}, dead by its own rule {dead}")


main()
