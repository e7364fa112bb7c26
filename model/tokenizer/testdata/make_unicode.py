"""What Hugging Face's tokenizers knows of single characters: make_unicode.py unicode.json.gz

Its parts follow different versions of Unicode. Each class is a list of numbers, by turns how many characters are outside
and inside, over all code points but surrogates. `scripts` has a list of [first, script] where the script that the pre-tokenizer
UnicodeScripts sees changes: a character of that script, or −1 for none. `lower` maps characters to what they become
where that is another one. Runs with tokenizers 0.23.
"""
import gzip, json, sys, unicodedata
from tokenizers import Regex, normalizers as N, pre_tokenizers as P

ALL = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]
TEXT = "".join(map(chr, ALL))


def turns(members):
    """Lengths of the stretches outside, inside, outside, … of a set."""
    out, inside = [0], False
    for c in ALL:
        if (c in members) != inside:
            out.append(0)
            inside = not inside
        out[-1] += 1
    return out


def removed(pre):
    """The characters that a pre-tokenizer drops."""
    kept = set()
    for _, (a, b) in pre.pre_tokenize_str(TEXT):
        kept.update(ALL[a:b])
    return set(ALL) - kept


def pairs(pre, mark, size):
    """The characters that pre leaves in one piece of size characters when they follow mark."""
    text = " ".join(mark + chr(c) for c in ALL)
    return {ALL[a // 3] for _, (a, b) in pre.pre_tokenize_str(text) if b - a == size and a % 3 == 0}


def numeric():
    text = "".join("x" + chr(c) for c in ALL)
    return {ALL[a // 2] for _, (a, b) in P.Digits(individual_digits=False).pre_tokenize_str(text) if b - a == 1 and a % 2 == 1}


def bert(**on):
    return N.BertNormalizer(**{k: k in on for k in ("clean_text", "handle_chinese_chars", "strip_accents", "lowercase")})


def changed(norm):
    return {c: s for c in ALL if (s := norm.normalize_str(chr(c))) != chr(c)}


def scripts():
    """Characters of no script stay with whatever stands before them; others are compared with a character of each script."""
    pre = P.UnicodeScripts()
    after = {}
    for mark in "a!":
        joined = "".join(mark + chr(c) for c in ALL)
        starts = {a for _, (a, _) in pre.pre_tokenize_str(joined)}
        after[mark] = {c for i, c in enumerate(ALL) if 2 * i + 1 not in starts}
    none = after["a"] & after["!"]
    known, out, last = [], [], None
    for c in ALL:
        if c in none:
            script = -1
        elif last is not None and last >= 0 and len(pre.pre_tokenize_str(chr(last) + chr(c))) == 1:
            script = last
        else:
            script = next((k for k in known if len(pre.pre_tokenize_str(chr(k) + chr(c))) == 1), None)
            if script is None:
                known.append(c)
                script = c
        if script != last:
            out.append([c, script])
            last = script
    return out


def main():
    classes = {n: removed(P.Split(Regex(r"\p{%s}" % n), "removed")) for n in ("L", "N", "Lu", "Lt", "Lm", "Lo", "Ll", "M", "P", "S", "Han")}
    classes |= {"word": removed(P.Split(Regex(r"\w"), "removed")), "space": removed(P.WhitespaceSplit()), "punctuation": removed(P.Punctuation("removed")),
                "numeric": numeric(), "rustWord": pairs(P.Whitespace(), "a", 2), "mark": {c for c, s in changed(N.StripAccents()).items() if s == ""},
                "other": {c for c, s in changed(bert(clean_text=1)).items() if s == ""}, "nonspacing": {c for c, s in changed(bert(strip_accents=1)).items() if s == ""},
                "decomposes": set(changed(N.NFKD()))}
    out = {"classes": {n: turns(m) for n, m in classes.items()}, "scripts": scripts(), "lower": changed(N.Lowercase())}
    with open(sys.argv[1], "wb") as f:
        f.write(gzip.compress(json.dumps(out, separators=(",", ":")).encode(), 9, mtime=0))


main()
