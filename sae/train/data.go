package train

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sort"

	"agar/activations"
)

// Data is where training rows come from. Rows hold documents in order, whatever
// the order in which Shuffled hands them out.
type Data struct {
	// Shuffled opens one epoch in the random order of seed. Its sources must be
	// activations.Seekers.
	Shuffled func(seed uint64) (activations.Source, error)
	// Ordered opens the same rows in the order of the store or file.
	Ordered func() (activations.Source, error)
}

// FromStore reads a hook of a capture with the filter f.
func FromStore(s *activations.Store, hook string, f activations.Filter) Data {
	return Data{
		Shuffled: func(seed uint64) (activations.Source, error) { return s.Shuffled(hook, f, seed) },
		Ordered:  func() (activations.Source, error) { return s.Source(hook, f) },
	}
}

// FromSeeker reads the rows of whatever open returns, which must be an
// activations.Seeker: an .npy file, say. The order of an epoch is a permutation
// held in memory, 8 bytes a row.
func FromSeeker(open func() (activations.Source, error)) Data {
	return Data{
		Ordered: open,
		Shuffled: func(seed uint64) (activations.Source, error) {
			src, err := open()
			if err != nil {
				return nil, err
			}
			return permute(src, seed)
		},
	}
}

// permuted hands out the rows of a Seeker in the order of a permutation.
type permuted struct {
	activations.Source
	seek  activations.Seeker
	order []int
	next  int
	one   activations.Rows
}

// orderStream separates the generator of the order from others with the same
// seed.
const orderStream = 0x04de4

func permute(src activations.Source, seed uint64) (activations.Source, error) {
	seek, err := seeker(src)
	if err != nil {
		return nil, err
	}
	r := rand.New(rand.NewPCG(seed, orderStream))
	return &permuted{Source: src, seek: seek, order: r.Perm(int(seek.Len()))}, nil
}

func seeker(src activations.Source) (activations.Seeker, error) {
	seek, ok := src.(activations.Seeker)
	if !ok {
		return nil, fmt.Errorf("train: a source of type %T cannot seek, expected an activations.Seeker", src)
	}
	return seek, nil
}

// Len is the number of rows of an epoch.
func (p *permuted) Len() int64 { return p.seek.Len() }

// SeekRow makes the row-th of the permutation the next one.
func (p *permuted) SeekRow(row int64) error {
	if row < 0 || row > p.Len() {
		return fmt.Errorf("train: found row %d, expected 0 to %d", row, p.Len())
	}
	p.next = int(row)
	return nil
}

// Next reads up to max rows one at a time.
func (p *permuted) Next(ctx context.Context, dst *activations.Rows, max int) error {
	dst.N, dst.D, dst.X, dst.Index = 0, p.Dim(), dst.X[:0], dst.Index[:0]
	dst.Doc = dst.Doc[:0]
	for dst.N < max && p.next < len(p.order) {
		if err := p.seek.SeekRow(int64(p.order[p.next])); err != nil {
			return err
		}
		if err := p.Source.Next(ctx, &p.one, 1); err != nil {
			return err
		}
		dst.X = append(dst.X, p.one.X...)
		dst.Index = append(dst.Index, p.one.Index...)
		dst.N++
		p.next++
	}
	if dst.N == 0 {
		return io.EOF
	}
	return nil
}

// Split is how rows are divided into those trained on and those held out, the
// last documents.
type Split struct {
	Cut       int64 `json:"cut"`           // index, in the store or file, of the first row held out
	Trained   int64 `json:"rows_trained"`  // rows before it that the filter keeps
	HeldOut   int64 `json:"rows_held_out"` // rows from it on that the filter keeps
	Documents int   `json:"documents"`     // documents seen in the data, 0 when it has none
	HeldDocs  int   `json:"documents_held_out"`
	ordered   int64 // the first row held out, counted as Ordered hands rows out
}

// SplitOf holds out the given share of the documents, the last ones, rounded up
// to at least one. Data without documents is split by rows. A share of 0 or less
// holds nothing out.
func SplitOf(ctx context.Context, d Data, share float64) (Split, error) {
	src, err := d.Ordered()
	if err != nil {
		return Split{}, err
	}
	seek, err := seeker(src)
	if err != nil {
		return Split{}, err
	}
	n := seek.Len()
	if n == 0 {
		return Split{}, errors.New("train: the filter leaves no rows to train on")
	}
	at := func(row int64) (doc, index int64, err error) { return docAt(ctx, src, seek, row) }
	return splitBy(n, share, at)
}

// docAt is the document of a row, −1 when there is none, and its index.
func docAt(ctx context.Context, src activations.Source, seek activations.Seeker, row int64) (doc, index int64, err error) {
	var one activations.Rows
	if err := seek.SeekRow(row); err != nil {
		return 0, 0, err
	}
	if err := src.Next(ctx, &one, 1); err != nil {
		return 0, 0, fmt.Errorf("train: row %d: %w", row, err)
	}
	if len(one.Doc) == 0 {
		return -1, one.Index[0], nil
	}
	return int64(one.Doc[0]), one.Index[0], nil
}

func splitBy(n int64, share float64, at func(int64) (doc, index int64, err error)) (Split, error) {
	lastDoc, lastIndex, err := at(n - 1)
	if err != nil {
		return Split{}, err
	}
	s := Split{Cut: lastIndex + 1, Trained: n, Documents: int(lastDoc + 1), ordered: n}
	if share <= 0 {
		return s, nil
	}
	s.ordered = n - max(int64(share*float64(n)), 1)
	if s.Documents > 0 {
		s.HeldDocs = max(int(share*float64(s.Documents)), 1)
		first := int64(s.Documents - s.HeldDocs)
		s.ordered = int64(sort.Search(int(n), func(i int) bool {
			doc, _, e := at(int64(i))
			err = errors.Join(err, e)
			return doc >= first
		}))
	}
	if err != nil {
		return Split{}, err
	}
	if s.ordered < 1 {
		return Split{}, fmt.Errorf("train: %d rows of %d documents leave nothing to train on when %.0f%% are held out", n, s.Documents, 100*share)
	}
	_, s.Cut, err = at(s.ordered)
	s.Trained, s.HeldOut = s.ordered, n-s.ordered
	return s, err
}

// HeldOut opens the rows held out, in order.
func (s Split) Held(d Data) (activations.Source, error) {
	src, err := d.Ordered()
	if err != nil {
		return nil, err
	}
	seek, err := seeker(src)
	if err != nil {
		return nil, err
	}
	return src, seek.SeekRow(s.ordered)
}
