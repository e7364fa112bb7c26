"""Writes path.safetensors: a path of B in 32 dimensions, saved at steps 1..10, every 5 and 792, that has the published properties of the
medical rank-1 run (2506.11613; figures measured on its released checkpoints): Turner's local cosine at the steps of the table below for
k = 10, 15, 20, 40, raw and of v/|v|, its medians, the last steps that the filter 0.0035 keeps, and |B| at twelve steps. The path itself is
planted: gradient descent moves it until it has these properties. Deterministic on one thread. Needs torch and safetensors.
"""
import os

import numpy as np
import torch
from safetensors.numpy import save_file

torch.manual_seed(0)
torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)
HERE = os.path.dirname(os.path.abspath(__file__))
STEPS = list(range(1, 11)) + list(range(15, 791, 5)) + [792]
AT = {s: i for i, s in enumerate(STEPS)}
TAU = 0.0035

RAW = {
    10: {15: -0.9719, 45: -0.9906, 100: -0.9877, 145: -0.9659, 165: -0.9516, 170: -0.9705, 175: -0.9783, 180: -0.9326, 185: -0.8339, 190: -0.8063, 195: -0.8996, 200: -0.9681, 240: -0.9749, 300: -0.9525},
    15: {190: -0.6914},
    20: {180: -0.8051, 185: -0.6589, 190: -0.6156, 195: -0.7088, 200: -0.8401},
    40: {165: -0.7896, 170: -0.7876, 175: -0.7417, 180: -0.6593, 185: -0.5810, 190: -0.5470, 195: -0.5667, 200: -0.6181, 240: -0.7945, 300: -0.7592},
}
NORMALISED = {
    10: {15: -0.4318, 45: -0.9052, 100: -0.9776, 145: -0.9523, 165: -0.9489, 170: -0.9681, 175: -0.9706, 180: -0.9072, 185: -0.7695, 190: -0.7391, 195: -0.8778, 200: -0.9668, 240: -0.9698, 300: -0.9469},
    40: {45: -0.5630, 100: -0.8337, 145: -0.6240, 165: -0.7458, 170: -0.7297, 175: -0.6564, 180: -0.5462, 185: -0.4539, 190: -0.4230, 195: -0.4586, 200: -0.5328, 240: -0.7568, 300: -0.7390},
}
MEDIAN = {10: -0.9749, 20: -0.9189, 40: -0.8508}
LAST = {10: 335, 20: 435, 40: 580}
NORM = {10: 0.00413, 40: 0.02104, 120: 0.0613, 150: 0.0742, 190: 0.0869, 230: 0.0964, 260: 0.1027, 300: 0.1094, 375: 0.1167, 500: 0.1220, 792: 0.1257}


def differences(v, k):
    ts = [s for s in STEPS if s - k in AT and s + k in AT and s > 10 - k and s % 5 == 0]
    t, l, r = ([AT[s + d] for s in ts] for d in (0, -k, k))
    return ts, v[l] - v[t], v[r] - v[t]


def cosines(v, k):
    ts, u, w = differences(v, k)
    n, m = u.norm(dim=1), w.norm(dim=1)
    return ts, (u * w).sum(1) / (n * m), torch.maximum(n, m)


def loss(v):
    unit = v / v.norm(dim=1, keepdim=True)
    total = 0.0
    for k in (10, 15, 20, 40):
        ts, c, m = cosines(v, k)
        index = {s: i for i, s in enumerate(ts)}
        for s, want in RAW[k].items():
            total = total + 10 * (c[index[s]] - want) ** 2
        kept = m >= TAU
        others = torch.tensor([s != 190 for s in ts]) & kept
        total = total + torch.relu(c[others] - (RAW[k][190] - 0.015)).pow(2).sum()
        if k in MEDIAN:
            rest = torch.tensor([s not in RAW[k] for s in ts]) & kept
            total = total + 5 * (c[rest] - MEDIAN[k]).pow(2).mean() + 0.1 * (c[rest] - MEDIAN[k]).abs().mean()
            over = torch.tensor([s <= LAST[k] for s in ts])
            total = total + ((torch.relu(1.02 * TAU - m[over]).pow(2).sum() + torch.relu(m[~over] - 0.98 * TAU).pow(2).sum()) / TAU**2)
    for k, table in NORMALISED.items():
        ts, c, _ = cosines(unit, k)
        index = {s: i for i, s in enumerate(ts)}
        for s, want in table.items():
            total = total + 10 * (c[index[s]] - want) ** 2
    for s, want in NORM.items():
        total = total + (v[AT[s]].norm() / want - 1) ** 2
    return total


steps = np.array([0] + sorted(NORM), dtype=float)
radius = np.interp(STEPS, steps, [0.0] + [NORM[s] for s in sorted(NORM)])
turn = np.radians(70) / (1 + np.exp(-(np.array(STEPS) - 190) / 8))
drift = np.radians(40) * np.array(STEPS) / 792
step = np.diff(np.concatenate([[0.0], radius]))
heading = np.stack([np.cos(turn + drift), np.sin(turn + drift)], 1)
v = np.zeros((len(STEPS), 32))
v[:, :2] = np.cumsum(step[:, None] * heading, 0)
v += np.cumsum(np.random.default_rng(0).standard_normal(v.shape), 0) * 2e-5
size = torch.tensor(np.maximum(step, 2e-4))[:, None]
moves = torch.tensor(np.diff(np.concatenate([np.zeros((1, 32)), v]), axis=0)) / size
moves.requires_grad_(True)


def path():
    return torch.cumsum(moves * size, 0)


optimiser = torch.optim.Adam([moves], lr=0.02)
schedule = torch.optim.lr_scheduler.ExponentialLR(optimiser, 0.9993)
for i in range(8000):
    optimiser.zero_grad()
    x = loss(path())
    x.backward()
    optimiser.step()
    schedule.step()
    if i % 500 == 0:
        print(i, float(x.detach()), flush=True)
v = path().detach()
print("final", float(loss(v)))
save_file({"b": v.numpy().astype(np.float32)}, os.path.join(HERE, "path.safetensors"))
