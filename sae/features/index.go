package features

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"sync"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"agar/activations/manifest"
	"agar/sae/internal/arrowfile"
)

// Index is an open feature index. The figures of all features are in memory;
// everything else about a feature is decoded when it is asked for. Its methods
// may be called from several goroutines, Close when the others are done.
type Index struct {
	m                           manifest.Manifest
	content                     Content
	density, max, mean, meanAll []float32

	mu       sync.Mutex
	features batchFile
	examples batchFile
}

// batchFile is a file with the record batch decoded last.
type batchFile struct {
	*arrowfile.Reader
	at  int // the batch in rec
	rec arrow.Record
}

// batch returns record batch i, which stays valid until the next call.
func (f *batchFile) batch(i int) (arrow.Record, error) {
	if f.rec != nil && f.at == i {
		return f.rec, nil
	}
	rec, err := f.Batch(i)
	if err != nil {
		return nil, err
	}
	f.release()
	f.at, f.rec = i, rec
	return rec, nil
}

func (f *batchFile) release() {
	if f.rec != nil {
		f.rec.Release()
		f.rec = nil
	}
}

// Open opens the index in dir. Errors name the file and what was found.
func Open(dir string) (*Index, error) {
	x, err := open(dir)
	if err != nil {
		return nil, fmt.Errorf("features: %s: %w", dir, err)
	}
	return x, nil
}

func open(dir string) (_ *Index, err error) {
	x := new(Index)
	if x.m, err = manifest.Read(dir, manifest.Features); err != nil {
		return nil, err
	}
	if err := x.m.ContentInto(&x.content); err != nil {
		return nil, err
	}
	if x.content.Features < 1 || x.content.FeaturesPerBatch < 1 {
		return nil, fmt.Errorf("%s: found %d features, %d a batch, expected at least one", manifest.Name, x.content.Features, x.content.FeaturesPerBatch)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, x.Close())
		}
	}()
	if x.features.Reader, err = openFile(dir, FeaturesFile, featuresSchema); err != nil {
		return nil, err
	}
	if x.examples.Reader, err = openFile(dir, ExamplesFile, examplesSchema); err != nil {
		return nil, err
	}
	return x, x.load()
}

func openFile(dir, name string, schema *arrow.Schema) (*arrowfile.Reader, error) {
	r, err := arrowfile.Open(filepath.Join(dir, name))
	if err != nil {
		return nil, err
	}
	if err := r.Expect(schema); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// load reads the figures of all features.
func (x *Index) load() error {
	for i := range x.features.Batches() {
		rec, err := x.features.batch(i)
		if err != nil {
			return err
		}
		for c, dst := range []*[]float32{&x.density, &x.max, &x.mean, &x.meanAll} {
			*dst = append(*dst, rec.Column(1+c).(*array.Float32).Float32Values()...)
		}
	}
	if len(x.density) != x.content.Features {
		return fmt.Errorf("%s: found %d features, expected %d", FeaturesFile, len(x.density), x.content.Features)
	}
	return nil
}

// Close closes the files.
func (x *Index) Close() error {
	var errs []error
	for _, f := range []*batchFile{&x.features, &x.examples} {
		f.release()
		if f.Reader != nil {
			errs = append(errs, f.Reader.Close())
		}
	}
	return errors.Join(errs...)
}

// Len is the number of features.
func (x *Index) Len() int { return len(x.density) }

// Tokens is the number of tokens that densities are shares of.
func (x *Index) Tokens() int64 { return x.content.Tokens }

// Content is the index's own part of the manifest.
func (x *Index) Content() Content { return x.content }

// Manifest says what the index was made from.
func (x *Index) Manifest() manifest.Manifest { return x.m }

// Density is the share of tokens on which each feature fires. The slice, like
// those of the other columns, is the index's own.
func (x *Index) Density() []float32 { return x.density }

// Max is each feature's largest activation, 0 for one that never fired.
func (x *Index) Max() []float32 { return x.max }

// Mean is each feature's mean activation over the tokens on which it fires, 0
// for one that never fired.
func (x *Index) Mean() []float32 { return x.mean }

// MeanAll is each feature's mean activation over all tokens.
func (x *Index) MeanAll() []float32 { return x.meanAll }

// DensityHistogram counts features by log₁₀ density, in equal bins from lo, one
// firing on all tokens, to 0, firing on every token. silent counts those that
// never fired, which are in no bin.
func (x *Index) DensityHistogram(bins int) (counts []int, lo float64, silent int) {
	counts = make([]int, bins)
	lo = -math.Log10(max(float64(x.content.Tokens), 10))
	for _, d := range x.density {
		if d == 0 {
			silent++
			continue
		}
		b := int((math.Log10(float64(d)) - lo) / -lo * float64(bins))
		counts[min(max(b, 0), bins-1)]++
	}
	return counts, lo, silent
}

// check refuses a feature that is not there.
func (x *Index) check(i int) error {
	if i < 0 || i >= x.Len() {
		return fmt.Errorf("features: feature %d: the dictionary has %d", i, x.Len())
	}
	return nil
}
