package tokenizer

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// addedToken is a token that is looked for in the text itself, before the
// model sees it.
type addedToken struct {
	ID         int32  `json:"id"`
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"`
	LStrip     bool   `json:"lstrip"`
	RStrip     bool   `json:"rstrip"`
	Normalized bool   `json:"normalized"`
	Special    bool   `json:"special"`
}

// matcher finds added tokens, the leftmost and of those the longest, through a
// trie over bytes.
type matcher struct {
	tokens []addedToken
	first  [256]bool        // bytes that some token starts with
	next   map[uint64]int32 // node<<8 | byte → node
	token  []int32          // a node's token or −1
}

// add makes m find a by the form it has in the matched text.
func (m *matcher) add(form string, a addedToken) {
	if form == "" {
		return
	}
	if m.next == nil {
		m.next, m.token = map[uint64]int32{}, []int32{-1}
	}
	m.first[form[0]] = true
	node := int32(0)
	for i := range len(form) {
		key := uint64(node)<<8 | uint64(form[i])
		child, ok := m.next[key]
		if !ok {
			child = int32(len(m.token))
			m.next[key] = child
			m.token = append(m.token, -1)
		}
		node = child
	}
	if m.token[node] < 0 {
		m.token[node] = int32(len(m.tokens))
		m.tokens = append(m.tokens, a)
	}
}

// at is the longest token that s has at byte i.
func (m *matcher) at(s string, i int) (a *addedToken, end int) {
	node := int32(0)
	for k := i; k < len(s); k++ {
		child, ok := m.next[uint64(node)<<8|uint64(s[k])]
		if !ok {
			break
		}
		node = child
		if n := m.token[node]; n >= 0 {
			a, end = &m.tokens[n], k+1
		}
	}
	return a, end
}

// split calls plain for the stretches of t without an added token and found
// for the others, in order. Empty stretches are left out.
//
// A token that strips white space on its right does not keep later tokens from
// being found inside that space; this is what Hugging Face does.
func (m *matcher) split(t text, plain func(text), found func(*addedToken, text)) {
	done := 0
	for i := 0; i < len(t.s) && m.token != nil; {
		if !m.first[t.s[i]] {
			i++
			continue
		}
		a, end := m.at(t.s, i)
		if a == nil {
			i++
			continue
		}
		start, stop := i, end
		i = end
		if a.SingleWord && !standsAlone(t.s, start, stop) {
			continue
		}
		if a.LStrip {
			start = max(len(strings.TrimRightFunc(t.s[:start], unicode.IsSpace)), done)
		}
		if a.RStrip {
			stop = len(t.s) - len(strings.TrimLeftFunc(t.s[stop:], unicode.IsSpace))
		}
		if done < start {
			plain(t.slice(done, start))
		}
		found(a, t.slice(start, stop))
		done = stop
	}
	if done < len(t.s) {
		plain(t.slice(done, len(t.s)))
	}
}

// standsAlone says that no word character touches s[i:j].
func standsAlone(s string, i, j int) bool {
	before, w := utf8.DecodeLastRuneInString(s[:i])
	after, v := utf8.DecodeRuneInString(s[j:])
	return (w == 0 || !isWord(before)) && (v == 0 || !isWord(after))
}

// isWord is \w of Unicode regular expressions: alphabetic characters, marks,
// decimal digits, connector punctuation and the two joiners.
func isWord(r rune) bool {
	return unicode.IsLetter(r) || unicode.In(r, unicode.M, unicode.Nd, unicode.Nl, unicode.Pc, unicode.Other_Alphabetic, unicode.Join_Control)
}
