package tokenizer

import "strings"

// trie maps strings to values ≥ 0 and finds those that begin at a place of a
// text. Chains of nodes are one node with a label (a Patricia trie), so that
// there are at most two nodes a string. The edges lie in one table by open
// addressing, those of the root in a table by byte.
type trie struct {
	root   [256]int32 // children of the root, 0 for none
	keys   []uint64   // node<<8 | first byte of the label, plus one; 0 is free
	next   []int32    // the child of a key's node
	labels []string   // what leads to a node from its parent
	values []int32    // a node's value or −1; node 0 is the root
	used   int
}

// newTrie has room for about n strings without growing.
func newTrie(n int) *trie {
	t := &trie{labels: make([]string, 1, n+n/4+1), values: make([]int32, 1, n+n/4+1)}
	t.values[0] = -1
	t.resize(n + n/2)
	return t
}

func (t *trie) resize(n int) {
	size := 16
	for size < n {
		size *= 2
	}
	keys, next := t.keys, t.next
	t.keys, t.next = make([]uint64, size), make([]int32, size)
	for i, k := range keys {
		if k != 0 {
			s := t.slot(k)
			t.keys[s], t.next[s] = k, next[i]
		}
	}
}

func (t *trie) slot(key uint64) int {
	mask := len(t.keys) - 1
	i := int((key*0x9E3779B97F4A7C15)>>24) & mask
	for t.keys[i] != 0 && t.keys[i] != key {
		i = (i + 1) & mask
	}
	return i
}

func edgeKey(node int32, c byte) uint64 { return (uint64(node)<<8 | uint64(c)) + 1 }

// child is the node whose label begins with c below node, 0 when there is none.
func (t *trie) child(node int32, c byte) int32 {
	if node == 0 {
		return t.root[c]
	}
	return t.next[t.slot(edgeKey(node, c))]
}

// step goes on from node over the label that s has at byte i < len(s); 0 when
// it has none.
func (t *trie) step(node int32, s string, i int) (child int32, end int) {
	child = t.child(node, s[i])
	if child == 0 {
		return 0, i
	}
	l := t.labels[child]
	if len(l) > 1 && !strings.HasPrefix(s[i:], l) {
		return 0, i
	}
	return child, i + len(l)
}

// put gives s a value; the last one counts. The empty string is left out.
func (t *trie) put(s string, value int32) {
	node := int32(0)
	for i := 0; i < len(s); {
		child := t.child(node, s[i])
		if child == 0 {
			child = t.grow(node, s[i:])
		}
		n := common(t.labels[child], s[i:])
		if n < len(t.labels[child]) {
			child = t.split(node, child, n)
		}
		node = child
		i += n
	}
	if node != 0 {
		t.values[node] = value
	}
}

// split puts a node behind the first n bytes of child's label.
func (t *trie) split(node, child int32, n int) int32 {
	l := t.labels[child]
	mid := t.grow(node, l[:n])
	t.labels[child] = l[n:]
	t.link(mid, child)
	return mid
}

// grow adds a child to node.
func (t *trie) grow(node int32, label string) int32 {
	child := int32(len(t.values))
	t.values = append(t.values, -1)
	t.labels = append(t.labels, label)
	t.link(node, child)
	return child
}

// link makes child the node below parent that its label leads to.
func (t *trie) link(parent, child int32) {
	c := t.labels[child][0]
	if parent == 0 {
		t.root[c] = child
		return
	}
	key := edgeKey(parent, c)
	i := t.slot(key)
	if t.keys[i] == 0 {
		if t.used++; 4*t.used > 3*len(t.keys) {
			t.resize(2 * len(t.keys))
			i = t.slot(key)
		}
	}
	t.keys[i], t.next[i] = key, child
}

// common is the length of the common prefix of a and b.
func common(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// get is the value of s, −1 when it has none.
func (t *trie) get(s string) int32 {
	value, end := t.longest(s, 0)
	if end != len(s) {
		return -1
	}
	return value
}

// longest is the value and the end of the longest string of the trie that s
// has at byte i; −1 when there is none.
func (t *trie) longest(s string, i int) (value int32, end int) {
	value, end = -1, i
	node := int32(0)
	for k := i; k < len(s); {
		if node, k = t.step(node, s, k); node == 0 {
			break
		}
		if v := t.values[node]; v >= 0 {
			value, end = v, k
		}
	}
	return value, end
}
