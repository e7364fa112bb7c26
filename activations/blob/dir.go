package blob

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/edsrzf/mmap-go"

	"agar/model/disk"
)

const tmpSuffix = ".tmp"

// Dir is a Store in the directory of that path. The directory is made with the
// first blob.
type Dir string

func (d Dir) path(name string) string { return filepath.Join(string(d), filepath.FromSlash(name)) }

// Create opens NAME.tmp beside the final place, over one that a dead writer left.
func (d Dir) Create(name string) (Writer, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	p := d.path(name)
	if err := os.MkdirAll(filepath.Dir(p), 0o777); err != nil {
		return nil, fmt.Errorf("blob: %w", err)
	}
	f, err := os.Create(p + tmpSuffix)
	if err != nil {
		return nil, fmt.Errorf("blob: %w", err)
	}
	return &fileWriter{f: f, path: p}, nil
}

// Open opens the file; its Reader is a Mapper.
func (d Dir) Open(name string) (Reader, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	f, err := os.Open(d.path(name))
	if err != nil {
		return nil, fmt.Errorf("blob: %w", err)
	}
	st, err := f.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = fmt.Errorf("%s: found no regular file", f.Name())
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("blob: %w", err), f.Close())
	}
	return &fileReader{File: f, size: st.Size()}, nil
}

// List walks the directory; a missing one holds nothing.
func (d Dir) List(prefix string) ([]Info, error) {
	var out []Info
	err := filepath.WalkDir(string(d), func(p string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		rel, err := filepath.Rel(string(d), p)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(rel)
		if !strings.HasPrefix(name, prefix) || strings.HasSuffix(name, tmpSuffix) {
			return nil
		}
		st, err := e.Info()
		if err != nil {
			return err
		}
		out = append(out, Info{name, st.Size()})
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("blob: list %s: %w", string(d), err)
	}
	slices.SortFunc(out, func(a, b Info) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// Stat describes the file.
func (d Dir) Stat(name string) (Info, error) {
	if err := checkName(name); err != nil {
		return Info{}, err
	}
	st, err := os.Stat(d.path(name))
	if err != nil {
		return Info{}, fmt.Errorf("blob: %w", err)
	}
	return Info{name, st.Size()}, nil
}

// Remove deletes the file.
func (d Dir) Remove(name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	if err := os.Remove(d.path(name)); err != nil {
		return fmt.Errorf("blob: %w", err)
	}
	return nil
}

// Free is the room left for an unprivileged user on the directory's file system,
// or that of the nearest parent that exists.
func (d Dir) Free() (int64, error) {
	p, err := filepath.Abs(string(d))
	if err != nil {
		return 0, fmt.Errorf("blob: %w", err)
	}
	for {
		if _, err := os.Stat(p); err == nil || p == filepath.Dir(p) {
			break
		}
		p = filepath.Dir(p)
	}
	n, err := disk.Free(p)
	if err != nil {
		return 0, fmt.Errorf("blob: free space of %s: %w", p, err)
	}
	return n, nil
}

type fileWriter struct {
	f    *os.File
	path string
	done bool
}

func (w *fileWriter) Write(p []byte) (int, error) {
	n, err := w.f.Write(p)
	if err != nil {
		err = fmt.Errorf("blob: write %s: %w", w.path, err)
	}
	return n, err
}

// Commit flushes the file, gives it its name and flushes the directory, so that
// after a power cut either the old content or the whole new one is there.
func (w *fileWriter) Commit() error {
	if w.done {
		return fmt.Errorf("blob: %s: committed or aborted before", w.path)
	}
	w.done = true
	err := errors.Join(w.f.Sync(), w.f.Close())
	if err == nil {
		err = os.Rename(w.f.Name(), w.path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("blob: commit %s: %w", w.path, err), os.Remove(w.f.Name()))
	}
	if err := syncDir(filepath.Dir(w.path)); err != nil {
		return fmt.Errorf("blob: commit %s: %w", w.path, err)
	}
	return nil
}

func (w *fileWriter) Abort() error {
	if w.done {
		return nil
	}
	w.done = true
	return errors.Join(w.f.Close(), os.Remove(w.f.Name()))
}

type fileReader struct {
	*os.File
	size int64
	m    mmap.MMap
}

func (r *fileReader) Size() int64 { return r.size }

func (r *fileReader) Map() ([]byte, error) {
	if r.size == 0 || r.m != nil {
		return r.m, nil
	}
	m, err := mmap.MapRegion(r.File, int(r.size), mmap.RDONLY, 0, 0)
	if err != nil {
		return nil, fmt.Errorf("blob: map %s: %w", r.Name(), err)
	}
	r.m = m
	return m, nil
}

func (r *fileReader) Close() error {
	var err error
	if r.m != nil {
		err = r.m.Unmap()
		r.m = nil
	}
	return errors.Join(err, r.File.Close())
}
