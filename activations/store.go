package activations

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"strings"
	"sync"

	"agar/activations/blob"
	"agar/activations/manifest"
)

// Store is an open capture directory. Its files are mapped: opening one costs
// its headers, and rows are read where they lie. Methods may be called from
// several goroutines; Close when no Source of it is in use any more.
type Store struct {
	dir     string
	m       manifest.Manifest
	content Content
	shards  []*shard
	batches []storeBatch
	find    []int32 // batch that holds row i<<findShift
	rows    int64
	cache   codecCache

	mu    sync.Mutex
	norms map[string]*norms
}

// storeBatch is a record batch with its place in the store.
type storeBatch struct {
	*batch
	shard *shard
	index int   // in the shard
	start int64 // first row in the store
}

// findShift is the log2 of the rows between two entries of Store.find; batches
// are no smaller than that but at the end of a shard.
const findShift = 8

// ErrUnfinished is returned by Open, wrapped, for a capture that was not ended.
var ErrUnfinished = errors.New("the capture is unfinished (--resume goes on with it)")

// Open maps the capture in dir and reads the headers of all its files. Errors
// name the file, and what in it is not as the manifest says. Checksums and values
// are not looked at: that is Verify's.
func Open(dir string) (*Store, error) {
	s, err := openStore(dir, blob.Dir(dir))
	if err != nil {
		return nil, fmt.Errorf("activations: %s: %w", dir, err)
	}
	return s, nil
}

func openStore(dir string, b blob.Store) (*Store, error) {
	m, err := manifest.ReadFrom(b, manifest.Name, manifest.Capture)
	if err != nil {
		if _, unfinished := b.Stat(stateName); unfinished == nil && errors.Is(err, fs.ErrNotExist) {
			return nil, ErrUnfinished
		}
		return nil, err
	}
	s := &Store{dir: dir, m: m, norms: map[string]*norms{}}
	if s.content, err = readContent(&m); err != nil {
		return nil, err
	}
	for _, info := range s.content.Shards {
		if err := s.add(b, info); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	s.index()
	return s, nil
}

// add maps one shard and appends its batches.
func (s *Store) add(b blob.Store, info Shard) error {
	sh, err := openShard(b, info.Name)
	if err != nil {
		return err
	}
	s.shards = append(s.shards, sh)
	if sh.rows != info.Rows {
		return fmt.Errorf("%s: found %d rows, expected %d", sh.name, sh.rows, info.Rows)
	}
	if err := sh.checkColumns(s.content.Columns); err != nil {
		return err
	}
	for i := range sh.batches {
		bt := &sh.batches[i]
		if bt.rows == 0 {
			continue
		}
		s.batches = append(s.batches, storeBatch{bt, sh, i, s.rows})
		s.rows += int64(bt.rows)
	}
	if s.rows > math.MaxUint32 {
		return fmt.Errorf("found more than %d rows in one store", uint32(math.MaxUint32))
	}
	return nil
}

// index fills in find.
func (s *Store) index() {
	b := 0
	for row := int64(0); row < s.rows; row += 1 << findShift {
		for row >= s.batches[b].start+int64(s.batches[b].rows) {
			b++
		}
		s.find = append(s.find, int32(b))
	}
}

// locate finds the batch of a row and the row's place in it.
func (s *Store) locate(row int64) (*storeBatch, int) {
	b := s.find[row>>findShift]
	for row >= s.batches[b].start+int64(s.batches[b].rows) {
		b++
	}
	return &s.batches[b], int(row - s.batches[b].start)
}

// Dir is the path given to Open.
func (s *Store) Dir() string { return s.dir }

// Manifest is the manifest of the capture.
func (s *Store) Manifest() manifest.Manifest { return s.m }

// Content is the capture's own part of the manifest.
func (s *Store) Content() Content { return s.content }

// Len is the number of rows.
func (s *Store) Len() int64 { return s.rows }

// Hooks names the columns in the order of the files.
func (s *Store) Hooks() []string {
	out := make([]string, len(s.content.Columns))
	for i, c := range s.content.Columns {
		out[i] = c.Name
	}
	return out
}

// Dim is the width of a hook's rows. A hook that is not there is an error that
// lists those that are.
func (s *Store) Dim(hook string) (int, error) {
	i, err := s.column(hook)
	if err != nil {
		return 0, err
	}
	return s.content.Columns[i].Dim, nil
}

func (s *Store) column(hook string) (int, error) {
	for i, c := range s.content.Columns {
		if c.Name == hook {
			return i, nil
		}
	}
	return 0, fmt.Errorf("activations: %s: found no hook %q, there are: %s", s.dir, hook, strings.Join(s.Hooks(), ", "))
}

// Close unmaps the files.
func (s *Store) Close() error {
	var errs []error
	for _, sh := range s.shards {
		errs = append(errs, sh.close())
	}
	s.shards, s.batches = nil, nil
	return errors.Join(errs...)
}

// Provenance fills the token, document, window, position and role of n rows from
// row on into dst, which gets no activations: dst.D is 0. It reads the small
// columns only, and fewer than n rows at the end of the store.
func (s *Store) Provenance(dst *Rows, row int64, n int) error {
	if row < 0 || row > s.rows || n < 0 {
		return fmt.Errorf("activations: %s: found rows [%d, %d), expected some of %d", s.dir, row, row+int64(n), s.rows)
	}
	n = int(min(int64(n), s.rows-row))
	dst.resize(n, 0, true)
	for i := range n {
		b, j := s.locate(row + int64(i))
		dst.Index[i] = row + int64(i)
		dst.setProvenance(i, b.batch, j)
	}
	return nil
}

func (r *Rows) setProvenance(i int, b *batch, j int) {
	r.Token[i], r.Doc[i], r.Window[i], r.Pos[i], r.Role[i] = b.token[j], b.doc[j], b.window[j], b.pos[j], b.role[j]
}
