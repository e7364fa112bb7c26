package tokenizer

import "fmt"

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
		if !yes(c.TrimOffsets, true) {
			return nil, nil
		}
		return []postProcessor{trimmer{yes(c.AddPrefixSpace, true)}}, nil
	case "TemplateProcessing":
		t, err := c.template(path)
		return []postProcessor{t}, err
	case "BertProcessing":
		return c.clsSep(path)
	case "RobertaProcessing":
		ps, err := c.clsSep(path)
		if yes(c.TrimOffsets, true) {
			ps = append([]postProcessor{trimmer{yes(c.AddPrefixSpace, true)}}, ps...)
		}
		return ps, err
	}
	return nil, unknown(path, c.Type, postProcessorTypes...)
}

var postProcessorTypes = []string{"BertProcessing", "ByteLevel", "RobertaProcessing", "Sequence", "TemplateProcessing"}

// clsSep puts cls before and sep after a text.
func (c *component) clsSep(path string) ([]postProcessor, error) {
	if c.Cls == nil || c.Sep == nil {
		return nil, fmt.Errorf("tokenizer: %s: expected sep and cls, each a token and its id", path)
	}
	return []postProcessor{template{{ids: []int32{c.Cls.id}}, {sequence: true}, {ids: []int32{c.Sep.id}}}}, nil
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

// maxDecoded is how many times as long as the tokens a decoder's text may be.
const maxDecoded = 32

// bounded refuses replacements that let a text grow without measure, because
// Decode has no error.
func bounded(ds []decoder) error {
	grows := 1.0
	for _, d := range ds {
		if r, ok := d.(replaceDecoder); ok {
			grows *= r.growth()
		}
	}
	if grows > maxDecoded {
		return fmt.Errorf("tokenizer: decoder: found replacements that can make a text %.0f times as long, expected at most %d times", grows, maxDecoded)
	}
	return nil
}

// growth is how many times as long a text becomes at most.
func (d replaceDecoder) growth() float64 {
	if n := len(d.pattern.literal); n > 0 {
		return max(1, float64(len(d.content))/float64(n))
	}
	return 1 + float64(len(d.content))
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
	case "BPEDecoder":
		return one(bpeDecoder{textOr(c.Suffix, "</w>")})
	case "ByteLevel":
		return one(byteLevelDecoder{})
	case "ByteFallback":
		return one(fallbackDecoder{})
	case "CTC":
		return one(ctcDecoder{textOr(c.PadToken, "<pad>"), textOr(c.WordDelim, "|"), yes(c.Cleanup, true)})
	case "Fuse":
		return one(fuseDecoder{})
	case "Strip":
		return one(stripDecoder{c.Content, c.Start, c.Stop})
	case "Replace":
		p, err := c.pattern(path)
		if err == nil && p.timed { // Decode has no error
			err = fmt.Errorf("tokenizer: %s.pattern: found %q, which repeats what repeats, expected one that takes a bounded time", path, p.expr)
		}
		return []decoder{replaceDecoder{p, c.Content}}, err
	case "Metaspace":
		m, err := c.metaspace(path)
		if err != nil {
			return nil, err
		}
		return one(metaspaceDecoder{m.mark, m.scheme != "never"})
	case "WordPiece":
		return one(wordPieceDecoder{textOr(c.Prefix, "##"), yes(c.Cleanup, true)})
	}
	return nil, unknown(path, c.Type, decoderTypes...)
}

var decoderTypes = []string{"BPEDecoder", "ByteFallback", "ByteLevel", "CTC", "Fuse", "Metaspace", "Replace", "Sequence", "Strip", "WordPiece"}
