"""Writes what this package is compared with, by NumPy in float64 and the plainest means: Delta W is formed, every pair is looped over.

rank4.safetensors, rank4.json   a rank-4 path at uneven steps: norms, Frobenius angles, principal components, subspace angles
debiased.json                   the debiased angle and its jackknife error on one of trajectories.safetensors, by double loops

Deterministic. Needs numpy and safetensors; trajectories.safetensors is read, not made (README.md says where it is from).
"""
import json
import os

import numpy as np
from safetensors.numpy import load_file, save_file

HERE = os.path.dirname(os.path.abspath(__file__))


def at(name):
    return os.path.join(HERE, name)


def rounded(x):
    return None if not np.isfinite(x) else float(f"{x:.10g}")


def angle(u, w):
    return float(np.degrees(np.arccos(np.clip(np.sum(u * w) / np.sqrt(np.sum(u * u) * np.sum(w * w)), -1, 1))))


def rank4():
    rng = np.random.default_rng(4)
    steps = [1, 2, 3, 5, 8, 10, 15, 20, 25, 30, 35, 40, 42]
    a, b = rng.standard_normal((4, 14)), np.zeros((10, 4))
    heading, tensors = rng.standard_normal((10, 4)), {}
    for i, s in enumerate(steps):
        if i > 0:
            b = b + 0.05 * (s - steps[i - 1]) * heading
        heading = heading + 0.4 * rng.standard_normal((10, 4))
        a = a + 0.02 * rng.standard_normal((4, 14))
        tensors[f"a.{s}"], tensors[f"b.{s}"] = a.astype(np.float32), b.astype(np.float32)
    save_file(tensors, at("rank4.safetensors"))
    scale = 3.0
    delta = {s: scale * tensors[f"b.{s}"].astype(float) @ tensors[f"a.{s}"].astype(float) for s in steps}
    out = {"steps": steps, "scale": scale, "rows": []}
    live = steps[1:]
    x = np.stack([delta[s].ravel() for s in live])
    x -= x.mean(0)
    _, sv, _ = np.linalg.svd(x, full_matrices=False)
    out["pca_ratios"] = [rounded(r) for r in (sv**2 / np.sum(sv**2))[:3]]
    final = np.linalg.qr(tensors[f"b.{steps[-1]}"].astype(float))[0]
    for s in steps:
        b = tensors[f"b.{s}"].astype(float)
        row = {"step": s, "norm_delta": rounded(np.linalg.norm(delta[s])), "turn": {}, "subspace": None}
        for k in (5, 10):
            if s - k in delta and s + k in delta and np.any(delta[s - k]):
                row["turn"][k] = rounded(angle(delta[s] - delta[s - k], delta[s + k] - delta[s]))
        if np.any(b):
            q = np.linalg.qr(b)[0]
            row["subspace"] = rounded(np.degrees(np.arccos(np.clip(np.linalg.svd(q.T @ final, compute_uv=False).min(), -1, 1))))
        out["rows"].append(row)
    return out


def debiased(v, h, gap=2):
    """Angle and jackknife error at every boundary with h increments on either side."""
    d = np.diff(v, axis=0)
    g = d @ d.T

    def estimate(left, right):
        def mean(x, y):
            return np.mean([g[i, j] for i in x for j in y if abs(i - j) >= gap])

        a, b, c = mean(left, left), mean(right, right), mean(left, right)
        return np.degrees(np.arccos(np.clip(c / np.sqrt(a * b), -1, 1))) if min(a, b) > 0 else np.nan

    out = []
    for t in range(h, len(d) - h + 1):
        left, right = list(range(t - h, t)), list(range(t, t + h))
        loo = [estimate([j for j in left if j != i], right) for i in left] + [estimate(left, [j for j in right if j != i]) for i in right]
        n = 2 * h
        out.append([t, rounded(estimate(left, right)), rounded(np.sqrt((n - 1) / n * np.sum((loo - np.mean(loo)) ** 2)))])
    return out


def dump(name, value):
    with open(at(name), "w") as f:
        json.dump(value, f, separators=(",", ":"))
        f.write("\n")


dump("rank4.json", rank4())
v = load_file(at("trajectories.safetensors"))["A_layer0_lr1e-4"].astype(float)
dump("debiased.json", {"trajectory": "A_layer0_lr1e-4", "windows": {str(5 * h): debiased(v, h) for h in (4, 8)}})
