package tokenizer

import (
	"bytes"
	"fmt"
	"strings"

	"agar/model/internal/rawjson"
)

// What a file may ask for beyond its vocabulary, each some times as much as in any
// file that is known. Every value costs memory that its few bytes do not tell of.
const (
	maxValues   = 1000     // members and elements of the components of a kind
	maxPatterns = 1 << 13  // bytes of all regular expressions
	maxClasses  = 1 << 16  // bytes of all regular expressions with their classes spelt out
	maxForms    = 64 << 10 // bytes of normalized added tokens beyond twice their contents
)

// component decodes a component by encoding/json.
func (r *reader) component(name string, to **component) {
	at := r.pos
	if n := rawjson.Values(r.skip()); n > maxValues {
		r.fail("%s: found %d values, expected at most %d", name, n, maxValues)
		return
	}
	r.pos = at
	r.value(name, to)
}

// checkPatterns bounds what the regular expressions of a file take together.
func (f *file) checkPatterns() error {
	size, spelt := 0, 0
	for _, c := range []*component{f.Normalizer, f.PreTokenizer, f.PostProcessor, f.Decoder} {
		c.eachRegex(func(expr string) {
			size += len(expr)
			spelt += len(expr) + len(wordRanges())*strings.Count(expr, `\w`)
		})
	}
	if size > maxPatterns || spelt > maxClasses {
		return fmt.Errorf("tokenizer: found regular expressions of %d bytes, %d with their classes spelt out, expected at most %d and %d", size, spelt, maxPatterns, maxClasses)
	}
	return nil
}

// eachRegex calls f for the regular expressions of a component and all in it.
func (c *component) eachRegex(f func(expr string)) {
	if c == nil {
		return
	}
	if c.Pattern != nil && c.Pattern.Regex != nil {
		f(*c.Pattern.Regex)
	}
	for _, list := range [][]component{c.Normalizers, c.Pretokenizers, c.Processors, c.Decoders} {
		for i := range list {
			list[i].eachRegex(f)
		}
	}
}

// added reads the list of added tokens, each of which has an id and a content.
func (r *reader) added() []addedToken {
	if r.peek() == 'n' {
		r.skip()
		return nil
	}
	list := make([]addedToken, 0, min(bytes.Count(r.data[r.pos:], []byte(`"content"`)), (len(r.data)-r.pos)/len(`{"id":1,"content":""}`)))
	r.array(func(i int) { list = append(list, r.addedToken(i)) })
	return list
}

func (r *reader) addedToken(i int) (a addedToken) {
	id, content := false, false
	r.object(func(key []byte) {
		switch string(key) {
		case "id":
			a.ID, id = r.id(), true
		case "content":
			a.Content, content = string(r.text()), true
		case "single_word":
			a.SingleWord = r.flag()
		case "lstrip":
			a.LStrip = r.flag()
		case "rstrip":
			a.RStrip = r.flag()
		case "normalized":
			a.Normalized = r.flag()
		case "special":
			a.Special = r.flag()
		default:
			r.skip()
		}
	})
	if r.err == nil && !(id && content) {
		r.fail("added_tokens[%d]: expected id and content", i)
	}
	return a
}

// flag reads true or false.
func (r *reader) flag() bool {
	switch v := string(r.skip()); {
	case v == "true":
		return true
	case v != "false" && r.err == nil:
		r.fail("found %s, expected true or false", v)
	}
	return false
}
