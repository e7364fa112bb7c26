package model

import "strings"

// stopString looks for a stop string that the last token completed: in the text
// of the last tokens, special ones included, so that it may begin and end inside
// of tokens. The first one in the text counts.
func (g *generation) stopString(c *Completion, found *string) bool {
	longest := 0
	for _, s := range g.o.StopStrings {
		longest = max(longest, len(s))
	}
	// A token stands for a byte at least, unless it is one that decodes to nothing.
	tail := g.m.Tokenizer.Decode(c.IDs[max(len(c.IDs)-2*longest-16, 0):], false)
	_, *found = firstStop(tail, g.o.StopStrings)
	c.tail = len(tail)
	return *found != ""
}

// firstStop is the stop string that comes first in a text, and where.
func firstStop(text string, stops []string) (at int, stop string) {
	at = -1
	for _, s := range stops {
		if i := strings.Index(text, s); i >= 0 && (at < 0 || i < at) {
			at, stop = i, s
		}
	}
	return at, stop
}

// text is the text of a completion: without its stop token, or up to its stop
// string.
func (g *generation) text(c *Completion, stop string) string {
	switch c.Finish {
	case FinishToken:
		return g.m.Tokenizer.Decode(c.IDs[:len(c.IDs)-1], true)
	case FinishString:
		text := g.m.Tokenizer.Decode(c.IDs, true)
		from := max(len(text)-c.tail, 0)
		if i := strings.Index(text[from:], stop); i >= 0 {
			return text[:from+i]
		}
		return g.m.Tokenizer.Decode(c.IDs[:len(c.IDs)-1], true) // it is or holds a special token
	}
	return g.m.Tokenizer.Decode(c.IDs, true)
}
