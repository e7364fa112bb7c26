package tokenizer

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

// charsmap is SentencePiece's precompiled normalizer: a double array over bytes
// (Darts) whose values are offsets of replacements that end with a NUL.
type charsmap struct {
	units []uint32
	texts string
}

// newCharsmap reads the blob: the size of the array in bytes, the array, the
// replacements.
func newCharsmap(b []byte) (*charsmap, error) {
	if len(b) < 4 {
		return nil, fmt.Errorf("found %d bytes, expected a charsmap", len(b))
	}
	n := binary.LittleEndian.Uint32(b) / 4
	if b = b[4:]; uint64(n)*4 > uint64(len(b)) {
		return nil, fmt.Errorf("found %d bytes, expected an array of %d", len(b), uint64(n)*4)
	}
	m := &charsmap{units: make([]uint32, n), texts: string(b[4*n:])}
	for i := range m.units {
		m.units[i] = binary.LittleEndian.Uint32(b[4*i:])
	}
	if !utf8.ValidString(m.texts) {
		return nil, fmt.Errorf("found replacements that are no UTF-8")
	}
	return m, nil
}

// decodeCharsmap reads a charsmap from base64.
func decodeCharsmap(s string) (*charsmap, error) {
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return nil, err
	}
	return newCharsmap(b)
}

// lookup is the replacement of the shortest prefix of s that has one.
func (m *charsmap) lookup(s string) (to string, ok bool) {
	m.prefixes(s, func(_ int, at uint32) bool {
		to, ok = m.replacement(at)
		return false
	})
	return to, ok
}

// prefixes calls f with the length of every prefix of s that has a replacement
// and where that lies, as long as f returns true.
func (m *charsmap) prefixes(s string, f func(n int, at uint32) bool) {
	if len(m.units) == 0 {
		return
	}
	at := unitOffset(m.units[0])
	for i := 0; i < len(s) && s[i] != 0; i++ {
		if at ^= uint32(s[i]); at >= uint32(len(m.units)) {
			return
		}
		u := m.units[at]
		if u&(1<<31|0xFF) != uint32(s[i]) {
			return
		}
		if at ^= unitOffset(u); at >= uint32(len(m.units)) {
			return
		}
		if u>>8&1 == 1 {
			if !f(i+1, m.units[at]&^(1<<31)) {
				return
			}
		}
	}
}

func unitOffset(u uint32) uint32 { return u >> 10 << (u & (1 << 9) >> 6) }

func (m *charsmap) replacement(at uint32) (string, bool) {
	if at > uint32(len(m.texts)) || at < uint32(len(m.texts)) && !utf8.RuneStart(m.texts[at]) {
		return "", false
	}
	s, _, _ := strings.Cut(m.texts[at:], "\x00")
	return s, true
}

// normalize replaces user-perceived characters of less than six bytes that have
// a replacement as a whole, and else their characters one by one.
func (m *charsmap) normalize(t text) text {
	cs, changed := make([]change, 0, len(t.s)), false
	for i, state := 0, -1; i < len(t.s); {
		var cluster string
		if plainASCII(t.s, i) {
			cluster, state = t.s[i:i+1], -1
		} else {
			cluster, _, _, state = uniseg.FirstGraphemeClusterInString(t.s[i:], state)
		}
		i += len(cluster)
		t.fits(len(cs))
		if to, ok := m.lookup(cluster); ok && len(cluster) < 6 {
			cs, changed = appendChange(cs, cluster, to), true
			continue
		}
		for _, r := range cluster {
			if to, ok := m.lookup(string(r)); ok {
				cs, changed = appendChange(cs, string(r), to), true
			} else {
				cs = append(cs, change{r, 0})
			}
		}
	}
	if !changed {
		return t
	}
	return t.transform(cs)
}

// plainASCII says that the character at byte i is one by itself: ASCII before
// ASCII, no carriage return.
func plainASCII(s string, i int) bool {
	return s[i] < utf8.RuneSelf && s[i] != '\r' && (i+1 == len(s) || s[i+1] < utf8.RuneSelf)
}

// appendChange replaces the characters of from by those of to. With more of
// them the last are inserted; with fewer the last one written, whichever it
// is, takes the others with it.
func appendChange(cs []change, from, to string) []change {
	more := utf8.RuneCountInString(to) - utf8.RuneCountInString(from)
	for _, r := range to {
		cs = append(cs, change{r, 0})
	}
	for k := 0; k < more && k < len(cs); k++ {
		cs[len(cs)-1-k].d = 1
	}
	if more < 0 && len(cs) > 0 {
		cs[len(cs)-1].d += more
	}
	return cs
}

// longestFirst is a charsmap applied as SentencePiece does: at every place the
// longest prefix that has a replacement.
type longestFirst struct{ *charsmap }

func (m longestFirst) normalize(t text) text {
	cs, changed := make([]change, 0, len(t.s)), false
	for i := 0; i < len(t.s); {
		r, w := utf8.DecodeRuneInString(t.s[i:])
		n, at := 0, uint32(0)
		m.prefixes(t.s[i:], func(k int, where uint32) bool {
			n, at = k, where
			return true
		})
		to, ok := m.replacement(at)
		if n == 0 || !ok || !utf8.ValidString(t.s[i:i+n]) {
			cs = append(cs, change{r, 0})
			i += w
			continue
		}
		cs, changed = appendChange(cs, t.s[i:i+n], to), true
		t.fits(len(cs))
		i += n
	}
	if !changed {
		return t
	}
	return t.transform(cs)
}
