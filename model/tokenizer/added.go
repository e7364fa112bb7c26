package tokenizer

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// addedToken is a token that is looked for in the text itself, before the
// model sees it.
type addedToken struct {
	ID         int32
	Content    string
	SingleWord bool
	LStrip     bool
	RStrip     bool
	Normalized bool
	Special    bool
}

// matcher finds added tokens, the leftmost and of those the longest.
type matcher struct {
	tokens []*addedToken
	trie   *trie // form → index into tokens
}

// add makes m find a by the form it has in the matched text; of two with one
// form the first is found. n is how many there may be.
func (m *matcher) add(form string, a *addedToken, n int) {
	if form == "" {
		return
	}
	if m.trie == nil {
		m.trie, m.tokens = newTrie(n), make([]*addedToken, 0, n)
	}
	if m.trie.get(form) < 0 {
		m.trie.put(form, int32(len(m.tokens)))
		m.tokens = append(m.tokens, a)
	}
}

// split calls plain for the stretches of t without an added token and found
// for the others, in order. Empty stretches are left out.
//
// A token that strips white space on its right does not keep later tokens from
// being found inside that space; this is what Hugging Face does.
func (m *matcher) split(t text, plain func(text), found func(*addedToken, text)) {
	done := 0
	for i := 0; i < len(t.s) && m.trie != nil; {
		if m.trie.root[t.s[i]] == 0 {
			i++
			continue
		}
		n, end := m.trie.longest(t.s, i)
		if n < 0 {
			i++
			continue
		}
		a, start, stop := m.tokens[n], i, end
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
