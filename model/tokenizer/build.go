package tokenizer

import (
	"fmt"
	"unicode/utf8"
)

// at names element i of a list inside path.
func at(path, list string, i int) string { return fmt.Sprintf("%s.%s[%d]", path, list, i) }

// pattern compiles the pattern of a Split or Replace.
func (c *component) pattern(path string) (*pattern, error) {
	switch {
	case c.Pattern != nil && c.Pattern.String != nil:
		return &pattern{literal: *c.Pattern.String}, nil
	case c.Pattern != nil && c.Pattern.Regex != nil:
		p, err := newRegex(*c.Pattern.Regex)
		if err != nil {
			return nil, fmt.Errorf("tokenizer: %s.pattern: %w", path, err)
		}
		return p, nil
	}
	return nil, fmt.Errorf("tokenizer: %s.pattern: found none, expected String or Regex", path)
}

// normalizerTypes are the known types, and so on below.
var normalizerTypes = []string{"BertNormalizer", "ByteLevel", "Lowercase", "NFC", "NFD", "NFKC", "NFKD", "Nmt", "Precompiled", "Prepend", "Replace", "Sequence", "Strip", "StripAccents"}

func (c *component) normalizer(path string) (normalizer, error) {
	if f, ok := forms[c.Type]; ok {
		return f, nil
	}
	switch c.Type {
	case "Sequence":
		return c.normalizerSequence(path)
	case "BertNormalizer":
		lower := yes(c.Lowercase, true)
		return bertNormalizer{yes(c.CleanText, true), yes(c.Chinese, true), yes(c.StripAccents, lower), lower}, nil
	case "ByteLevel":
		return normalizeFunc(byteLevelNormalizer), nil
	case "Lowercase":
		return normalizeFunc(lowercase), nil
	case "Nmt":
		return normalizeFunc(nmt), nil
	case "StripAccents":
		return normalizeFunc(stripAccents), nil
	case "Strip":
		return strip(c.StripLeft, c.StripRight), nil
	case "Prepend":
		return normalizeFunc(func(t text) text { return t.prepend(c.Prepend) }), nil
	case "Precompiled":
		return c.precompiled(path)
	case "Replace":
		p, err := c.pattern(path)
		if err != nil {
			return nil, err
		}
		return normalizeFunc(func(t text) text { return t.replace(p.find(t.s), c.Content) }), nil
	}
	return nil, unknown(path, c.Type, normalizerTypes...)
}

func (c *component) normalizerSequence(path string) (normalizer, error) {
	var ns normalizers
	for i := range c.Normalizers {
		n, err := c.Normalizers[i].normalizer(at(path, "normalizers", i))
		if err != nil {
			return nil, err
		}
		ns = append(ns, n)
	}
	return ns, nil
}

// precompiled reads a charsmap; a null one changes nothing.
func (c *component) precompiled(path string) (normalizer, error) {
	if text0(c.Charsmap) == "" {
		return normalizers(nil), nil
	}
	m, err := decodeCharsmap(*c.Charsmap)
	if err != nil {
		return nil, fmt.Errorf("tokenizer: %s.precompiled_charsmap: %w", path, err)
	}
	if c.Longest {
		return longestFirst{m}, nil
	}
	return m, nil
}

// preTokenizers flattens nested sequences.
func (c *component) preTokenizers(path string) ([]preTokenizer, error) {
	if c.Type != "Sequence" {
		p, err := c.preTokenizer(path)
		return []preTokenizer{p}, err
	}
	var out []preTokenizer
	for i := range c.Pretokenizers {
		ps, err := c.Pretokenizers[i].preTokenizers(at(path, "pretokenizers", i))
		if err != nil {
			return nil, err
		}
		out = append(out, ps...)
	}
	return out, nil
}

var preTokenizerTypes = []string{"BertPreTokenizer", "ByteLevel", "CharDelimiterSplit", "Digits", "FixedLength", "Metaspace", "Punctuation", "Sequence", "Split", "UnicodeScripts", "Whitespace", "WhitespaceSplit"}

func (c *component) preTokenizer(path string) (preTokenizer, error) {
	switch c.Type {
	case "BertPreTokenizer":
		return bertPreTokenizer{}, nil
	case "ByteLevel":
		return &byteLevel{prefixSpace: yes(c.AddPrefixSpace, true), regex: yes(c.UseRegex, true)}, nil
	case "CharDelimiterSplit":
		return c.delimiter(path)
	case "Digits":
		b := contiguous
		if c.Individual {
			b = isolated
		}
		return &splitter{find: eachRune(isNumber), behavior: b}, nil
	case "FixedLength":
		return c.fixedLength(path)
	case "Whitespace":
		return &splitter{find: words, behavior: removed, invert: true}, nil
	case "WhitespaceSplit":
		return &splitter{find: eachRune(isSpace), behavior: removed}, nil
	case "Punctuation":
		return c.splitter(path, eachRune(isPunctuation), isolated)
	case "Metaspace":
		return c.metaspace(path)
	case "Split":
		return c.splitPattern(path)
	case "UnicodeScripts":
		return scripts{}, nil
	}
	return nil, unknown(path, c.Type, preTokenizerTypes...)
}

// delimiter splits at one character and drops it.
func (c *component) delimiter(path string) (preTokenizer, error) {
	d := []rune(c.Delimiter)
	if len(d) != 1 {
		return nil, fmt.Errorf("tokenizer: %s.delimiter: found %q, expected one character", path, c.Delimiter)
	}
	return &splitter{find: eachRune(func(r rune) bool { return r == d[0] }), behavior: removed}, nil
}

func (c *component) fixedLength(path string) (preTokenizer, error) {
	if c.Length == nil {
		return fixedLength(5), nil
	}
	if *c.Length < 1 {
		return nil, fmt.Errorf("tokenizer: %s.length: found %d, expected 1 or more", path, *c.Length)
	}
	return fixedLength(*c.Length), nil
}

func (c *component) splitPattern(path string) (preTokenizer, error) {
	p, err := c.pattern(path)
	if err != nil {
		return nil, err
	}
	if c.Pattern.Regex != nil && behavior(c.Behavior) == isolated {
		tiles := p.scan
		if tiles == nil {
			tiles = tilesFor(*c.Pattern.Regex)
		}
		if tiles != nil {
			return tiler{tiles}, nil
		}
	}
	if p.scan != nil && behavior(c.Behavior) == removed && c.Invert {
		return tiler{p.scan}, nil
	}
	return c.splitter(path, p.find, "")
}

// splitter fills in the behavior; def stands in for one that is not given.
func (c *component) splitter(path string, find func(string) [][2]int, def behavior) (preTokenizer, error) {
	b := behavior(c.Behavior)
	if b == "" {
		b = def
	}
	if !b.known() {
		return nil, fmt.Errorf("tokenizer: %s.behavior: %q is not implemented", path, c.Behavior)
	}
	return &splitter{find: find, behavior: b, invert: c.Invert}, nil
}

func (c *component) metaspace(path string) (*metaspace, error) {
	m := &metaspace{mark: c.Replacement, scheme: c.PrependScheme, cut: yes(c.Split, true)}
	if m.mark == "" {
		m.mark = "▁"
	}
	if utf8.RuneCountInString(m.mark) != 1 {
		return nil, fmt.Errorf("tokenizer: %s.replacement: found %q, expected one character", path, m.mark)
	}
	if m.scheme == "" {
		m.scheme = "never"
		if yes(c.AddPrefixSpace, true) {
			m.scheme = "always"
		}
	}
	if m.scheme != "never" && !yes(c.AddPrefixSpace, true) {
		return nil, fmt.Errorf("tokenizer: %s: prepend_scheme %q contradicts add_prefix_space false", path, m.scheme)
	}
	if m.scheme != "always" && m.scheme != "first" && m.scheme != "never" {
		return nil, fmt.Errorf("tokenizer: %s.prepend_scheme: found %q, expected always, first or never", path, c.PrependScheme)
	}
	return m, nil
}
