package blob

import (
	"fmt"
	"io"
	"path"
	"strings"
)

// Store keeps blobs by name. A missing blob is an error for which
// errors.Is(err, fs.ErrNotExist) holds.
type Store interface {
	// Create starts a blob. Nothing is visible before Commit, which replaces a
	// blob of the same name.
	Create(name string) (Writer, error)
	// Open reads a blob.
	Open(name string) (Reader, error)
	// List names the blobs that begin with prefix, in ascending order.
	List(prefix string) ([]Info, error)
	// Stat describes one blob.
	Stat(name string) (Info, error)
	// Remove deletes a blob.
	Remove(name string) error
}

// Info describes a blob.
type Info struct {
	Name string
	Size int64 // bytes
}

// Writer receives a blob's bytes. Exactly one of Commit and Abort counts; after
// it, Abort does nothing, so that `defer w.Abort()` is safe.
type Writer interface {
	io.Writer
	// Commit makes the blob durable and visible. When it fails, the blob is as
	// it was before Create.
	Commit() error
	// Abort forgets what was written.
	Abort() error
}

// Reader reads a blob.
type Reader interface {
	io.Reader
	io.ReaderAt
	io.Closer
	// Size is the length in bytes.
	Size() int64
}

// Mapper is the ability of a Reader to show the blob as memory without copying.
type Mapper interface {
	// Map gives the whole blob read-only; it is valid until Close. Writing to it
	// crashes. An empty blob is an empty slice.
	Map() ([]byte, error)
}

// Freer is the ability of a Store to tell how many bytes can still be written.
type Freer interface {
	Free() (int64, error)
}

// checkName refuses names that leave the store or clash with temporary ones.
func checkName(name string) error {
	switch {
	case name == "" || name != path.Clean(name) || path.IsAbs(name) || strings.HasPrefix(name, "..") || strings.ContainsAny(name, "\\\x00"):
		return fmt.Errorf("blob: found name %q, expected a clean relative path", name)
	case strings.HasSuffix(name, tmpSuffix):
		return fmt.Errorf("blob: found name %q, expected none that ends in %s", name, tmpSuffix)
	}
	return nil
}

// ReadAll reads a whole blob of at most limit bytes.
func ReadAll(s Store, name string, limit int64) ([]byte, error) {
	r, err := s.Open(name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if r.Size() > limit {
		return nil, fmt.Errorf("blob: %s: found %d bytes, expected at most %d", name, r.Size(), limit)
	}
	data := make([]byte, r.Size())
	if _, err := io.ReadFull(r, data); err != nil {
		return nil, fmt.Errorf("blob: read %s: %w", name, err)
	}
	return data, nil
}

// WriteAll puts data under name, wholly or not at all.
func WriteAll(s Store, name string, data []byte) error {
	w, err := s.Create(name)
	if err != nil {
		return err
	}
	defer w.Abort()
	if _, err := w.Write(data); err != nil {
		return err
	}
	return w.Commit()
}
