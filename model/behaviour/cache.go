package behaviour

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
)

// Cache keeps scores on disk by the content of what was asked, a line each, so that
// a run that was killed asks nothing twice. Refusals are kept too, what could not be
// asked is not. Equal prompts that are asked at the same time are asked once. It is
// safe for concurrent use by one process.
type Cache struct {
	mu     sync.Mutex
	f      *os.File
	known  map[string]cached
	asking map[string]chan struct{} // closed when the answer is there
	hits   int
}

// cached is a line of the cache.
type cached struct {
	Key   string   `json:"key"`
	Score *float64 `json:"score"`           // null: none
	Error string   `json:"error,omitempty"` // why there is none
}

// OpenCache opens the cache in a file, which it makes. A last line that is not whole,
// as a killed run leaves, is dropped.
func OpenCache(path string) (*Cache, error) {
	b, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("behaviour: %w", err)
	}
	whole := bytes.LastIndexByte(b, '\n') + 1
	c := &Cache{known: map[string]cached{}, asking: map[string]chan struct{}{}}
	for n, line := range bytes.Split(b[:whole], []byte("\n")) {
		var x cached
		if len(line) == 0 {
			continue
		}
		if err := json.Unmarshal(line, &x); err != nil || x.Key == "" {
			return nil, fmt.Errorf("%w: %s: line %d is no score: %.60q", ErrData, path, n+1, line)
		}
		c.known[x.Key] = x
	}
	if c.f, err = os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o666); err != nil {
		return nil, fmt.Errorf("behaviour: %w", err)
	}
	if err := errors.Join(c.f.Truncate(int64(whole)), seekEnd(c.f)); err != nil {
		return nil, errors.Join(fmt.Errorf("behaviour: %s: %w", path, err), c.f.Close())
	}
	return c, nil
}

func seekEnd(f *os.File) error {
	_, err := f.Seek(0, 2)
	return err
}

// Close closes the file.
func (c *Cache) Close() error { return c.f.Close() }

// Hits is how many scores were known already.
func (c *Cache) Hits() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.hits
}

// score is the score of a key, asked for when it is not known.
func (c *Cache) score(ctx context.Context, key string, ask func() (float64, error)) (float64, error) {
	for {
		c.mu.Lock()
		if x, ok := c.known[key]; ok {
			c.hits++
			c.mu.Unlock()
			return x.result()
		}
		wait, busy := c.asking[key]
		if !busy {
			c.asking[key] = make(chan struct{})
			c.mu.Unlock()
			return c.ask(key, ask)
		}
		c.mu.Unlock()
		select {
		case <-wait:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

func (x cached) result() (float64, error) {
	if x.Score == nil {
		return 0, fmt.Errorf("%w: %s", ErrNoScore, x.Error)
	}
	return *x.Score, nil
}

// ask asks and keeps the answer.
func (c *Cache) ask(key string, ask func() (float64, error)) (float64, error) {
	v, err := ask()
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.asking[key])
	delete(c.asking, key)
	x := cached{Key: key, Score: &v}
	if err != nil {
		if !errors.Is(err, ErrNoScore) {
			return 0, err
		}
		x.Score, x.Error = nil, reason(err)
	}
	line, err := json.Marshal(x)
	if err != nil {
		return 0, err
	}
	if _, err := c.f.Write(append(line, '\n')); err != nil {
		return 0, fmt.Errorf("behaviour: cache: %w", err)
	}
	c.known[key] = x
	return x.result()
}

// reason is an error without the ErrNoScore before it.
func reason(err error) string {
	text := err.Error()
	if prefix := ErrNoScore.Error() + ": "; len(text) > len(prefix) && text[:len(prefix)] == prefix {
		return text[len(prefix):]
	}
	return text
}
