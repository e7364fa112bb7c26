// Package arrowfile writes and reads the zstd-compressed Arrow IPC files of
// dictionaries: sparse features and feature indexes. Files appear whole or not
// at all.
package arrowfile

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/ipc"

	"agar/activations/blob"
)

// Writer writes one file.
type Writer struct {
	name string
	out  *counted
	blob blob.Writer
	ipc  *ipc.FileWriter
}

// Create starts the file name in st. The caller must Commit or Abort it.
func Create(st blob.Store, name string, schema *arrow.Schema) (*Writer, error) {
	b, err := st.Create(name)
	if err != nil {
		return nil, err
	}
	w := &Writer{name: name, blob: b, out: &counted{w: b, sum: sha256.New()}}
	w.ipc, err = ipc.NewFileWriter(w.out, ipc.WithSchema(schema), ipc.WithZstd())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", name, err), b.Abort())
	}
	return w, nil
}

// Write appends a record batch and releases it.
func (w *Writer) Write(rec arrow.Record) error {
	defer rec.Release()
	if err := w.ipc.Write(rec); err != nil {
		return fmt.Errorf("%s: %w", w.name, err)
	}
	return nil
}

// Commit ends the file and makes it visible.
func (w *Writer) Commit() error {
	if err := w.ipc.Close(); err != nil {
		return errors.Join(fmt.Errorf("%s: %w", w.name, err), w.blob.Abort())
	}
	return w.blob.Commit()
}

// Abort forgets the file. After Commit it does nothing.
func (w *Writer) Abort() error { return w.blob.Abort() }

// SHA256 is the checksum of a committed file in hex.
func (w *Writer) SHA256() string { return hex.EncodeToString(w.out.sum.Sum(nil)) }

// counted is the little that ipc wants of an io.WriteSeeker: where it is.
type counted struct {
	w   io.Writer
	sum hash.Hash
	n   int64
}

func (c *counted) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.sum.Write(p[:n])
	c.n += int64(n)
	return n, err
}

// Seek reports the position; nothing else is ever asked.
func (c *counted) Seek(offset int64, whence int) (int64, error) {
	if offset != 0 || whence != io.SeekCurrent {
		return 0, fmt.Errorf("arrowfile: seek to %d from %d in a file that is written in order", offset, whence)
	}
	return c.n, nil
}

// Reader reads one file, a record batch at a time.
type Reader struct {
	path string
	f    *os.File
	ipc  *ipc.FileReader
}

// Open reads the header and footer of the file at path. The caller must Close
// it. One goroutine at a time may use it.
func Open(path string) (r *Reader, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	// The library panics on some damaged files.
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%s: damaged Arrow file: %v", path, p)
		}
		if err != nil {
			r, err = nil, errors.Join(err, f.Close())
		}
	}()
	rd, err := ipc.NewFileReader(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &Reader{path: path, f: f, ipc: rd}, nil
}

// Batches is the number of record batches.
func (r *Reader) Batches() int { return r.ipc.NumRecords() }

// Expect checks that the file's columns are those of want.
func (r *Reader) Expect(want *arrow.Schema) error {
	if !r.ipc.Schema().Equal(want) {
		return fmt.Errorf("%s: found columns %v, expected %v", r.path, r.ipc.Schema(), want)
	}
	return nil
}

// Batch decodes record batch i. The caller must Release it.
func (r *Reader) Batch(i int) (rec arrow.Record, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%s: record batch %d: damaged: %v", r.path, i, p)
		}
	}()
	if i < 0 || i >= r.Batches() {
		return nil, fmt.Errorf("%s: found %d record batches, expected at least %d", r.path, r.Batches(), i+1)
	}
	rec, err = r.ipc.RecordAt(i)
	if err != nil {
		return nil, fmt.Errorf("%s: record batch %d: %w", r.path, i, err)
	}
	return rec, nil
}

// Close closes the file.
func (r *Reader) Close() error { return errors.Join(r.ipc.Close(), r.f.Close()) }
