"""Writes small files with torch.save, and goldens.json: what is in them.

    python make_goldens.py        (needs torch)

goldens.json has, for every file, its tensors (dtype, shape, stride, and the values
as hexadecimal float32 in row-major order, where they are floats) and its other
values by joined key.
"""

import collections
import json
import os
import pathlib
import struct

import torch

HERE = pathlib.Path(__file__).parent
NAMES = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.float64: "F64", torch.int64: "I64", torch.bool: "BOOL"}


class Evil:
    """What a hostile file does to whoever unpickles it."""

    def __reduce__(self):
        return os.system, ("echo executed > executed",)


def hexa(t):
    values = t.detach().to(torch.float32).reshape(-1).tolist()
    return struct.pack(f"<{len(values)}f", *values).hex() if t.is_floating_point() else None


def flat(name, value, out):
    if isinstance(value, torch.Tensor):
        out["tensors"][name] = {"dtype": NAMES[value.dtype], "shape": list(value.shape), "stride": list(value.stride()), "values": hexa(value)}
    elif isinstance(value, dict):
        for k, v in value.items():
            flat(f"{name}.{k}" if name else str(k), v, out)
    elif isinstance(value, (list, tuple)) and any(isinstance(v, (torch.Tensor, dict, list, tuple)) for v in value):
        for k, v in enumerate(value):
            flat(f"{name}.{k}", v, out)
    else:
        out["values"][name] = str(value) if isinstance(value, (torch.dtype, torch.device)) else list(value) if isinstance(value, tuple) else value


def tied():
    """A state dict as a tied model saves it: two names, one storage, and views."""
    w = torch.randn(5, 4)
    d = collections.OrderedDict(embed=w, head=w, rows=w[1:3], columns=w.t(), part=w[:, 1:3], scalar=torch.tensor(2.5), empty=torch.zeros(0, 3))
    d._metadata = collections.OrderedDict({"": {"version": 1}})
    return d


def dtypes():
    x = torch.tensor([[1.5, -2.25, 3e-5], [65504.0, 0.0, -1e-7]])
    d = {n: x.to(t) for t, n in NAMES.items() if t.is_floating_point}
    return d | {"I64": torch.tensor([1, -2]), "BOOL": torch.tensor([True, False])}


def steering():
    return {"steering_vector": torch.nn.Parameter(torch.randn(6)), "layer_idx": 24, "d_model": 6, "alpha": 256.0, "name": "naïve", "none": None,
            "flag": True, "betas": (0.9, 0.999), "again": (0.9, 0.999), "size": torch.Size([6]), "dtype": torch.bfloat16, "device": torch.device("cpu"),
            "big": 1 << 40, "negative": -7, "nested": {"a": {0: torch.ones(2), 1: [torch.zeros(1), 3]}}}


torch.manual_seed(3)
golden = {}
for name, value, zipped in [("tied.bin", tied(), True), ("tied_legacy.bin", tied(), False), ("dtypes.pt", dtypes(), True), ("dtypes_legacy.pt", dtypes(), False),
                            ("steering_vector.pt", steering(), True), ("tensor.pt", torch.arange(3.0), True)]:
    torch.save(value, HERE / name, _use_new_zipfile_serialization=zipped)
    golden[name] = {"tensors": {}, "values": {}}
    flat("", value, golden[name])
torch.save({"w": torch.ones(1), "x": Evil()}, HERE / "evil.pt")
torch.save({"w": torch.ones(1)}, HERE / "protocol4.pt", pickle_protocol=4)
(HERE / "goldens.json").write_text(json.dumps(golden, indent=1, ensure_ascii=False) + "\n")
