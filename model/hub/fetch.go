package hub

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// errNoRanges is returned by a range whose server sends whole files only.
var errNoRanges = errors.New("the server sends whole files only")

// fetch brings the contents of at into part p. got counts bytes as they come.
func (c *conn) fetch(ctx context.Context, at string, p *part, got *atomic.Int64) error {
	todo := p.missing()
	if len(todo) == 0 {
		return nil
	}
	// One range alone shows whether the server knows ranges at all.
	err := c.fetchRange(ctx, at, p, todo[0], got)
	if errors.Is(err, errNoRanges) {
		return c.fetchWhole(ctx, at, p, got)
	}
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(c.o.parallel())
	for _, i := range todo[1:] {
		g.Go(func() error { return c.fetchRange(ctx, at, p, i, got) })
	}
	return g.Wait()
}

// fetchRange brings range i of p. After a dropped connection it goes on from the
// byte where that ended.
func (c *conn) fetchRange(ctx context.Context, at string, p *part, i int, got *atomic.Int64) error {
	from, to := int64(i)*p.chunk, int64(i)*p.chunk+p.length(i)
	err := c.retry(ctx, func() (bool, error) {
		n, err := c.piece(ctx, at, p, from, to, got)
		from += n
		return n > 0, err
	})
	if err != nil {
		return err
	}
	return p.mark(i)
}

// piece asks for bytes [from, to) and writes those that come.
func (c *conn) piece(ctx context.Context, at string, p *part, from, to int64, got *atomic.Int64) (int64, error) {
	if err := c.enter(ctx); err != nil {
		return 0, err
	}
	defer c.leave()
	res, err := c.request(ctx, http.MethodGet, at, map[string]string{"Range": fmt.Sprintf("bytes=%d-%d", from, to-1)})
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusPartialContent {
		return 0, errNoRanges
	}
	if err := checkRange(res.Header.Get("Content-Range"), from, to, p.size); err != nil {
		return 0, fmt.Errorf("%s: %w", at, err)
	}
	return copyAt(p, res.Body, from, to-from, got)
}

// fetchWhole brings the file in one stream, from its beginning on every attempt.
func (c *conn) fetchWhole(ctx context.Context, at string, p *part, got *atomic.Int64) error {
	err := c.retry(ctx, func() (bool, error) {
		if err := c.enter(ctx); err != nil {
			return false, err
		}
		defer c.leave()
		res, err := c.request(ctx, http.MethodGet, at, nil)
		if err != nil {
			return false, err
		}
		defer res.Body.Close()
		if res.ContentLength >= 0 && res.ContentLength != p.size {
			return false, fmt.Errorf("%w: %s: found a length of %d bytes, expected %d", ErrCorrupt, at, res.ContentLength, p.size)
		}
		n, err := copyAt(p, res.Body, 0, p.size, got)
		if err != nil {
			got.Add(-n)
		}
		return false, err
	})
	if err != nil {
		return err
	}
	for i := range p.done {
		if err := p.mark(i); err != nil {
			return err
		}
	}
	return nil
}

// enter waits for a connection to be free.
func (c *conn) enter(ctx context.Context) error {
	select {
	case c.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *conn) leave() { <-c.slots }

// checkRange compares what a server says it sends with what it was asked for.
func checkRange(header string, from, to, size int64) error {
	want := fmt.Sprintf("bytes %d-%d/%d", from, to-1, size)
	if strings.TrimSpace(header) != want {
		return fmt.Errorf("%w: found content range %q, expected %q", ErrCorrupt, header, want)
	}
	return nil
}

// copyAt writes n bytes of src at an offset of p and returns how many it wrote.
// An end before n wraps io.ErrUnexpectedEOF.
func copyAt(p *part, src io.Reader, at, n int64, got *atomic.Int64) (int64, error) {
	buf := make([]byte, 128<<10)
	var done int64
	for done < n {
		k, err := src.Read(buf[:min(int64(len(buf)), n-done)])
		if k > 0 {
			if _, err := p.f.WriteAt(buf[:k], at+done); err != nil {
				return done, err
			}
			done += int64(k)
			got.Add(int64(k))
		}
		if done == n {
			break
		}
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return done, fmt.Errorf("the connection ended after %d of %d bytes: %w", done, n, err)
		}
	}
	return done, nil
}
