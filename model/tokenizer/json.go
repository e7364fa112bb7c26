package tokenizer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"

	"agar/model/internal/rawjson"
)

// reader walks over a JSON document without building it: vocabularies of
// hundreds of thousands of tokens are read several times faster than by
// encoding/json. The first error stops it; everything read later is empty.
type reader struct {
	data []byte
	pos  int
	err  error

	texts [2][]byte // texts with escapes, in turn
	turn  int
	sides [2][]byte // of a merge
}

// fail keeps the first error, with the byte it was met at.
func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("byte %d: %w", r.pos, fmt.Errorf(format, args...))
		r.pos = len(r.data)
	}
}

// peek is the next byte that is not white space, 0 at the end.
func (r *reader) peek() byte {
	for ; r.pos < len(r.data); r.pos++ {
		if c := r.data[r.pos]; c != ' ' && c != '\n' && c != '\t' && c != '\r' {
			return c
		}
	}
	return 0
}

// expect steps over c.
func (r *reader) expect(c byte) {
	if got := r.peek(); got != c || r.pos >= len(r.data) {
		r.fail("found %s, expected %q", describe(got), string(c))
		return
	}
	r.pos++
}

func describe(c byte) string {
	if c == 0 {
		return "the end"
	}
	return strconv.Quote(string(rune(c)))
}

// more says whether the list that ends with end goes on, and steps over the
// comma or the end.
func (r *reader) more(first bool, end byte) bool {
	switch c := r.peek(); {
	case r.err != nil:
		return false
	case c == end:
		r.pos++
		return false
	case first:
		return true
	case c == ',':
		r.pos++
		return true
	default:
		r.fail("found %s, expected a comma or %q", describe(c), string(end))
		return false
	}
}

// object calls f for every member; f must read the value.
func (r *reader) object(f func(key []byte)) {
	r.expect('{')
	for first := true; r.more(first, '}'); first = false {
		key := r.text()
		r.expect(':')
		if r.err == nil {
			f(key)
		}
	}
}

// array calls f for every element; f must read it.
func (r *reader) array(f func(i int)) {
	r.expect('[')
	for i := 0; r.more(i == 0, ']'); i++ {
		f(i)
	}
}

// text reads a string. The result may lie in the document; it is valid until two
// more are read.
func (r *reader) text() []byte {
	raw, escaped := r.literal()
	if r.err != nil {
		return nil
	}
	if !escaped {
		return raw[1 : len(raw)-1]
	}
	r.turn ^= 1
	s, ok := rawjson.Unescape(r.texts[r.turn][:0], raw[1:len(raw)-1])
	if r.texts[r.turn] = s; !ok {
		r.fail("string %s: found a backslash before none of \"\\/bfnrtu", raw)
	}
	return s
}

// literal steps over a string and returns it with its quotes.
func (r *reader) literal() (raw []byte, escaped bool) {
	if c := r.peek(); c != '"' {
		r.fail("found %s, expected a string", describe(c))
		return nil, false
	}
	start := r.pos
	for i := start + 1; i < len(r.data); i++ {
		switch c := r.data[i]; {
		case c == '"':
			r.pos = i + 1
			return r.data[start:r.pos], escaped
		case c == '\\':
			escaped = true
			i++
		case c < ' ':
			r.fail("found a control character in a string")
			return nil, false
		}
	}
	r.fail("found a string without end")
	return nil, false
}

// number steps over a number.
func (r *reader) number() []byte {
	r.peek()
	start := r.pos
	for r.pos < len(r.data) && bytes.IndexByte([]byte("+-.eE0123456789"), r.data[r.pos]) >= 0 {
		r.pos++
	}
	if start == r.pos {
		r.fail("found %s, expected a number", describe(r.peek()))
	}
	return r.data[start:r.pos]
}

// id reads an integer of 32 bits.
func (r *reader) id() int32 {
	s := r.number()
	if r.err != nil {
		return 0
	}
	n, err := strconv.ParseInt(string(s), 10, 32)
	if err != nil {
		r.fail("found %s, expected an id", s)
	}
	return int32(n)
}

// float reads a number, see roundedFloat.
func (r *reader) float() float64 {
	s := r.number()
	if r.err != nil {
		return 0
	}
	str := string(s)
	if f, err := strconv.ParseFloat(str, 64); err != nil || math.IsInf(f, 0) {
		r.fail("found %s, expected a number", s)
		return 0
	}
	return roundedFloat(str)
}

// skip steps over any value and returns it. Brackets are matched, what is
// between them is not checked.
func (r *reader) skip() json.RawMessage {
	c := r.peek()
	start := r.pos
	switch {
	case c == '"':
		r.literal()
	case c == '{' || c == '[':
		r.nested()
	default:
		for r.pos < len(r.data) && bytes.IndexByte([]byte(",]} \n\t\r"), r.data[r.pos]) < 0 {
			r.pos++
		}
	}
	if r.err != nil {
		return nil
	}
	return r.data[start:r.pos]
}

// nested steps over an object or array.
func (r *reader) nested() {
	for depth := 0; r.err == nil; {
		switch c := r.peek(); c {
		case '"':
			r.literal()
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case 0:
			if r.pos >= len(r.data) {
				r.fail("found the end, expected a closing bracket")
				return
			}
		}
		r.pos++
		if depth == 0 {
			return
		}
	}
}

// end refuses anything behind the document.
func (r *reader) end() {
	if c := r.peek(); r.err == nil && r.pos < len(r.data) {
		r.fail("found %s behind the document", describe(c))
	}
}

// newReader starts at the beginning of valid UTF-8.
func newReader(data []byte) *reader {
	r := &reader{data: data}
	if !utf8.Valid(data) {
		r.fail("found bytes that are no UTF-8")
	}
	return r
}
