package behaviour

import (
	"slices"
	"strconv"
	"strings"

	"agar/model/tokenizer"
)

// trie holds every sequence of tokens that spells a whole number from 0 to 100,
// without leading zeros, with at most one space or line break before it.
type trie struct {
	paths   [][]int32 // the longest sequences; all others are beginnings of them
	nodes   map[string]*trieNode
	numeric []bool // by token: its text begins with a digit, so that a number before it goes on
}

// trieNode is a beginning of a number.
type trieNode struct {
	value    int     // −1: no number yet
	children []int32 // tokens that lead to other nodes, ascending
}

// newTrie finds the sequences in a vocabulary.
func newTrie(tok *tokenizer.Tokenizer) *trie {
	t := &trie{nodes: map[string]*trieNode{}, numeric: make([]bool, tok.Size())}
	pieces := map[string][]int32{} // tokens by text
	for id := range int32(tok.Size()) {
		text, ok := pieceText(tok, id)
		if !ok || text == "" {
			continue
		}
		t.numeric[id] = text[0] >= '0' && text[0] <= '9'
		if begins(text) || strings.Trim(text, "0123456789") == "" && len(text) <= 3 {
			pieces[text] = append(pieces[text], id)
		}
	}
	texts := make([]string, 0, len(pieces))
	for text := range pieces {
		texts = append(texts, text)
	}
	slices.Sort(texts)
	t.grow(nil, "", texts, pieces)
	return t
}

// pieceText is the text that a token adds behind another one.
func pieceText(tok *tokenizer.Tokenizer, id int32) (string, bool) {
	if tok.IsSpecial(id) {
		return "", false
	}
	e, err := tok.Encode("x", false)
	if err != nil {
		return "", false
	}
	before := e.IDs
	return strings.CutPrefix(tok.Decode(append(slices.Clone(before), id), false), tok.Decode(before, false))
}

// grow adds the node of ids, which spell text, and all that follow.
func (t *trie) grow(ids []int32, text string, texts []string, pieces map[string][]int32) {
	n := &trieNode{value: valueOf(text)}
	t.nodes[nodeKey(ids)] = n
	for _, more := range texts {
		if !begins(text + more) {
			continue
		}
		for _, id := range pieces[more] {
			n.children = append(n.children, id)
			t.grow(append(slices.Clone(ids), id), text+more, texts, pieces)
		}
	}
	if len(n.children) == 0 && len(ids) > 0 {
		t.paths = append(t.paths, ids)
	}
	slices.Sort(n.children)
}

// digits is a text without the one space or line break before it.
func digits(text string) string {
	if text != "" && (text[0] == ' ' || text[0] == '\n') {
		return text[1:]
	}
	return text
}

// begins tells whether a text is the beginning of a number, or a number.
func begins(text string) bool { return digits(text) == "" && len(text) == 1 || valueOf(text) >= 0 }

// valueOf is the number from 0 to 100 that a text spells, −1 for none.
func valueOf(text string) int {
	d := digits(text)
	n, err := strconv.Atoi(d)
	if err != nil || n < 0 || n > 100 || strconv.Itoa(n) != d {
		return -1
	}
	return n
}

// nodeKey names the node of ids.
func nodeKey(ids []int32) string {
	var b strings.Builder
	for _, id := range ids {
		b.WriteString(strconv.Itoa(int(id)))
		b.WriteByte(' ')
	}
	return b.String()
}
