package blobtest

import (
	"fmt"
	"sync"
	"syscall"

	"agar/activations/blob"
)

// Faulty passes everything to Store until told to fail. The zero values of its
// limits never fail.
type Faulty struct {
	blob.Store
	// FullAfter is the number of bytes that can be written in all; the write that
	// goes beyond stores what fits and returns ENOSPC. 0 means no limit.
	FullAfter int64
	// FailCommit, when set, is asked before each Commit.
	FailCommit func(name string) error
	// FreeBytes is what Free reports, 0 means plenty.
	FreeBytes int64

	mu      sync.Mutex
	written int64
}

// Written counts the bytes that went through.
func (f *Faulty) Written() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.written
}

// Free reports FreeBytes.
func (f *Faulty) Free() (int64, error) {
	if f.FreeBytes == 0 {
		return 1 << 60, nil
	}
	return f.FreeBytes, nil
}

// Create wraps the writer of Store.
func (f *Faulty) Create(name string) (blob.Writer, error) {
	w, err := f.Store.Create(name)
	if err != nil {
		return nil, err
	}
	return &faultyWriter{Writer: w, f: f, name: name}, nil
}

type faultyWriter struct {
	blob.Writer
	f    *Faulty
	name string
}

func (w *faultyWriter) Write(p []byte) (int, error) {
	w.f.mu.Lock()
	defer w.f.mu.Unlock()
	full := w.f.FullAfter > 0 && w.f.written+int64(len(p)) > w.f.FullAfter
	if full {
		p = p[:max(0, w.f.FullAfter-w.f.written)]
	}
	n, err := w.Writer.Write(p)
	w.f.written += int64(n)
	if full && err == nil {
		err = fmt.Errorf("blob: write %s: %w", w.name, syscall.ENOSPC)
	}
	return n, err
}

func (w *faultyWriter) Commit() error {
	if w.f.FailCommit != nil {
		if err := w.f.FailCommit(w.name); err != nil {
			return err
		}
	}
	return w.Writer.Commit()
}
