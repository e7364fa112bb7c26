package tokenizer

import (
	"fmt"

	"golang.org/x/text/unicode/norm"
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

var forms = map[string]norm.Form{"NFC": norm.NFC, "NFD": norm.NFD, "NFKC": norm.NFKC, "NFKD": norm.NFKD}

func (c *component) normalizer(path string) (normalizer, error) {
	if f, ok := forms[c.Type]; ok {
		return form(f), nil
	}
	switch c.Type {
	case "Sequence":
		var ns normalizers
		for i := range c.Normalizers {
			n, err := c.Normalizers[i].normalizer(at(path, "normalizers", i))
			if err != nil {
				return nil, err
			}
			ns = append(ns, n)
		}
		return ns, nil
	case "Lowercase":
		return normalizeFunc(lowercase), nil
	case "StripAccents":
		return normalizeFunc(stripAccents), nil
	case "Strip":
		return strip(c.StripLeft, c.StripRight), nil
	case "Prepend":
		return normalizeFunc(func(t text) text { return t.prepend(c.Prepend) }), nil
	case "Replace":
		p, err := c.pattern(path)
		if err != nil {
			return nil, err
		}
		return normalizeFunc(func(t text) text { return t.replace(p.find(t.s), c.Content) }), nil
	}
	return nil, unknown(path, c.Type)
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

func (c *component) preTokenizer(path string) (preTokenizer, error) {
	switch c.Type {
	case "ByteLevel":
		return &byteLevel{prefixSpace: flag(c.AddPrefixSpace, true), regex: flag(c.UseRegex, true)}, nil
	case "Digits":
		b := contiguous
		if c.Individual {
			b = isolated
		}
		return &splitter{find: eachRune(isNumber), behavior: b}, nil
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
	}
	return nil, unknown(path, c.Type)
}

func (c *component) splitPattern(path string) (preTokenizer, error) {
	p, err := c.pattern(path)
	if err != nil {
		return nil, err
	}
	if p.scan != nil && behavior(c.Behavior) == isolated {
		return tiler{p.scan}, nil
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
	m := &metaspace{mark: c.Replacement, scheme: c.PrependScheme, cut: flag(c.Split, true)}
	if m.mark == "" {
		m.mark = "▁"
	}
	if m.scheme == "" {
		m.scheme = "never"
		if flag(c.AddPrefixSpace, true) {
			m.scheme = "always"
		}
	}
	if m.scheme != "always" && m.scheme != "first" && m.scheme != "never" {
		return nil, fmt.Errorf("tokenizer: %s.prepend_scheme: found %q, expected always, first or never", path, c.PrependScheme)
	}
	return m, nil
}

// postProcessors flattens nested sequences.
func (c *component) postProcessors(path string) ([]postProcessor, error) {
	switch c.Type {
	case "Sequence":
		var out []postProcessor
		for i := range c.Processors {
			ps, err := c.Processors[i].postProcessors(at(path, "processors", i))
			if err != nil {
				return nil, err
			}
			out = append(out, ps...)
		}
		return out, nil
	case "ByteLevel":
		if !flag(c.TrimOffsets, true) {
			return nil, nil
		}
		return []postProcessor{trimmer{flag(c.AddPrefixSpace, true)}}, nil
	case "TemplateProcessing":
		t, err := c.template(path)
		return []postProcessor{t}, err
	}
	return nil, unknown(path, c.Type)
}

func (c *component) template(path string) (template, error) {
	var t template
	for i, p := range c.Single {
		switch {
		case p.Sequence != nil && p.Sequence.ID == "A":
			t = append(t, templateStep{sequence: true})
		case p.SpecialToken != nil:
			spec, ok := c.SpecialTokens[p.SpecialToken.ID]
			if !ok {
				return nil, fmt.Errorf("tokenizer: %s: special token %q has no ids", at(path, "single", i), p.SpecialToken.ID)
			}
			t = append(t, templateStep{ids: spec.IDs})
		default:
			return nil, fmt.Errorf("tokenizer: %s: found neither a special token nor sequence A", at(path, "single", i))
		}
	}
	return t, nil
}

// decoders flattens nested sequences.
func (c *component) decoders(path string) ([]decoder, error) {
	one := func(d decoder) ([]decoder, error) { return []decoder{d}, nil }
	switch c.Type {
	case "Sequence":
		var out []decoder
		for i := range c.Decoders {
			ds, err := c.Decoders[i].decoders(at(path, "decoders", i))
			if err != nil {
				return nil, err
			}
			out = append(out, ds...)
		}
		return out, nil
	case "ByteLevel":
		return one(byteLevelDecoder{})
	case "ByteFallback":
		return one(fallbackDecoder{})
	case "Fuse":
		return one(fuseDecoder{})
	case "Strip":
		return one(stripDecoder{c.Content, c.Start, c.Stop})
	case "Replace":
		p, err := c.pattern(path)
		return []decoder{replaceDecoder{p, c.Content}}, err
	case "Metaspace":
		m, err := c.metaspace(path)
		if err != nil {
			return nil, err
		}
		return one(metaspaceDecoder{m.mark, m.scheme != "never"})
	}
	return nil, unknown(path, c.Type)
}
