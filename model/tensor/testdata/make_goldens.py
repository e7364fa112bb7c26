"""Writes goldens.json: what the gguf package and torch make of small inputs.

    python make_goldens.py        (needs gguf, numpy, torch)
    python make_goldens.py DIR    writes more blocks and their decoding to DIR (needs gguf, numpy)

Arrays are hexadecimal little-endian bytes, so that equality can mean bits.
"""

import hashlib
import json
import pathlib
import sys

import gguf
import numpy as np


def hexa(x):
    return np.ascontiguousarray(x).tobytes().hex()


# Bytes of a block of each quantised type, and where its float16 scales lie.
QUANTISED = {
    "Q4_0": (18, [0]), "Q4_1": (20, [0, 2]), "Q5_0": (22, [0]), "Q5_1": (24, [0, 2]), "Q8_0": (34, [0]),
    "Q2_K": (84, [80, 82]), "Q3_K": (110, [108]), "Q4_K": (144, [0, 2]), "Q5_K": (176, [0, 2]), "Q6_K": (210, [208]),
    "IQ4_NL": (18, [0]), "IQ4_XS": (136, [0]),
}


def random_blocks(rng, name, scales):
    """Blocks of random bytes: every bit pattern is a valid weight. One block a scale."""
    size, at = QUANTISED[name]
    blocks = rng.integers(0, 256, (len(scales), size), np.uint8)
    for i, h in enumerate(at):
        blocks[:, h : h + 2] = np.roll(scales, i).view(np.uint8).reshape(-1, 2)
    return blocks


def decoded(blocks, name):
    """What gguf makes of the blocks, float32 with one bit pattern for all NaNs."""
    assert gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[name]][1] == QUANTISED[name][0]
    with np.errstate(invalid="ignore"):
        x = gguf.quants.dequantize(blocks, gguf.GGMLQuantizationType[name]).astype(np.float32)
    x.view(np.uint32)[np.isnan(x)] = 0x7FC00000
    return x


def quantised(rng):
    """Random blocks with scales of every kind, and the SHA-256 of each decoded block."""
    scales = np.array([0.0123, -1.5, 6e-8, 2e-5, 65504, 0, np.inf, np.nan], np.float16)
    out = {}
    for name in QUANTISED:
        blocks = random_blocks(rng, name, scales)
        out[name] = {"blocks": hexa(blocks), "sha256": [hashlib.sha256(x.tobytes()).hexdigest() for x in decoded(blocks, name)]}
    return out


def dump(path):
    """Writes 500 blocks of each type with random float16 scales, and their decoding."""
    rng = np.random.default_rng(12)
    for name in QUANTISED:
        scales = rng.integers(0, 1 << 16, 500).astype(np.uint16).view(np.float16)
        blocks = random_blocks(rng, name, scales)
        (path / f"{name}.blocks").write_bytes(blocks.tobytes())
        (path / f"{name}.floats").write_bytes(decoded(blocks, name).tobytes())


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


def main():
    rng = np.random.default_rng(11)
    golden = {"quant": quantised(rng), "adam": adam(rng), "rows": rows(rng)}
    path = pathlib.Path(__file__).with_name("goldens.json")
    path.write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        dump(pathlib.Path(sys.argv[1]))
    else:
        import torch

        main()
