package tokenizer

import (
	"hash/maphash"
	"iter"
)

// vocabulary maps tokens to ids: two lists, and a table by open addressing that
// finds them, which takes half the memory of a map. nil is empty.
type vocabulary struct {
	keys  []string
	ids   []int32 // nil: the id of a key is its index
	slots []int32 // an index of keys plus one; 0 is free
}

var vocabularySeed = maphash.MakeSeed()

// newVocabulary has room for about n tokens.
func newVocabulary(n int) *vocabulary {
	v := &vocabulary{keys: make([]string, 0, n), ids: make([]int32, 0, n)}
	v.resize(n)
	return v
}

// numbered is the vocabulary of a list, in which id i is tokens[i], and the first
// token that comes twice; its ids are first and second, −1 when there is none. The
// list is kept and must not be changed.
func numbered(tokens []string) (v *vocabulary, first, second int32) {
	v = &vocabulary{keys: tokens}
	v.resize(len(tokens))
	for i, s := range tokens {
		at := v.slot(s)
		if v.slots[at] != 0 {
			return v, v.slots[at] - 1, int32(i)
		}
		v.slots[at] = int32(i) + 1
	}
	return v, -1, -1
}

// listed is the vocabulary of a list in which the last of tokens that are alike
// counts. The list is kept and must not be changed.
func listed(tokens []string) *vocabulary {
	v := &vocabulary{keys: tokens}
	v.resize(len(tokens))
	for i, s := range tokens {
		v.slots[v.slot(s)] = int32(i) + 1
	}
	return v
}

// resize makes a table that n keys fill by three quarters at most, and puts in
// those that are there, unless they are going to be.
func (v *vocabulary) resize(n int) {
	size := 16
	for 3*size < 4*n {
		size *= 2
	}
	v.slots = make([]int32, size)
	if v.ids == nil {
		return
	}
	for i, s := range v.keys {
		v.slots[v.slot(s)] = int32(i) + 1
	}
}

// slot is where s is, or where it belongs.
func (v *vocabulary) slot(s string) int {
	mask := len(v.slots) - 1
	i := int(maphash.String(vocabularySeed, s)) & mask
	for v.slots[i] != 0 && v.keys[v.slots[i]-1] != s {
		i = (i + 1) & mask
	}
	return i
}

func (v *vocabulary) len() int {
	if v == nil {
		return 0
	}
	return len(v.keys)
}

// get is the id of s.
func (v *vocabulary) get(s string) (id int32, ok bool) {
	if v == nil {
		return 0, false
	}
	return v.at(v.slots[v.slot(s)])
}

// getBytes is get without making a string of b.
func (v *vocabulary) getBytes(b []byte) (id int32, ok bool) {
	if v == nil {
		return 0, false
	}
	mask := len(v.slots) - 1
	i := int(maphash.Bytes(vocabularySeed, b)) & mask
	for v.slots[i] != 0 && v.keys[v.slots[i]-1] != string(b) {
		i = (i + 1) & mask
	}
	return v.at(v.slots[i])
}

// at is the id of what a slot holds.
func (v *vocabulary) at(held int32) (id int32, ok bool) {
	switch {
	case held == 0:
		return 0, false
	case v.ids == nil:
		return held - 1, true
	}
	return v.ids[held-1], true
}

// set gives s an id; the last one counts.
func (v *vocabulary) set(s string, id int32) {
	i := v.slot(s)
	if k := v.slots[i]; k != 0 {
		v.ids[k-1] = id
		return
	}
	v.keys, v.ids = append(v.keys, s), append(v.ids, id)
	if v.slots[i] = int32(len(v.keys)); 4*len(v.keys) > 3*len(v.slots) {
		v.resize(2 * len(v.keys))
	}
}

// all yields every token with its id.
func (v *vocabulary) all() iter.Seq2[string, int32] {
	return func(yield func(string, int32) bool) {
		if v == nil {
			return
		}
		for i, s := range v.keys {
			if id, _ := v.at(int32(i) + 1); !yield(s, id) {
				return
			}
		}
	}
}
