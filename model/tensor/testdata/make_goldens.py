"""Writes goldens.json: what the gguf package and torch make of small inputs.

    python make_goldens.py        (needs gguf, numpy, torch)

Arrays are hexadecimal little-endian bytes, so that equality can mean bits.
"""

import json
import pathlib

import gguf
import numpy as np
import torch


def hexa(x):
    return np.ascontiguousarray(x).tobytes().hex()


def quantised(rng):
    """Random blocks with scales of every kind, and their decoding."""
    scales = np.array([0.0123, -1.5, 6e-8, 2e-5, 65504, 0], np.float16)
    out = {}
    for name, size, halves in [("Q4_0", 18, 1), ("Q4_1", 20, 2), ("Q8_0", 34, 1)]:
        blocks = rng.integers(0, 256, (len(scales), size), np.uint8)
        for h in range(halves):
            blocks[:, 2 * h : 2 * h + 2] = np.roll(scales, h).view(np.uint8).reshape(-1, 2)
        kind = gguf.GGMLQuantizationType[name]
        out[name] = {"blocks": hexa(blocks), "floats": hexa(gguf.quants.dequantize(blocks, kind).astype(np.float32))}
    return out


def adam(rng):
    """Parameters, the gradients of three steps, and the parameters after each."""
    p = torch.nn.Parameter(torch.tensor(rng.standard_normal(13), dtype=torch.float32))
    start, grads, after = p.detach().numpy().copy(), [], []
    opt = torch.optim.Adam([p], lr=0.01, betas=(0.9, 0.999), eps=1e-8, foreach=False)
    for _ in range(3):
        g = rng.standard_normal(13).astype(np.float32)
        p.grad = torch.tensor(g)
        opt.step()
        grads.append(hexa(g))
        after.append(hexa(p.detach().numpy()))
    return {"start": hexa(start), "grads": grads, "after": after}


def rows(rng):
    """RMSNorm as transformers writes it, SwiGLU and softmax on one row of 100."""
    x, w = rng.standard_normal((2, 100)).astype(np.float32) * 3
    x[7] *= 500
    tx, tw = torch.tensor(x), torch.tensor(w)
    norm = tw * (tx * torch.rsqrt(tx.pow(2).mean(-1, keepdim=True) + 1e-5))
    gate = torch.nn.functional.silu(tw * 4) * tx
    soft = torch.softmax(tw * 4, -1)
    return {k: hexa(v) for k, v in [("x", x), ("w", w), ("norm", norm.numpy()), ("gate", gate.numpy()), ("soft", soft.numpy())]}


rng = np.random.default_rng(11)
golden = {"quant": quantised(rng), "adam": adam(rng), "rows": rows(rng)}
path = pathlib.Path(__file__).with_name("goldens.json")
path.write_text(json.dumps(golden, indent=1) + "\n")
