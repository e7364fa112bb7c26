package tokenizer

import (
	"hash/maphash"
	"strings"
	"sync/atomic"
)

const (
	cacheSlots   = 1 << 15
	maxCacheWord = 64 // bytes; longer words are rarely met again
)

// cache remembers how words were tokenized. It is direct-mapped: a word has one
// slot and the last word there stays, so it is bounded and needs no lock.
type cache struct {
	seed  maphash.Seed
	slots [cacheSlots]atomic.Pointer[cached]
}

type cached struct {
	word    string
	symbols []symbol
}

func newCache() *cache { return &cache{seed: maphash.MakeSeed()} }

func (c *cache) slot(word string) *atomic.Pointer[cached] {
	return &c.slots[maphash.String(c.seed, word)%cacheSlots]
}

// get returns symbols that must not be modified.
func (c *cache) get(word string) ([]symbol, bool) {
	if e := c.slot(word).Load(); e != nil && e.word == word {
		return e.symbols, true
	}
	return nil, false
}

// put copies word and symbols.
func (c *cache) put(word string, symbols []symbol) {
	if len(word) <= maxCacheWord {
		c.slot(word).Store(&cached{strings.Clone(word), append([]symbol(nil), symbols...)})
	}
}
