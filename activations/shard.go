package activations

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"agar/activations/blob"
)

// shard is one mapped file of a store.
type shard struct {
	name string
	r    blob.Reader
	table
}

// openShard maps a file and reads its headers. Errors name the file.
func openShard(s blob.Store, name string) (*shard, error) {
	r, err := s.Open(name)
	if err != nil {
		return nil, err
	}
	buf, err := contents(r)
	if err == nil {
		var t *table
		if t, err = parseTable(buf); err == nil {
			return &shard{name, r, *t}, nil
		}
	}
	return nil, errors.Join(fmt.Errorf("%s: %w", name, err), r.Close())
}

// contents maps a blob, or reads it where it cannot be mapped.
func contents(r blob.Reader) ([]byte, error) {
	if m, ok := r.(blob.Mapper); ok {
		return m.Map()
	}
	buf := make([]byte, r.Size())
	if _, err := r.ReadAt(buf, 0); err != nil {
		return nil, err
	}
	return buf, nil
}

func (s *shard) close() error { return s.r.Close() }

// checkColumns holds the file to what the manifest says of every shard.
func (s *shard) checkColumns(want []Column) error {
	if !slices.Equal(s.columns, want) {
		return fmt.Errorf("%s: found columns %v, expected %v", s.name, s.columns, want)
	}
	return nil
}

// values is the bytes of one column of one batch as they lie on disk, whole
// rows. What a compressed batch holds is decompressed into the cache.
func (s *shard) values(b, col int, cache *codecCache) ([]byte, error) {
	bt := &s.batches[b]
	sp, need := bt.hooks[col], bt.rows*s.columns[col].rowBytes()
	src := s.buf[sp.off:][:sp.size]
	if bt.codec == plain {
		return src, nil
	}
	out, err := cache.get(codecKey{s, b, col}, func(dst []byte) ([]byte, error) { return bt.codec.bytes(dst, src, need) })
	if err != nil {
		return nil, fmt.Errorf("%s: record batch %d: column %q: %w", s.name, b, s.columns[col].Name, err)
	}
	return out, nil
}

// codecCache keeps the last decompressed columns of batches, for stores that
// another program compressed.
type codecCache struct {
	mu      sync.Mutex
	entries []codecEntry // the most recent last
}

type codecKey struct {
	s      *shard
	b, col int
}

type codecEntry struct {
	key  codecKey
	data []byte
}

const codecEntries = 8

func (c *codecCache) get(key codecKey, fill func([]byte) ([]byte, error)) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := slices.IndexFunc(c.entries, func(e codecEntry) bool { return e.key == key }); i >= 0 {
		e := c.entries[i]
		c.entries = append(slices.Delete(c.entries, i, i+1), e)
		return e.data, nil
	}
	data, err := fill(nil)
	if err != nil {
		return nil, err
	}
	if len(c.entries) == codecEntries {
		c.entries = slices.Delete(c.entries, 0, 1)
	}
	c.entries = append(c.entries, codecEntry{key, data})
	return data, nil
}
