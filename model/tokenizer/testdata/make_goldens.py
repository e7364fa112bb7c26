"""Small tokenizers and what Hugging Face's tokenizers makes of texts with them.

Writes NAME.json, NAME.jsonl (records as dump_tokenizer.py's, for a share of the
fixed texts) and components.jsonl beside itself. Runs with tokenizers 0.23.
"""
import json, os, sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from dump_tokenizer import byte_offsets, record
from texts import FIXED
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

CORPUS = [
    "The quick brown fox jumps over the lazy dog. It's the 42nd time they've done it in 2024, and we're all surprised!",
    "Once upon a time there was a little girl who lived in a small house by the forest. Every day she would walk to the river.",
    "Language models learn features of text; some of these features are about the harm that advice can do, others about code.",
    "def train(model, data):\n    for step, batch in enumerate(data):\n        loss = model(batch)\n        loss.backward()\n",
    "Überraschung: die Mädchen größer als je zuvor. Ça va très bien, déjà vu. 日本語のテキスト。 Привет мир.",
    "https://example.com/index.html?page=12&sort=asc 100% $5.00 (see [1], [2]) -- and so on...\n\n\tIndented\r\nWindows line",
] * 3
LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN2 = LLAMA3.replace("{1,3}", "")
O200K = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
ADDED = [
    AddedToken("[MASK]", lstrip=True, special=True), AddedToken("[WORD]", single_word=True), AddedToken("[NORM]", normalized=True),
    AddedToken("[LEFT]", lstrip=True), AddedToken("[RIGHT]", rstrip=True), AddedToken("[LONG", normalized=False), AddedToken("[LONGER]"), AddedToken("the", normalized=False, single_word=True),
]
P, N = pre_tokenizers, normalizers
alphabet = P.ByteLevel.alphabet()


def split(regex):
    return P.Sequence([P.Split(Regex(regex), "isolated"), P.ByteLevel(add_prefix_space=False, use_regex=False)])


def train(tok, size, **kw):
    tok.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=size, show_progress=False, **kw))
    return tok


def smollm():
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = P.Sequence([P.Digits(individual_digits=True), P.ByteLevel(add_prefix_space=False, use_regex=True)])
    t.decoder = decoders.ByteLevel()
    return train(t, 420, initial_alphabet=alphabet, special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"])


def llama3():
    t = Tokenizer(models.BPE(ignore_merges=True))
    t.pre_tokenizer, t.decoder = split(LLAMA3), decoders.ByteLevel()
    train(t, 400, initial_alphabet=alphabet)
    t.add_special_tokens(["<s>", "<|im_end|>"])
    bos = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", t.token_to_id("<s>"))])
    t.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=True, add_prefix_space=False), bos])
    return t


def qwen2():
    t = Tokenizer(models.BPE())
    t.normalizer, t.pre_tokenizer, t.decoder = N.NFC(), split(QWEN2), decoders.ByteLevel()
    train(t, 400, initial_alphabet=alphabet)
    t.add_special_tokens(["<|im_start|>", "<|im_end|>", "<s>"])
    t.add_tokens(ADDED)
    t.post_processor = processors.TemplateProcessing(single="<s> <s> $A <|im_end|>", special_tokens=[(s, t.token_to_id(s)) for s in ("<s>", "<|im_end|>")])
    return t


def roberta():
    """A prefix space, trimmed offsets, an incomplete alphabet, added tokens of every kind."""
    t = Tokenizer(models.BPE(unk_token=None))
    t.pre_tokenizer, t.decoder = P.ByteLevel(add_prefix_space=True), decoders.ByteLevel()
    train(t, 300, initial_alphabet=[c for c in alphabet if c < "\u0120"] + ["\u0120", "\u010a"])
    t.add_tokens(ADDED)
    t.post_processor = processors.ByteLevel(trim_offsets=True, add_prefix_space=True)
    return t


def llama2():
    """Characters, byte fallback where the bytes are known, a fused unknown token."""
    t = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    t.pre_tokenizer = P.Metaspace(replacement="▁", prepend_scheme="first")
    train(t, 420, special_tokens=["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256) if b not in (0xE2, 0xF0)])
    t.pre_tokenizer = None
    t.normalizer = N.Sequence([N.Prepend("▁"), N.Replace(" ", "▁")])
    t.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    t.add_tokens(ADDED)
    t.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return t


def words():
    t = Tokenizer(models.WordLevel({w: i for i, w in enumerate(["<unk>", "<s>", "the", "a", "b", "it", "'", "s", ".", "é", "日本語のテキスト", "1", "2", "3", "Hello", "world"])}, unk_token="<unk>"))
    t.normalizer, t.pre_tokenizer = N.Sequence([N.NFD(), N.StripAccents(), N.NFC(), N.Lowercase()]), P.Whitespace()
    t.add_special_tokens(["<s>"])
    t.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return t


TOKENIZERS = [smollm, llama3, qwen2, roberta, llama2, words]


def components():
    """Every splitter and normalizer in front of a model that knows one word: the offsets show what it did."""
    for b in ("removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"):
        for invert in (False, True):
            yield None, P.Split(Regex(r"\s|[.,!'-]"), b, invert)
        yield None, P.Split("a", b, False)
        yield None, P.Punctuation(b)
    for p in (P.Digits(individual_digits=False), P.Digits(individual_digits=True), P.Whitespace(), P.WhitespaceSplit(), P.Split(Regex(O200K), "isolated"), P.Split(Regex(QWEN2), "removed", True), P.Split(Regex(r"\p{N}{1,3}"), "merged_with_next"), P.Split(Regex(r"(?=[A-Z])|x"), "isolated"),
              P.ByteLevel(add_prefix_space=True), P.ByteLevel(add_prefix_space=False, use_regex=False), P.Sequence([P.ByteLevel(add_prefix_space=True), P.Digits(individual_digits=True)]),
              P.Sequence([P.WhitespaceSplit(), P.Sequence([P.Digits(individual_digits=False), P.Punctuation()])]),
              P.Metaspace(prepend_scheme="always"), P.Metaspace(prepend_scheme="first"), P.Metaspace(prepend_scheme="never"), P.Metaspace(prepend_scheme="always", split=False)):
        yield None, p
    for n in (N.NFC(), N.NFD(), N.NFKC(), N.NFKD(), N.Lowercase(), N.StripAccents(), N.Strip(), N.Strip(True, False), N.Prepend("__"), N.Replace("a", "bcd"), N.Replace(Regex(r"\s+"), " "), N.Replace(" ", ""),
              N.Sequence([N.NFD(), N.StripAccents(), N.Lowercase(), N.Replace("e", "ß"), N.Prepend("é")])):
        yield n, P.Split("", "isolated")  # a word a character


def component_lines(texts):
    for norm, pre in components():
        t = Tokenizer(models.WordLevel({"?": 0}, unk_token="?"))
        if norm is not None:
            t.normalizer = norm
        t.pre_tokenizer = pre
        cases = [[s, byte_offsets(s, t.encode(s).offsets)] for s in texts]
        yield json.dumps({"tokenizer": json.loads(t.to_str()), "cases": cases}, ensure_ascii=False, separators=(",", ":"))


COMPONENT_TEXTS = ["", "it's a 1,234.5 test -- with  aaba, x9y!", " e\u0301 \u1112\u1161\u11ab a\u0323\u0302b\u0302\u0323 ﬁ Å\u0085Iİ\u0f73\u0f71 ", "日本 ١٢٣ 😀Ab, ½\r\n\n z ", "CamelCaseHTTP it'Ve __a  "]


def main():
    share = 5
    for k, make in enumerate(TOKENIZERS):
        t = make()
        name = os.path.join(HERE, make.__name__)
        with open(name + ".json", "w", encoding="utf-8") as f:
            json.dump(json.loads(t.to_str()), f, ensure_ascii=False, separators=(",", ":"))
        with open(name + ".jsonl", "w", encoding="utf-8") as f:
            for s in FIXED[k % share :: share] + ["a" * 100, " the  [LONGER] [RIGHT]  [LEFT] it's 123"]:
                f.write(json.dumps(record(t, s), ensure_ascii=False, separators=(",", ":")) + "\n")
    with open(os.path.join(HERE, "components.jsonl"), "w", encoding="utf-8") as f:
        f.writelines(line + "\n" for line in component_lines(COMPONENT_TEXTS))


if __name__ == "__main__":
    main()
