"""Captures and caches as other programs write them, read by arrow_test.go and import_test.go.

Runs with pyarrow 26 and numpy 2; the datasets files are written the way
datasets.Dataset.save_to_disk does, as Arrow streams with an extension type.
Every value is a function of its place, so that the tests need no second copy.
"""
import os
import numpy as np, pyarrow as pa

HERE = os.path.dirname(os.path.abspath(__file__))
N, D, E = 11, 4, 3  # rows, width of the float16 hook, of the float32 hook


def table(extra):
    i = np.arange(N)
    cols = {
        "token_id": pa.array(100 + i, pa.int32()), "doc": pa.array(i // 4, pa.int32()),
        "window": pa.array(np.zeros(N), pa.int32()), "pos": pa.array(i % 4, pa.int32()), "role": pa.array(i % 6, pa.uint8()),
    }
    if extra:  # what a reader has to step over
        cols = {"note": pa.array([f"row {k}" for k in i]), "group": pa.array(i, pa.int32()), **cols,
                "tags": pa.array([[int(k)] * (k % 3) for k in i], pa.list_(pa.int64())), "pair": pa.array([{"a": int(k), "b": None} for k in i]),
                "kind": pa.array(["x", "y"] * 5 + ["x"]).dictionary_encode()}
    half = (i[:, None] + np.arange(D) / 8).astype(np.float16)
    single = (i[:, None] * 1000 + np.arange(E)).astype(np.float32)
    cols["blocks.0.hook_resid_post"] = pa.FixedSizeListArray.from_arrays(pa.array(half.ravel()), D)
    cols["blocks.0.hook_mlp_out"] = pa.FixedSizeListArray.from_arrays(pa.array(single.ravel()), E)
    return pa.table(cols)


def write(name, compression=None, extra=False, legacy=False):
    options = pa.ipc.IpcWriteOptions(compression=compression, use_legacy_format=legacy)
    t = table(extra)
    with pa.OSFile(os.path.join(HERE, name), "wb") as f, pa.ipc.new_file(f, t.schema, options=options) as w:
        for b in t.to_batches(max_chunksize=5):
            w.write_batch(b)


class Array2D(pa.ExtensionType):
    """datasets.features.Array2DExtensionType, as far as a file shows it."""

    def __init__(self):
        super().__init__(pa.list_(pa.list_(pa.float32())), "datasets.features.features.Array2DExtensionType")

    def __arrow_ext_serialize__(self):
        return b'[[3, 2], "float32"]'

    @classmethod
    def __arrow_ext_deserialize__(cls, storage, serialized):
        return cls()


def saelens():
    """Five sequences of three tokens in two files, three batches."""
    folder = os.path.join(HERE, "saelens")
    os.makedirs(folder, exist_ok=True)
    values = np.arange(5 * 3 * 2, dtype=np.float32).reshape(5, 3, 2) / 4
    schema = pa.schema([("blocks.1.hook_resid_pre", Array2D()), ("token_ids", pa.list_(pa.int32(), 3))])
    for name, batches in (("data-00000-of-00002.arrow", ((0, 2), (2, 3))), ("data-00001-of-00002.arrow", ((3, 5),))):
        with pa.OSFile(os.path.join(folder, name), "wb") as f, pa.ipc.new_stream(f, schema) as w:
            for a, b in batches:
                acts = pa.ExtensionArray.from_storage(Array2D(), pa.array(values[a:b].tolist(), pa.list_(pa.list_(pa.float32()))))
                ids = pa.array([[10 * r + c for c in range(3)] for r in range(a, b)], pa.list_(pa.int32(), 3))
                w.write_batch(pa.record_batch([acts, ids], schema=schema))


write("plain.arrow")
write("zstd.arrow", "zstd", extra=True)
write("lz4.arrow", "lz4")
write("extra.arrow", extra=True)
write("legacy.arrow", legacy=True)
saelens()
