package hub

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"os"
	"regexp"
)

var sha256ID = regexp.MustCompile(`^[0-9a-f]{64}$`)

// hashFor is the hash that an etag is of: SHA-256 of the contents for large
// files, git's SHA-1 of a blob ("blob SIZE\0" before the contents) for small ones.
func hashFor(etag string, size int64) (hash.Hash, error) {
	switch {
	case sha256ID.MatchString(etag):
		return sha256.New(), nil
	case commitID.MatchString(etag):
		h := sha1.New()
		fmt.Fprintf(h, "blob %d\x00", size)
		return h, nil
	}
	return nil, fmt.Errorf("%w: found etag %q, expected a SHA-256 or a git SHA-1 in hexadecimal", ErrCorrupt, etag)
}

// verify reads a file and compares its hash with the etag.
func verify(ctx context.Context, name, etag string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	h, err := hashFor(etag, st.Size())
	if err != nil {
		return err
	}
	if _, err := io.Copy(h, &contextReader{ctx, f}); err != nil {
		return err
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != etag {
		return fmt.Errorf("%w: found contents of hash %s, expected %s", ErrCorrupt, got, etag)
	}
	return nil
}

// contextReader stops reading when ctx is done.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (r *contextReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}
