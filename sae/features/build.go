package features

import (
	"context"
	"errors"
	"fmt"
	"io"

	"agar/activations"
	"agar/activations/job"
	"agar/activations/manifest"
	"agar/model/progress"
	"agar/model/tensor"
	"agar/sae"
)

// Files of an index.
const (
	FeaturesFile = "features.arrow"
	ExamplesFile = "examples.arrow"
)

// Build makes the index of s over the rows of a capture in the directory o.Out.
func Build(ctx context.Context, s *sae.SAE, store *activations.Store, o BuildOptions) (err error) {
	o, err = o.resolve()
	if err != nil {
		return err
	}
	keep, left, err := store.Kept(o.Hook, o.Filter)
	if err != nil {
		return fmt.Errorf("features: %w", err)
	}
	r, err := newReader(s, store, o.Hook, keep)
	if err != nil {
		return err
	}
	j, err := job.Begin(o.Out, job.Options{Command: o.Command})
	if err != nil {
		return err
	}
	b := &builder{o: o, s: s, store: store, job: j, left: left, sums: make([]summary, s.DSAE)}
	return j.End(b.run(ctx, r))
}

// builder is a Build under way.
type builder struct {
	o     BuildOptions
	s     *sae.SAE
	store *activations.Store
	job   *job.Job
	left  activations.LeftOut
	sums  []summary
	n     int64 // rows that count
	ptr   []int32
	lists []entry
}

func (b *builder) run(ctx context.Context, r *reader) error {
	if err := b.pass(ctx, r); err != nil {
		return err
	}
	if b.n == 0 {
		return errors.New("features: the filter leaves no rows to index")
	}
	ls, err := lenses(ctx, b.s, b.o.Lens, b.o.Piece, b.tell)
	if err != nil {
		return err
	}
	near, err := nearest(ctx, b.s)
	if err != nil {
		return err
	}
	return b.write(ctx, ls, near)
}

// tell reports to the job and to whoever listens; a report that cannot be
// written is no reason to stop.
func (b *builder) tell(e progress.Event) {
	_ = b.job.Progress(e)
	b.o.Progress.Emit(e)
}

// pass reads the capture once.
func (b *builder) pass(ctx context.Context, r *reader) error {
	var blk block
	for {
		err := r.next(ctx, &blk)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		b.add(&blk)
		b.tell(progress.Event{Stage: "index", Step: blk.first + int64(blk.n), Total: b.store.Len(), Unit: "tokens"})
	}
}

// featureChunk is how many features one goroutine takes at a time.
const featureChunk = 64

// add takes in a block, feature by feature.
func (b *builder) add(blk *block) {
	b.transpose(&blk.codes)
	b.n += int64(len(blk.x) / b.s.DIn)
	tensor.Parallel((b.s.DSAE+featureChunk-1)/featureChunk, func(c int) {
		for i := c * featureChunk; i < min((c+1)*featureChunk, b.s.DSAE); i++ {
			l := list{b: blk, entries: b.lists[b.ptr[i]:b.ptr[i+1]], around: b.o.Around}
			b.sums[i].add(i, l, &b.o)
		}
	})
}

// transpose lists the entries of c by feature, rows rising: those of feature i
// are lists[ptr[i]:ptr[i+1]].
func (b *builder) transpose(c *sae.Codes) {
	n := b.s.DSAE
	if b.ptr == nil {
		b.ptr = make([]int32, n+2)
	}
	clear(b.ptr)
	for _, i := range c.Index {
		b.ptr[i+2]++
	}
	for i := range n {
		b.ptr[i+2] += b.ptr[i+1]
	}
	if cap(b.lists) < c.Len() {
		b.lists = make([]entry, c.Len())
	}
	b.lists = b.lists[:c.Len()]
	for r := range c.N {
		index, value := c.Row(r)
		for j, i := range index {
			b.lists[b.ptr[i+1]] = entry{int32(r), value[j]}
			b.ptr[i+1]++
		}
	}
}

// manifest describes the finished index.
func (b *builder) manifest(sums map[string]string) (manifest.Manifest, error) {
	cap := b.store.Manifest()
	m := manifest.Manifest{
		Format: manifest.Features, Command: b.o.Command, Version: b.o.Version, Kernel: tensor.Kernel(),
		Model: cap.Model, Adapter: cap.Adapter, Tokenizer: cap.Tokenizer, Data: cap.Data,
		Inputs: b.o.Inputs, Checksums: sums,
		Config: map[string]any{
			"hook": b.o.Hook, "filter": b.o.Filter, "top": b.o.Top, "per_interval": b.o.PerInterval, "intervals": intervals,
			"random": b.o.Random, "around": b.o.Around, "seed": b.o.Seed, "logit_lens": b.o.Lens != nil,
		},
	}
	return m, m.SetContent(Content{Hook: b.o.Hook, Features: b.s.DSAE, Tokens: b.n, LeftOut: b.left, FeaturesPerBatch: featuresPerBatch})
}

// Content is what the manifest of an index says beyond what every manifest says.
type Content struct {
	Hook             string              `json:"hook"`
	Features         int                 `json:"features"`
	Tokens           int64               `json:"tokens"` // that count, denominator of densities
	LeftOut          activations.LeftOut `json:"left_out"`
	FeaturesPerBatch int                 `json:"features_per_batch"` // features whose examples share a record batch
}
