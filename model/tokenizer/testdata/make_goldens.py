"""Small tokenizers and what Hugging Face's tokenizers makes of texts with them.

Writes NAME.json, NAME.jsonl (records as dump_tokenizer.py's, for a share of the
fixed texts), components.jsonl, decoders.jsonl, and NAME.model with
NAME.model.jsonl for SentencePiece. The trainers break ties at random, so that
files differ from run to run. Runs with
tokenizers 0.23 and, for a precompiled normalizer, sentencepiece 0.2.
"""
import base64, io, json, os, sys, tempfile

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
CJK = "[一-龥\u3040-ゟ゠-ヿ]+"
DEEPSEEK = "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+"
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


def charsmap(raw=False):
    """A small precompiled normalizer: SentencePiece compiles rules of which some span characters, insert, and drop."""
    rules = {"a\u0300": "à", "e\u0301": "é", "ﬁ": "fi", "①": "(1)", "\u200b": "", "\u00ad": "", "\r\n": " ", "\n": " ", "\t": " ", "\u3000": " ", "Ａ": "A", "\u30ab\u3099": "\u30ac", "ﾊ\uff9f": "パ", "½": "1/2", "\u0301": ""}
    with tempfile.TemporaryDirectory() as d:
        with open(d + "/rules.tsv", "w") as f:
            for k, v in rules.items():
                f.write(" ".join(f"{ord(c):X}" for c in k) + "\t" + " ".join(f"{ord(c):X}" for c in v) + "\n")
        model = pieces(vocab_size=150, normalization_rule_tsv=d + "/rules.tsv")
    if raw:
        return model
    from sentencepiece import sentencepiece_model_pb2 as pb
    m = pb.ModelProto()
    m.ParseFromString(model)
    return m.normalizer_spec.precompiled_charsmap


def pieces(**kw):
    """A model that SentencePiece trains."""
    import sentencepiece
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(CORPUS), model_writer=model, hard_vocab_limit=False, minloglevel=2, **kw)
    return model.getvalue()


def piece_models():
    """Llama's kind (BPE with byte fallback, every space kept), Gemma's (with tokens of the user), T5's (unigram, spaces folded)."""
    plain = dict(normalization_rule_name="identity", remove_extra_whitespaces=False, byte_fallback=True, model_type="bpe")
    yield "llama", pieces(vocab_size=400, **plain)
    yield "gemma", pieces(vocab_size=420, add_dummy_prefix=False, user_defined_symbols=["\u2581\u2581", "\u2581\u2581\u2581\u2581", "\n\n", "<mask>"], **plain)
    yield "t5", charsmap(raw=True)
    yield "unigram", pieces(vocab_size=420, model_type="unigram", normalization_rule_name="identity", byte_fallback=True, user_defined_symbols=[",", "<mask>"])


def piece_lines(model):
    from sentencepiece import SentencePieceProcessor
    sp = SentencePieceProcessor(model_proto=model)
    for s in FIXED:
        if not any(x in s for x in ("<s>", "</s>", "<unk>")):  # which SentencePiece does not look for in texts
            ids = sp.encode(s)
            yield json.dumps({"text": s, "ids": ids, "decode": None if sp.unk_id() in ids else sp.decode(ids)}, ensure_ascii=False, separators=(",", ":"))


def bert():
    t = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=30))
    t.normalizer, t.pre_tokenizer, t.decoder = N.BertNormalizer(), P.BertPreTokenizer(), decoders.WordPiece()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    t.train_from_iterator(CORPUS, trainers.WordPieceTrainer(vocab_size=300, show_progress=False, special_tokens=special))
    t.add_tokens(ADDED[1:])
    t.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return t


def unigram(**kw):
    special = ["<s>", "<pad>", "</s>", "<unk>"] + ([f"<0x{b:02X}>" for b in range(256)] if kw else [])
    t = Tokenizer(models.Unigram())
    t.pre_tokenizer = P.Metaspace()
    t.train_from_iterator(CORPUS, trainers.UnigramTrainer(vocab_size=520 if kw else 260, show_progress=False, special_tokens=special, unk_token="<unk>"))
    m = json.loads(t.to_str())["model"]
    t.model = models.Unigram([(w, s) for w, s in m["vocab"]], special.index("<unk>"), **kw)
    t.add_special_tokens(special[:4])
    return t


def xlmr():
    """Unigram behind a precompiled normalizer, as XLM-R and T5 have it."""
    t = unigram()
    t.normalizer = N.Sequence([N.Precompiled(charsmap()), N.Strip(False, True), N.Replace(Regex(" {2,}"), "▁")])
    t.pre_tokenizer, t.decoder = P.Sequence([P.WhitespaceSplit(), P.Metaspace(prepend_scheme="always")]), decoders.Metaspace(prepend_scheme="always")
    t.add_tokens([AddedToken("<mask>", lstrip=True, special=True, normalized=True)])
    t.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=False)
    return t


def fallback():
    """Unigram with byte fallback, not split into words; unknown characters become their bytes."""
    t = unigram(byte_fallback=True)
    t.pre_tokenizer = P.Metaspace(prepend_scheme="first", split=False)
    t.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    return t


def clip():
    """BPE whose words end with </w>, over bytes, in lower case."""
    t = Tokenizer(models.BPE(unk_token="<|endoftext|>", end_of_word_suffix="</w>"))
    t.normalizer = N.Sequence([N.NFC(), N.Replace(Regex(r"\s+"), " "), N.Lowercase()])
    t.pre_tokenizer = P.Sequence([P.Split(Regex(r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"), "removed", True), P.ByteLevel(add_prefix_space=False)])
    t.decoder = decoders.ByteLevel()
    train(t, 500, initial_alphabet=[], end_of_word_suffix="</w>", special_tokens=["<|startoftext|>", "<|endoftext|>"])
    t.post_processor = processors.RobertaProcessing(("<|endoftext|>", 1), ("<|startoftext|>", 0), add_prefix_space=False)
    return t


def gpt1():
    """BPE with a prefix inside words and a suffix behind them, and no fused unknown tokens."""
    t = Tokenizer(models.BPE(unk_token="<unk>", continuing_subword_prefix="##", end_of_word_suffix="</w>"))
    t.normalizer, t.pre_tokenizer, t.decoder = N.BertNormalizer(lowercase=False), P.BertPreTokenizer(), decoders.BPEDecoder()
    train(t, 420, limit_alphabet=60, continuing_subword_prefix="##", end_of_word_suffix="</w>", special_tokens=["<unk>"])
    return t


def gemma():
    """No pre-tokenizer, spaces replaced, byte fallback with every byte, user tokens of white space."""
    t = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    t.pre_tokenizer = P.Metaspace(prepend_scheme="never")
    train(t, 560, special_tokens=["<pad>", "<eos>", "<bos>", "<unk>"] + [f"<0x{b:02X}>" for b in range(256)])
    t.normalizer, t.pre_tokenizer = N.Replace(" ", "▁"), P.Split(" ", "merged_with_previous")
    t.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    t.add_tokens([AddedToken(x, normalized=False) for x in ("\n\n", "\n\n\n", "▁▁", "▁▁▁▁", "<table>")])
    t.post_processor = processors.TemplateProcessing(single="<bos> $A", special_tokens=[("<bos>", 2)])
    return t


TOKENIZERS = [smollm, llama3, qwen2, roberta, llama2, words, bert, xlmr, fallback, clip, gpt1, gemma]


def components():
    """Every splitter and normalizer in front of a model that knows one word: the offsets show what it did."""
    for b in ("removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"):
        for invert in (False, True):
            yield None, P.Split(Regex(r"\s|[.,!'-]"), b, invert)
        yield None, P.Split("a", b, False)
        yield None, P.Punctuation(b)
    for p in (P.Digits(individual_digits=False), P.Digits(individual_digits=True), P.Whitespace(), P.WhitespaceSplit(), P.Split(Regex(O200K), "isolated"), P.Split(Regex(QWEN2), "removed", True), P.Split(Regex(r"\p{N}{1,3}"), "merged_with_next"), P.Split(Regex(r"(?=[A-Z])|x"), "isolated"),
              P.Split(Regex(r"^i|\w$"), "isolated"), P.Split(Regex(r"(?i:'s|k)|\w+"), "isolated"), P.Split(Regex(CJK), "isolated"), P.Split(Regex(DEEPSEEK), "isolated"), P.Split(Regex(DEEPSEEK), "contiguous"),
              P.BertPreTokenizer(), P.CharDelimiterSplit("a"), P.UnicodeScripts(), P.FixedLength(3), P.Sequence([P.UnicodeScripts(), P.Whitespace()]), P.Metaspace(replacement="_", prepend_scheme="first", split=False),
              P.ByteLevel(add_prefix_space=True), P.ByteLevel(add_prefix_space=False, use_regex=False), P.Sequence([P.ByteLevel(add_prefix_space=True), P.Digits(individual_digits=True)]),
              P.Sequence([P.WhitespaceSplit(), P.Sequence([P.Digits(individual_digits=False), P.Punctuation()])]),
              P.Metaspace(prepend_scheme="always"), P.Metaspace(prepend_scheme="first"), P.Metaspace(prepend_scheme="never"), P.Metaspace(prepend_scheme="always", split=False)):
        yield None, p
    for n in (N.NFC(), N.NFD(), N.NFKC(), N.NFKD(), N.Lowercase(), N.StripAccents(), N.Strip(), N.Strip(True, False), N.Prepend("__"), N.Replace("a", "bcd"), N.Replace(Regex(r"\s+"), " "), N.Replace(" ", ""),
              N.Nmt(), N.ByteLevel(), N.BertNormalizer(), N.BertNormalizer(clean_text=False, lowercase=False), N.BertNormalizer(handle_chinese_chars=False, strip_accents=False), N.BertNormalizer(lowercase=False, strip_accents=True),
              N.Precompiled(charsmap()), N.Sequence([N.Precompiled(charsmap()), N.NFD(), N.Strip()]), N.Sequence([N.Strip(), N.Replace(Regex("[ab]"), ""), N.Prepend("x")]),
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


COMPONENT_TEXTS = ["", "it's a 1,234.5 test -- with  aaba, x9y!", " e\u0301 \u1112\u1161\u11ab a\u0323\u0302b\u0302\u0323 ﬁ Å\u0085Iİ\u0f73\u0f71 ", "日本 ١٢٣ 😀Ab, ½\r\n\n z ", "CamelCaseHTTP it'Ve __a  ",
                   "\u200bﬁ①e\u0301a\u0300b\r\n\u00ad ½ﾊ\uff9fＡ\u3000x", "  漢字かなカナー, 中文abcКириллица العربية\u0301 !\x01\x00\ufffd", "\x07ABC İSTANBUL Éa\u2028'ſ K\u212a\n^i\ni k$"]


def decoder_lines():
    """What decoders make of lists of tokens."""
    lists = [["Ġthe", "Ġqu", "ick", "Ċ"], ["<0xE6>", "<0x97>", "<0xA5>", "a", "<0xFF>", "<0x41>"], ["▁Hey", "▁my", "▁▁fri", "end"], ["the", "##re", "is", ".", "do", "not", "n't", "'s", "a", "!"],
             ["hel</w>", "lo", "wor</w>", "ld</w>"], ["<pad>", "h", "h", "e", "<pad>", "l", "l", "<pad>", "l", "o", "|", "|", "w"], [], ["  a  ", " ", "b"], ["a"], ["é", "Ã", "©"], ["<0x+F>", "<0xé>", "▁"]]
    D = decoders
    for d in (D.ByteLevel(), D.ByteFallback(), D.Fuse(), D.Metaspace(), D.Metaspace(prepend_scheme="never"), D.Metaspace("_", "first"), D.WordPiece(), D.WordPiece("##", False), D.BPEDecoder(), D.BPEDecoder("o"), D.CTC(), D.CTC(cleanup=False),
              D.CTC("h", "l"), D.Strip(" ", 1, 0), D.Strip("a", 2, 0), D.Replace("▁", " "), D.Replace(Regex("[a-e]+"), "X"), D.Sequence([D.Replace("▁", " "), D.ByteFallback(), D.Fuse(), D.Strip(" ", 1, 0)]), D.Sequence([D.ByteFallback(), D.Metaspace(), D.Fuse()])):
        t = Tokenizer(models.BPE())
        t.decoder = d
        cases = [[x, d.decode(x)] for x in lists if x or not isinstance(d, D.BPEDecoder)]
        yield json.dumps({"decoder": json.loads(t.to_str())["decoder"], "cases": cases}, ensure_ascii=False, separators=(",", ":"))


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
    for name, model in piece_models():
        with open(os.path.join(HERE, name + ".model"), "wb") as f:
            f.write(model)
        with open(os.path.join(HERE, name + ".model.jsonl"), "w", encoding="utf-8") as f:
            f.writelines(line + "\n" for line in piece_lines(model))
    with open(os.path.join(HERE, "decoders.jsonl"), "w", encoding="utf-8") as f:
        f.writelines(line + "\n" for line in decoder_lines())


if __name__ == "__main__":
    main()
