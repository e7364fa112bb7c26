"""What Hugging Face's tokenizers makes of texts: dump_tokenizer.py SOURCE OUT.jsonl [MEGABYTES]

SOURCE is a tokenizer.json or a directory holding one. OUT.jsonl gets a line a
text, {text, ids, ids_nospecial, offsets, decode}: ids with the special tokens
of the post-processor, the byte offsets of those, and decode(ids) with special
tokens kept. SOURCE is copied to OUT.tokenizer.json, which the test opens.
Beside 2,500 awkward texts come MEGABYTES (default 2) of ordinary English and
source code out of Python's own library.
"""
import json, os, pathlib, shutil, sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from texts import texts


def ordinary(megabytes):
    """Chunks of 500 to 20,000 characters of the standard library's files."""
    root, left, size = pathlib.Path(os.__file__).parent, int(megabytes * 1e6), 500
    files = [root / "pydoc_data" / "topics.py"] + sorted(root.glob("*.py"))
    for f in files:
        s = f.read_text(encoding="utf-8", errors="replace").replace("\\n", "\n")
        while s and left > 0:
            yield s[:size]
            left, s, size = left - size, s[size:], 500 + (size * 7) % 19501
        if left <= 0:
            return


def byte_offsets(text, offsets):
    at = [0]
    for c in text:
        at.append(at[-1] + len(c.encode("utf-8")))
    return [[at[a], at[b]] for a, b in offsets]


def record(tok, text):
    e = tok.encode(text)
    return {
        "text": text, "ids": e.ids, "ids_nospecial": tok.encode(text, add_special_tokens=False).ids,
        "offsets": byte_offsets(text, e.offsets), "decode": tok.decode(e.ids, skip_special_tokens=False),
    }


def main():
    from tokenizers import Tokenizer

    source, out = sys.argv[1], sys.argv[2]
    if os.path.isdir(source):
        source = os.path.join(source, "tokenizer.json")
    tok = Tokenizer.from_file(source)
    tok.no_padding()
    tok.no_truncation()
    with open(out, "w", encoding="utf-8") as f:
        for text in texts(2500) + list(ordinary(float(sys.argv[3]) if len(sys.argv) > 3 else 2)):
            f.write(json.dumps(record(tok, text), ensure_ascii=False, separators=(",", ":")) + "\n")
    shutil.copyfile(source, os.path.splitext(out)[0] + ".tokenizer.json")


if __name__ == "__main__":
    main()
