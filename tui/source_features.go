package tui

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"agar/sae/features"
)

// searchSlice is how long one call of Search looks before it hands over what it
// has.
const searchSlice = 80 * time.Millisecond

// histBins is the resolution of the density histogram.
const histBins = 64

// featureSource answers from a feature index, with the columns of a trajectory
// where there is one.
type featureSource struct {
	dir  string
	traj *trajectory // nil = none
	over string
	left string

	words func() bool // whether tokens are words, to be joined with blanks

	mu     sync.RWMutex // held for reading while the index is in use
	index  *features.Index
	closed bool
}

var errClosed = errors.New("tui: the feature index is closed")

func newFeatureSource(x *features.Index, dir string, traj *trajectory) *featureSource {
	over := count(x.Tokens()) + " tokens"
	if ref, ok := x.Manifest().Inputs["capture"]; ok && ref.Path != "" {
		over += " of " + filepath.Base(ref.Path)
	}
	l := x.Content().LeftOut
	if n := l.Special + l.Role + l.Norm; n > 0 {
		over += fmt.Sprintf(" (%s left out)", count(n))
	}
	s := &featureSource{dir: dir, traj: traj, over: over, index: x}
	s.left = fmt.Sprintf("%s special tokens, %s by their role, %s for the length of their activation", count(l.Special), count(l.Role), count(l.Norm))
	s.words = sync.OnceValue(func() bool { return wordTokens(x) })
	return s
}

// wordTokens reports whether the tokens of the index are words without the blanks
// between them, as those of word-level tokenizers are: no token of the examples of
// the first features begins with a blank.
func wordTokens(x *features.Index) bool {
	seen := 0
	for i := 0; i < x.Len() && seen < 64; i++ {
		examples, err := x.Examples(i)
		if err != nil {
			return false
		}
		for _, e := range examples {
			seen++
			for _, t := range e.Tokens {
				if strings.HasPrefix(t, " ") {
					return false
				}
			}
		}
	}
	return seen > 0
}

// close waits for those who read and closes the index.
func (s *featureSource) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.closed = true
		_ = s.index.Close()
	}
}

// use lets f read the index.
func (s *featureSource) use(f func(x *features.Index) error) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return errClosed
	}
	return f(s.index)
}

// Order sorts all features. Missing values come last in either direction.
func (s *featureSource) Order(_ context.Context, q Query) (o Order, err error) {
	err = s.use(func(x *features.Index) error {
		o = s.order(x, q)
		return nil
	})
	return o, err
}

func (s *featureSource) order(x *features.Index, q Query) Order {
	o := Order{Total: x.Len(), Source: filepath.Join(s.dir, features.FeaturesFile), Over: s.over, Left: s.left, IDs: make([]uint32, x.Len())}
	for i := range o.IDs {
		o.IDs[i] = uint32(i)
	}
	counts, lo, silent := x.DensityHistogram(histBins)
	o.Dead, o.HistLo = silent, lo
	for _, c := range counts {
		o.Hist = append(o.Hist, float64(c))
	}
	if q.Sort == ColID && !q.Desc {
		return o
	}
	sortBy(o.IDs, s.column(x, q), q.Desc)
	return o
}

// column is the values of a sortable column.
func (s *featureSource) column(x *features.Index, q Query) func(id uint32) float32 {
	of := func(v []float32) func(uint32) float32 { return func(id uint32) float32 { return v[id] } }
	switch {
	case q.Sort == ColDensity:
		return of(x.Density())
	case q.Sort == ColMax:
		return of(x.Max())
	case q.Sort == ColMean:
		return of(x.Mean())
	case q.Sort == ColDelta && s.traj != nil:
		return of(s.traj.movement(s.traj.reference()).change)
	case q.Sort == ColOnset && s.traj != nil:
		m := s.traj.movement(s.traj.reference())
		return func(id uint32) float32 {
			if m.onset[id] < 0 {
				return float32(math.NaN())
			}
			return float32(m.onset[id])
		}
	}
	return func(id uint32) float32 { return float32(id) }
}

func sortBy(ids []uint32, key func(uint32) float32, desc bool) {
	slices.SortFunc(ids, func(a, b uint32) int {
		x, y := key(a), key(b)
		nx, ny := x != x, y != y
		switch {
		case nx != ny && nx:
			return 1
		case nx != ny:
			return -1
		case x == y || nx:
			return cmp.Compare(a, b)
		case (x < y) != desc:
			return -1
		}
		return 1
	})
}

// Rows reads the rows of ids.
func (s *featureSource) Rows(ctx context.Context, ids []uint32) (rows []Row, err error) {
	err = s.use(func(x *features.Index) error {
		for _, id := range ids {
			if err := ctx.Err(); err != nil {
				return err
			}
			f, err := x.Feature(int(id))
			if err != nil {
				return fmt.Errorf("tui: %w", err)
			}
			rows = append(rows, s.row(&f))
		}
		return nil
	})
	return rows, err
}

func (s *featureSource) row(f *features.Feature) Row {
	r := Row{ID: f.ID, Density: float64(f.Density), Max: float64(f.Max), Mean: float64(f.Mean), Delta: math.NaN(), Onset: -1, Label: f.Label}
	for _, t := range f.Top[:min(len(f.Top), 6)] {
		r.Tokens = append(r.Tokens, t.Text)
	}
	if s.traj == nil {
		return r
	}
	lambda := s.traj.reference()
	m := s.traj.movement(lambda)
	r.Delta, r.Onset = float64(m.change[f.ID]), int(m.onset[f.ID])
	r.Trend = s.traj.series(s.traj.Mean, f.ID, lambda)
	return r
}

// label names a feature by its label or the tokens that it promotes.
func (s *featureSource) label(id int) (text string) {
	_ = s.use(func(x *features.Index) error {
		f, err := x.Feature(id)
		if err != nil {
			return err
		}
		text = labelOf(&f)
		return nil
	})
	return text
}

func labelOf(f *features.Feature) string {
	if f.Label != "" {
		return f.Label
	}
	var names []string
	for _, t := range f.Top[:min(len(f.Top), 5)] {
		names = append(names, t.Text)
	}
	return strings.Join(trimmed(names), " ")
}

// Feature reads one feature.
func (s *featureSource) Feature(_ context.Context, id int) (out Feature, err error) {
	err = s.use(func(x *features.Index) error {
		f, err := x.Feature(id)
		if err != nil {
			return fmt.Errorf("tui: %w", err)
		}
		out = Feature{Row: s.row(&f), HistMax: float64(f.HistMax), Source: filepath.Join(s.dir, features.FeaturesFile)}
		for _, n := range f.Hist {
			out.Hist = append(out.Hist, float64(n))
		}
		out.Top, out.Bottom = logits(f.Top), logits(f.Bottom)
		for _, n := range f.Neighbours {
			g, err := x.Feature(n.ID)
			if err != nil {
				return fmt.Errorf("tui: %w", err)
			}
			out.Neighbours = append(out.Neighbours, Neighbour{ID: n.ID, Cos: float64(n.Cos), Label: labelOf(&g)})
		}
		return nil
	})
	return out, err
}

func logits(ts []features.TokenLogit) []TokenLogit {
	out := make([]TokenLogit, len(ts))
	for i, t := range ts {
		out[i] = TokenLogit{t.Text, float64(t.Logit)}
	}
	return out
}

// Examples reads the examples of a kind.
func (s *featureSource) Examples(_ context.Context, id int, kind string, n int) (out []Example, err error) {
	err = s.use(func(x *features.Index) error {
		all, err := x.Examples(id)
		if err != nil {
			return fmt.Errorf("tui: %w", err)
		}
		for i := range all {
			if all[i].Kind == kind && len(out) < n {
				out = append(out, exampleOf(&all[i], s.words()))
			}
		}
		return nil
	})
	return out, err
}

func exampleOf(e *features.Example, words bool) Example {
	out := Example{Doc: int(e.Doc), Window: int(e.Window), Pos: int(e.Pos), Tokens: e.Tokens, Peak: int(e.Pos - e.Start), Max: float64(e.Max)}
	for i, a := range e.Acts {
		out.Acts = append(out.Acts, float64(a))
		if words && i > 0 && strings.Trim(out.Tokens[i], ".,?!;:") != "" {
			out.Tokens[i] = " " + out.Tokens[i]
		}
	}
	return out
}

// Search looks through features from from on until it has looked for long enough.
func (s *featureSource) Search(ctx context.Context, text string, from int) (h Hits, err error) {
	text = strings.ToLower(text)
	end := time.Now().Add(searchSlice)
	err = s.use(func(x *features.Index) error {
		for h.Next = from; h.Next < x.Len() && time.Now().Before(end); h.Next++ {
			if err := ctx.Err(); err != nil {
				return err
			}
			hit, err := matches(x, h.Next, text)
			if err != nil {
				return fmt.Errorf("tui: %w", err)
			}
			if hit {
				h.IDs = append(h.IDs, uint32(h.Next))
			}
		}
		h.Done = h.Next >= x.Len()
		return nil
	})
	return h, err
}

// matches reports whether a feature's label, promoted tokens or strongest
// examples hold the lower-case text.
func matches(x *features.Index, id int, text string) (bool, error) {
	f, err := x.Feature(id)
	if err != nil {
		return false, err
	}
	if strings.Contains(strings.ToLower(f.Label), text) {
		return true, nil
	}
	for _, t := range f.Top {
		if strings.Contains(strings.ToLower(t.Text), text) {
			return true, nil
		}
	}
	examples, err := x.Examples(id)
	if err != nil {
		return false, err
	}
	for i := range examples {
		if examples[i].Kind == features.KindTop && strings.Contains(strings.ToLower(strings.Join(examples[i].Tokens, "")), text) {
			return true, nil
		}
	}
	return false, nil
}
