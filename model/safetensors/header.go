package safetensors

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"agar/model/internal/rawjson"
)

// maxMetadata bounds the entries of __metadata__; files have a few.
const maxMetadata = 4096

// scanner reads the JSON of a header, which is always of one form:
//
//	{"__metadata__": {"key": "value", …},
//	 "name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, …}
//
// It takes no more memory than the tensors that it finds.
type scanner struct {
	b       []byte
	pos     int
	meta    []byte // the object behind __metadata__
	tensors []Tensor
	buf     []byte // of a string with escapes
}

// scan reads a whole header.
func (s *scanner) scan() error {
	s.tensors = make([]Tensor, 0, bytes.Count(s.b, []byte(`"data_offsets"`)))
	if err := s.object("the header", s.member); err != nil {
		return err
	}
	if s.skip(); s.pos < len(s.b) {
		return s.wrong("spaces to the end of the header")
	}
	return nil
}

// wrong says what stands at pos instead of what was expected.
func (s *scanner) wrong(expected string) error {
	if s.pos >= len(s.b) {
		return fmt.Errorf("header is no JSON of tensors: found its end at byte %d, expected %s", s.pos, expected)
	}
	return fmt.Errorf("header is no JSON of tensors: found %q at byte %d, expected %s", s.b[s.pos:min(s.pos+10, len(s.b))], s.pos, expected)
}

// skip passes over white space.
func (s *scanner) skip() {
	for s.pos < len(s.b) && (s.b[s.pos] == ' ' || s.b[s.pos] == '\n' || s.b[s.pos] == '\t' || s.b[s.pos] == '\r') {
		s.pos++
	}
}

// next says whether c comes next, and takes it.
func (s *scanner) next(c byte) bool {
	s.skip()
	if s.pos < len(s.b) && s.b[s.pos] == c {
		s.pos++
		return true
	}
	return false
}

// object reads {"key": …, …} and has value read what stands behind every key, of
// which it is given the text.
func (s *scanner) object(what string, value func(key string) error) error {
	return s.members(what, func(raw []byte) error { return value(s.decoded(raw)) })
}

// members reads {"key": …, …} and has value read what stands behind every key, of
// which it is given the JSON.
func (s *scanner) members(what string, value func(raw []byte) error) error {
	if !s.next('{') {
		return s.wrong("{ of " + what)
	}
	for first := true; !s.next('}'); first = false {
		if !first && !s.next(',') {
			return s.wrong(", or } in " + what)
		}
		key, err := s.quoted()
		if err != nil {
			return err
		}
		if !s.next(':') {
			return s.wrong(":")
		}
		if err := value(key); err != nil {
			return err
		}
	}
	return nil
}

// quoted reads a string and gives its JSON.
func (s *scanner) quoted() ([]byte, error) {
	if !s.next('"') {
		return nil, s.wrong("a string")
	}
	start := s.pos
	for ; s.pos < len(s.b) && s.b[s.pos] != '"'; s.pos++ {
		if s.b[s.pos] == '\\' {
			s.pos++
		}
	}
	if s.pos >= len(s.b) {
		return nil, s.wrong("the end of a string")
	}
	s.pos++
	raw := s.b[start-1 : s.pos]
	if !json.Valid(raw) || !utf8.Valid(raw) {
		s.pos = start
		return nil, s.wrong("a string of UTF-8")
	}
	return raw, nil
}

// text reads a string.
func (s *scanner) text() (string, error) {
	raw, err := s.quoted()
	return s.decoded(raw), err
}

// decoded is the text of a string in JSON.
func (s *scanner) decoded(raw []byte) string {
	if len(raw) < 2 { // nil, behind an error
		return ""
	}
	raw = raw[1 : len(raw)-1]
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw)
	}
	s.buf, _ = rawjson.Unescape(s.buf[:0], raw)
	return string(s.buf)
}

// ints reads [1, 2, …] into out, which has room for as many as are allowed.
func (s *scanner) ints(out []uint64) ([]uint64, error) {
	if !s.next('[') {
		return nil, s.wrong("[ of a list of integers")
	}
	for first := true; !s.next(']'); first = false {
		if !first && !s.next(',') {
			return nil, s.wrong(", or ] in a list")
		}
		n, err := s.number()
		if err != nil {
			return nil, err
		}
		if len(out) == cap(out) {
			return nil, s.wrong(fmt.Sprintf("at most %d integers", cap(out)))
		}
		out = append(out, n)
	}
	return out, nil
}

// number reads an integer below 2⁶³ that is not negative.
func (s *scanner) number() (n uint64, err error) {
	s.skip()
	start := s.pos
	for ; s.pos < len(s.b) && s.b[s.pos] >= '0' && s.b[s.pos] <= '9'; s.pos++ {
		if n = 10*n + uint64(s.b[s.pos]-'0'); n > 1<<63-1 || s.pos-start >= 19 {
			s.pos = start
			return 0, s.wrong("an integer below 2⁶³")
		}
	}
	if s.pos == start || s.b[start] == '0' && s.pos > start+1 {
		s.pos = start
		return 0, s.wrong("an integer, not negative, without leading zeros")
	}
	return n, nil
}

// member reads what stands behind a key of the header.
func (s *scanner) member(name string) error {
	if name != "__metadata__" {
		return s.tensor(name)
	}
	if s.meta != nil {
		return fmt.Errorf("found __metadata__ twice")
	}
	start, n := s.pos, 0
	err := s.members("__metadata__", func([]byte) error {
		_, err := s.quoted()
		if n++; err == nil && n > maxMetadata {
			err = fmt.Errorf("__metadata__: found more than %d entries", maxMetadata)
		}
		return err
	})
	s.meta = s.b[start:s.pos]
	return err
}

// maxDims is the most dimensions that a tensor may have.
const maxDims = 16

// tensor reads {"dtype": …, "shape": …, "data_offsets": …}.
func (s *scanner) tensor(name string) error {
	t := Tensor{Name: name}
	var dims [maxDims]uint64
	var offsets [2]uint64
	seen := 0
	err := s.object("a tensor", func(key string) (err error) {
		switch key {
		case "dtype":
			seen |= 1
			t.DType, err = s.text()
		case "shape":
			seen |= 2
			var shape []uint64
			shape, err = s.ints(dims[:0])
			t.Shape = make([]int, len(shape))
			for i, n := range shape {
				t.Shape[i] = int(n)
			}
		case "data_offsets":
			var two []uint64
			if two, err = s.ints(offsets[:0]); err == nil && len(two) != 2 {
				err = fmt.Errorf("found %d data_offsets, expected 2", len(two))
			}
			seen |= 4
			t.from, t.to = offsets[0], offsets[1]
		default:
			err = fmt.Errorf("found key %q, expected dtype, shape and data_offsets", key)
		}
		return err
	})
	if err == nil && seen != 7 {
		err = fmt.Errorf("expected dtype, shape and data_offsets, found not all of them")
	}
	if err != nil {
		return fmt.Errorf("tensor %q: %w", name, err)
	}
	s.tensors = append(s.tensors, t)
	return nil
}
