"""Small GGUF files written by the gguf package, and what is in them.

all.gguf has every type of metadata and every tensor type that agar reads, plus
one that it does not; all.json lists them (tensors with the SHA-256 of their
bytes and their values as float32). split-*.gguf are three parts of one model, and
vocabulary.gguf every key about tokens. TOKENIZER.gguf hold only the vocabularies of
../../tokenizer/testdata with a pre-tokenizer's name; ids.jsonl has the ids that
Hugging Face's tokenizers makes of texts with the same vocabulary.
"""
import hashlib, json, os, sys

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Q
from tokenizers import Tokenizer, processors

HERE = os.path.dirname(os.path.abspath(__file__))
TOK = os.path.join(HERE, "..", "..", "tokenizer", "testdata")
sys.path.insert(0, TOK)
from texts import FIXED


def writer(name):
    return gguf.GGUFWriter(os.path.join(HERE, name), "llama")


def finish(w):
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def everything():
    w, meta = writer("all.gguf"), {}
    for kind, v in [("uint8", 200), ("int8", -5), ("uint16", 60000), ("int16", -30000), ("uint32", 4000000000), ("int32", -2000000000), ("uint64", 2**63), ("int64", -(2**62)), ("float32", 0.5), ("float64", 1e-300), ("bool", True), ("string", "naïve ✓")]:
        getattr(w, "add_" + kind)("test." + kind, v)
        meta["test." + kind] = v
    for key, v in [("test.strings", ["a", "", "ü"]), ("test.ints", [1, -2, 3]), ("test.floats", [0.5, -1.25]), ("test.bools", [True, False])]:
        w.add_array(key, v)
        meta[key] = v
    w.add_chat_template("{{ messages[0].content }}")
    rng, tensors = np.random.default_rng(7), []
    for q in (Q.F32, Q.F16, Q.BF16, Q.F64, Q.Q4_0, Q.Q4_1, Q.Q5_0, Q.Q5_1, Q.Q8_0, Q.Q2_K, Q.Q3_K, Q.Q4_K, Q.Q5_K, Q.Q6_K, Q.IQ4_NL, Q.IQ4_XS, Q.MXFP4):
        raw = stored(rng, q)
        name = "blk.0." + q.name.lower()
        w.add_tensor(name, raw, raw_dtype=q)
        values = raw.astype(np.float32) if q in (Q.F16, Q.F64) else gguf.dequantize(raw, q)
        tensors.append({"name": name, "type": q.name, "shape": list(values.shape), "sha256": hashlib.sha256(raw.tobytes()).hexdigest(), "values": [float(v) for v in values[0][:64]]})
    w.add_tensor("norm", np.arange(5, dtype=np.float32))
    finish(w)
    with open(os.path.join(HERE, "all.json"), "w") as f:
        json.dump({"meta": meta, "tensors": tensors}, f, ensure_ascii=False, separators=(",", ":"))


def stored(rng, q):
    """Three rows as they are stored in type q: random blocks where gguf cannot quantise."""
    block, size = gguf.GGML_QUANT_SIZES[q]
    if block == 256 or q in (Q.IQ4_NL, Q.MXFP4):
        raw = rng.integers(0, 256, (3, size), np.uint8)
        for at in {"Q2_K": [80, 82], "Q3_K": [108], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208], "IQ4_NL": [0], "IQ4_XS": [0]}.get(q.name, []):
            raw[:, at : at + 2] = rng.standard_normal(3).astype(np.float16).view(np.uint8).reshape(3, 2)
        return raw
    x = rng.standard_normal((3, 64)).astype(np.float32)
    if q in (Q.F16, Q.F64):
        return x.astype(np.float16 if q == Q.F16 else np.float64)
    return gguf.quantize(x, q) if q != Q.F32 else x


def split():
    """A file in three parts, as gguf-split and the converters write them."""
    w = gguf.GGUFWriter(os.path.join(HERE, "split.gguf"), "llama", split_max_tensors=2)
    w.add_name("parts")
    for i in range(5):
        w.add_tensor(f"t{i}", np.full((2, 3), i, np.float32))
    finish(w)


def tokens():
    w = writer("vocabulary.gguf")
    w.add_tokenizer_model("t5")
    w.add_tokenizer_pre("default")
    w.add_token_list(["<pad>", "</s>", "<unk>", "▁a"])
    w.add_token_scores([0.0, 0.0, -1.5, -2.25])
    w.add_token_types([3, 3, 2, 1])
    w.add_token_merges(["a b"])
    w.add_bos_token_id(1)
    w.add_eos_token_id(1)
    w.add_unk_token_id(2)
    w.add_sep_token_id(3)
    w.add_pad_token_id(0)
    w.add_mask_token_id(3)
    w.add_add_bos_token(False)
    w.add_add_eos_token(True)
    w.add_add_space_prefix(True)
    w.add_remove_extra_whitespaces(False)
    w.add_precompiled_charsmap(bytes([0, 200, 7]))
    finish(w)


def vocabulary(name, pre, out, bos=None):
    spec = json.load(open(os.path.join(TOK, name + ".json"), encoding="utf-8"))
    spec["added_tokens"] = [a for a in spec["added_tokens"] if a["special"] and not a["lstrip"]]
    spec["post_processor"] = None
    vocab = dict(spec["model"]["vocab"]) | {a["content"]: a["id"] for a in spec["added_tokens"]}
    control = {a["content"] for a in spec["added_tokens"]}
    tokens = sorted(vocab, key=vocab.get)
    w = writer(name + ".gguf")
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre(pre)
    w.add_token_list(tokens)
    w.add_token_types([3 if t in control else 1 for t in tokens])
    w.add_token_merges([" ".join(m) for m in spec["model"]["merges"]])
    if bos:
        w.add_bos_token_id(vocab[bos])
    else:
        w.add_add_bos_token(False)
    finish(w)
    tok = Tokenizer.from_str(json.dumps(spec))
    assert tok.get_vocab() == vocab
    if bos:
        tok.post_processor = processors.TemplateProcessing(single=f"{bos} $A", special_tokens=[(bos, vocab[bos])])
    for s in FIXED[::3]:
        out.write(json.dumps({"file": name + ".gguf", "text": s, "ids": tok.encode(s).ids}, ensure_ascii=False, separators=(",", ":")) + "\n")


def pieces(name, kind, out):
    """A SentencePiece model, with the ids that SentencePiece makes and what llama.cpp puts around them."""
    from sentencepiece import sentencepiece_model_pb2 as pb
    m = pb.ModelProto()
    m.ParseFromString(open(os.path.join(TOK, name + ".model"), "rb").read())
    w = writer(name + "-pieces.gguf")
    w.add_tokenizer_model(kind)
    w.add_tokenizer_pre("default")
    w.add_token_list([p.piece for p in m.pieces])
    w.add_token_scores([p.score for p in m.pieces])
    w.add_token_types([p.type for p in m.pieces])
    n = m.normalizer_spec
    if not n.add_dummy_prefix or kind == "t5":
        w.add_add_space_prefix(n.add_dummy_prefix)
    w.add_bos_token_id(m.trainer_spec.bos_id)
    w.add_eos_token_id(m.trainer_spec.eos_id)
    w.add_unk_token_id(m.trainer_spec.unk_id)
    if n.remove_extra_whitespaces:
        w.add_remove_extra_whitespaces(True)
    if n.precompiled_charsmap:
        w.add_precompiled_charsmap(n.precompiled_charsmap)
    finish(w)
    lines = open(os.path.join(TOK, name + ".model.jsonl"), encoding="utf-8").read().rstrip("\n").split("\n")
    for line in lines[::4]:
        c = json.loads(line)
        ids = [m.trainer_spec.bos_id] + c["ids"] if kind == "llama" else c["ids"] + [m.trainer_spec.eos_id]
        out.write(json.dumps({"file": name + "-pieces.gguf", "text": c["text"], "ids": ids}, ensure_ascii=False, separators=(",", ":")) + "\n")


def words(name, out):
    """A WordPiece vocabulary: tokens that begin a word are marked, the others have lost their ##."""
    spec = json.load(open(os.path.join(TOK, name + ".json"), encoding="utf-8"))
    vocab = spec["model"]["vocab"]
    spec["added_tokens"] = [a for a in spec["added_tokens"] if a["special"] and not a["lstrip"]]
    control = {a["content"] for a in spec["added_tokens"]}
    tokens = sorted(vocab, key=vocab.get)
    w = writer(name + ".gguf")
    w.add_tokenizer_model("bert")
    w.add_token_list([t if t in control else t[2:] if t.startswith("##") else "▁" + t for t in tokens])
    w.add_token_types([3 if t in control else 1 for t in tokens])
    w.add_unk_token_id(vocab["[UNK]"])
    w.add_sep_token_id(vocab["[SEP]"])
    w.add_bos_token_id(vocab["[CLS]"])
    finish(w)
    spec["model"]["max_input_chars_per_word"] = 100
    tok = Tokenizer.from_str(json.dumps(spec))
    for s in FIXED[::4]:
        out.write(json.dumps({"file": name + ".gguf", "text": s, "ids": tok.encode(s).ids}, ensure_ascii=False, separators=(",", ":")) + "\n")


def main():
    everything()
    split()
    tokens()
    with open(os.path.join(HERE, "ids.jsonl"), "w", encoding="utf-8") as out:
        vocabulary("smollm", "smollm", out)
        vocabulary("llama3", "llama-bpe", out, bos="<s>")
        vocabulary("qwen2", "qwen2", out)
        pieces("llama", "llama", out)
        pieces("gemma", "llama", out)
        pieces("t5", "t5", out)
        pieces("unigram", "t5", out)
        words("bert", out)


if __name__ == "__main__":
    main()
