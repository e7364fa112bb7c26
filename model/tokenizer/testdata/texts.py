"""Texts that tokenizers disagree about, the same on every run."""
import random

FIXED = [
    "", " ", "  ", "   ", "\n", "\n\n", "\r\n", "\t", " \n ", "a", " a", "a ", " a ", "Hello, world!", "Hello  world", "Hello   world   ",
    "it's we're I've I'll he'd I'm don't 'S 'RE 'LL 'tis 'ſ 'ſt IT'S", "'s", "''s", "' s", "'", "''", "it's\n's",
    "0", "01", "012", "0123456789", "3.14159", "1,000,000", "1 2 3", "x1y22z333", "²³¹", "½ ⅓", "Ⅳ Ⅻ", "٠١٢٣٤", "१२३", "一二三", "𝟘𝟙𝟚",
    "a\u0085b", "\u0085", "a\u2028b\u2029c", "\u00a0", "a\u00a0b", "\u3000全角\u3000", "a\u200bb", "a\u200db", "\ufeffBOM", "\u180e", "\u1680x",
    "\x00", "a\x00b", "\x00\x00\x00", "\x01\x02\x03\x1b[31mred\x1b[0m", "\x7f", "\x1c\x1d\x1e\x1f", "\x0b\x0c",
    "👨‍👩‍👧‍👦", "👩🏽‍🚀 👍🏿", "🇩🇪🇫🇷🇯🇵", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "😀😃😄😁", "☺️ ☹️", "1️⃣2️⃣", "a😀b", " 😀 ", "🤷‍♂️🤷‍♀️",
    "日本語のテキスト", "中文文本，没有空格。", "한국어 텍스트", "한글", "ﾊﾝｶｸ", "𠀀𠀁", "ไทยไม่มีช่องว่าง", "မြန်မာ", "ខ្មែរ",
    "שלום עולם", "مرحبا بالعالم", "السلام عليكم ورحمة الله", "\u202eright to left\u202c", "हिन्दी में पाठ", "বাংলা", "தமிழ்", "Ελληνικά", "Русский текст", "Ђорђе",
    "é", "e\u0301", "ệ", "e\u0323\u0302", "e\u0302\u0323", "ö\u0308", "a\u0300\u0301\u0302\u0303\u0304", "\u0301", "\u0301\u0301a", "Å Å Å", "ﬁ ﬀ ﬆ", "ẛ̣", "q\u0307\u0323", "각", "각",
    "\u0344x", "İstanbul ISTANBUL ıi", "ß ẞ", "ǅ ǆ", "Ǆ", "ΌΣΟΣ", "ÀÉÎÕÜ", "ñandú", "Ｆｕｌｌｗｉｄｔｈ", "①②③", "㎏", "ﷺ", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢", "x\u0f73\u0f71y", "\u0958",
    "def f(x):\n    return x + 1\n", "\tif (a && b) {\n\t\treturn;\n\t}\r\n", "a=b;c!=d;e<=f;g->h::i", "http://example.com/path?q=1&r=2#frag", "user@example.com",
    "{\"key\": [1, 2.5, null, \"v\\n\"]}", "<html><body>Hi</body></html>", "C:\\Users\\name", "$100.00 €50 £20 ¥", "100%", "#hashtag @mention", "...", "…", "---", "___", "a_b_c", "__init__",
    "a\nb", "a\r\nb", "a\rb", "a\n\nb", "a \n b", "a\n \nb", "\n a", " \n", "\n ", "\r\r", "  \n\n  x", "x  \r\n  y", "\n\n\n\n", "\t\t\tx", " \t \t ", "x \u2003 y", "…\n\n…", "!!!\n", " !\n\n?", "?\r\n\r\n!",
    "<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|im_start|>user\nHi<|im_end|>\n", " <|im_start|> ", "a<|im_end|>b", "<|im_start|", "<|im_start|>>", "<<|im_end|>", "<|IM_START|>", "<|endoftext|><|endoftext|>", "x <|endoftext|> y",
    "<bos>", "<s>", "</s>", "[MASK]", " [MASK] ", "a [MASK] b", "a[MASK]b", "\n[MASK]\n", "the[WORD]n", "the [WORD] n", "[WORD]", "_[WORD]", "[WORD]é", "Caf\u00e9[NORM]", "[norm]", "[NORM] x", "[LEFT] a", "a   [LEFT]   b", "a   [RIGHT]   b", "a   [RIGHT]   [LEFT]  b", "[RIGHT]  \n  [RIGHT]", "[LONG][LONGER]", "[LONGEST]", "[LONGER",
    "▁", "▁a▁b", "Ġ", "Ġa", "ĊĊ", "<0x0A>", "<0xE2>", "\ufffd", "\ufffd\ufffd", "\uffff", "\U0010ffff", "\ue000", "\ufdd0",
]

ATOMS = [
    "a", "e", "the", "The", " ", " ", "  ", "\n", "\r\n", "\t", "\u00a0", "\u0085", "\u2028", "\u3000", "0", "7", "42", "1234", "½", "٣", "'s", "'LL", "'", "’s", ".", ",", "!?", "—", "«", "_", "-", "/", "\\", "\"",
    "é", "e\u0301", "\u0308", "\u0323", "\u0327", "\u0f71", "\u200d", "\u200b", "\ufe0f", "😀", "👨‍👩‍👧", "🏽", "🇩", "日本", "語", "한", "\u1112\u1161\u11ab", "\u1100", "\u11a8", "ا", "ل", "ש", "ก", "่", "ß", "İ", "ſ", "ﬁ", "\x00", "\x1b", "\x7f", "\ufeff", "\ufffd",
    "<|im_start|>", "<|im_end|>", "<|endoftext|>", "<s>", "[MASK]", "[WORD]", "[NORM]", "[LEFT]", "[RIGHT]", "[LONG", "]", "word", "running", "ing", "Capital", "ALLCAPS", "camelCase", "snake_case", "𝔘", "𠀀", "Å", "q\u0307\u0323",
]


def texts(n):
    """n texts at least: the fixed ones, long runs, and random mixtures."""
    out = list(FIXED)
    for c in ["a", " ", "\n", "0", "é", "日", "😀", "\u0301", "!", "=", "\t", "ab", " a", "\r\n", "\x00"]:
        out += [c * k for k in (3, 7, 16, 33, 64, 100, 1000)]
    out += ["a" * 20000, " " * 20000, "=" * 5000 + "\n" + "-" * 5000, "supercalifragilistic" * 200, "ﬁ" * 300, "e\u0301" * 300, "0123456789" * 300]
    rng = random.Random(20250301)
    while len(out) < n:
        kind = rng.random()
        if kind < 0.6:
            out.append("".join(rng.choice(ATOMS) for _ in range(rng.randint(1, 24))))
        elif kind < 0.8:
            out.append("".join(chr(rng.choice([rng.randint(0, 0x24F), rng.randint(0x300, 0x36F), rng.randint(0x370, 0x7FF), rng.randint(0x800, 0xD7FF)])) for _ in range(rng.randint(1, 16))))
        else:
            out.append(" ".join(rng.choice(FIXED) for _ in range(rng.randint(2, 6))))
    return out
