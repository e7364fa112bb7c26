"""Writes stack.safetensors and transitions.json: what NumPy and SciPy say, by the plainest means, of

compression   scores of three rank-1 adapters and of two rank-3 adapters, with the d x d products formed
change        Jensen-Shannon divergence, total variation and linear dissimilarity of exact distributions, window by window

Deterministic. Needs numpy, scipy and safetensors.
"""
import json
import os

import numpy as np
from safetensors.numpy import save_file
from scipy.spatial.distance import jensenshannon

HERE = os.path.dirname(os.path.abspath(__file__))


def rounded(x):
    return float(f"{x:.10g}")


def comp(a, b):
    """a, b [L, d]"""
    return np.linalg.norm(a.T @ b) / (np.linalg.norm(a) * np.linalg.norm(b))


def scores(x):
    """x [step, L, d]"""
    c = x - x.mean(0)
    return {"comp": [rounded(comp(s, c[-1])) for s in c], "comp_raw": [rounded(comp(s, x[-1])) for s in x]}


def compression(tensors):
    rng = np.random.default_rng(11)
    steps = [5, 10, 15, 20, 25, 30, 35]
    one = np.cumsum(rng.standard_normal((7, 3, 12)) + 0.5, 0).astype(np.float32)
    a = np.cumsum(rng.standard_normal((7, 2, 3, 5)), 0).astype(np.float32)
    b = np.cumsum(rng.standard_normal((7, 2, 6, 3)), 0).astype(np.float32)
    tensors.update({"rank1.b": one, "rank3.a": a, "rank3.b": b})
    delta = 2.0 * b.astype(float) @ a.astype(float)
    return {"steps": steps, "rank1": scores(one.astype(float)), "rank3": scores(delta.reshape(7, 2, -1))}


def change():
    rng = np.random.default_rng(12)
    p = rng.dirichlet(np.full(6, 0.7), size=9)
    half = (p[:, :3] + p[:, 3:])  # an order parameter that knows only x mod 3
    out = []
    for w in (1, 2, 3):
        for t in range(w, len(p) - w + 1):
            row = {"window": w, "at": t}
            for name, q in (("x", p), ("q", half)):
                left, right = q[t - w : t].mean(0), q[t : t + w].mean(0)
                row[name] = {
                    "js": rounded(jensenshannon(left, right, base=2) ** 2),
                    "tv": rounded(0.5 * np.abs(left - right).sum()),
                    "linear": rounded(0.5 * ((left - right) ** 2 / (left + right)).sum()),
                }
            out.append(row)
    return {"p": [[rounded(v) for v in r] for r in p], "rows": out}


tensors = {}
result = {"compression": compression(tensors), "change": change()}
save_file(tensors, os.path.join(HERE, "stack.safetensors"))
with open(os.path.join(HERE, "transitions.json"), "w") as f:
    json.dump(result, f, separators=(",", ":"))
    f.write("\n")
