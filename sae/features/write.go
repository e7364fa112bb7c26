package features

import (
	"context"
	"fmt"
	"math"

	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"agar/activations"
	"agar/activations/blob"
	"agar/activations/manifest"
	"agar/sae/internal/arrowfile"
)

// write makes the files of the index, the manifest last.
func (b *builder) write(ctx context.Context, ls []lensOf, near [][]Neighbour) error {
	st := blob.Dir(b.o.Out)
	sums := map[string]string{}
	var err error
	if sums[FeaturesFile], err = b.writeFeatures(st, ls, near); err != nil {
		return fmt.Errorf("features: %w", err)
	}
	if sums[ExamplesFile], err = b.writeExamples(ctx, st); err != nil {
		return fmt.Errorf("features: %w", err)
	}
	m, err := b.manifest(sums)
	if err != nil {
		return err
	}
	return m.WriteTo(st, manifest.Name)
}

// writeFeatures writes features.arrow and returns its checksum.
func (b *builder) writeFeatures(st blob.Store, ls []lensOf, near [][]Neighbour) (string, error) {
	w, err := arrowfile.Create(st, FeaturesFile, featuresSchema)
	if err != nil {
		return "", err
	}
	defer w.Abort()
	rb := array.NewRecordBuilder(memory.DefaultAllocator, featuresSchema)
	defer rb.Release()
	for i := range b.sums {
		b.appendFeature(rb, i, ls[i], near[i])
		if (i+1)%rowsPerBatch == 0 || i+1 == len(b.sums) {
			if err := w.Write(rb.NewRecord()); err != nil {
				return "", err
			}
		}
	}
	err = w.Commit()
	return w.SHA256(), err
}

func (b *builder) appendFeature(rb *array.RecordBuilder, i int, l lensOf, near []Neighbour) {
	s := &b.sums[i]
	mean := 0.0
	if s.n > 0 {
		mean = s.sum / float64(s.n)
	}
	rb.Field(0).(*array.Int32Builder).Append(int32(i))
	for k, v := range []float32{float32(float64(s.n) / float64(b.n)), s.max, float32(mean), float32(s.sum / float64(b.n)), s.end.top} {
		rb.Field(1 + k).(*array.Float32Builder).Append(v)
	}
	hist := rb.Field(6).(*array.FixedSizeListBuilder)
	hist.Append(true)
	hist.ValueBuilder().(*array.Uint32Builder).AppendValues(s.hist[:], nil)
	appendTokens(rb.Field(7).(*array.ListBuilder), l.top)
	appendTokens(rb.Field(8).(*array.ListBuilder), l.bottom)
	list := rb.Field(9).(*array.ListBuilder)
	list.Append(true)
	for _, n := range near {
		v := list.ValueBuilder().(*array.StructBuilder)
		v.Append(true)
		v.FieldBuilder(0).(*array.Int32Builder).Append(int32(n.ID))
		v.FieldBuilder(1).(*array.Float32Builder).Append(n.Cos)
	}
	rb.Field(10).(*array.StringBuilder).AppendNull()
}

func appendTokens(list *array.ListBuilder, ts []TokenLogit) {
	list.Append(ts != nil)
	for _, t := range ts {
		v := list.ValueBuilder().(*array.StructBuilder)
		v.Append(true)
		v.FieldBuilder(0).(*array.Int32Builder).Append(t.ID)
		v.FieldBuilder(1).(*array.StringBuilder).Append(t.Text)
		v.FieldBuilder(2).(*array.Float32Builder).Append(t.Logit)
	}
}

// writeExamples writes examples.arrow and returns its checksum. Every
// featuresPerBatch features make a record batch, however many examples they
// have, so that a feature's batch is known from its number.
func (b *builder) writeExamples(ctx context.Context, st blob.Store) (string, error) {
	w, err := arrowfile.Create(st, ExamplesFile, examplesSchema)
	if err != nil {
		return "", err
	}
	defer w.Abort()
	rb := array.NewRecordBuilder(memory.DefaultAllocator, examplesSchema)
	defer rb.Release()
	for i := range b.sums {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		if err := b.appendExamples(rb, i); err != nil {
			return "", err
		}
		if (i+1)%featuresPerBatch == 0 || i+1 == len(b.sums) {
			if err := w.Write(rb.NewRecord()); err != nil {
				return "", err
			}
		}
	}
	err = w.Commit()
	return w.SHA256(), err
}

// appendExamples appends feature i's examples: the strongest, those of the
// tenths from the highest down, the random ones.
func (b *builder) appendExamples(rb *array.RecordBuilder, i int) error {
	s := &b.sums[i]
	if err := b.appendKind(rb, i, KindTop, s.top.kept); err != nil || s.n == 0 {
		return err
	}
	for k := intervals - 1; k >= 0; k-- {
		if err := b.appendKind(rb, i, KindInterval, s.interval(k, b.o.PerInterval)); err != nil {
			return err
		}
	}
	return b.appendKind(rb, i, KindRandom, s.random.kept)
}

func (b *builder) appendKind(rb *array.RecordBuilder, i int, kind string, fs []firing) error {
	var rows activations.Rows
	for _, f := range fs {
		first := f.row - int64(f.before)
		if err := b.store.Provenance(&rows, first, len(f.acts)); err != nil {
			return err
		}
		at := int(f.before)
		rb.Field(0).(*array.Int32Builder).Append(int32(i))
		rb.Field(1).(*array.StringBuilder).Append(kind)
		rb.Field(2).(*array.Int64Builder).Append(f.row)
		for k, v := range []int32{rows.Doc[at], rows.Window[at], rows.Pos[at], rows.Pos[0]} {
			rb.Field(3 + k).(*array.Int32Builder).Append(v)
		}
		rb.Field(7).(*array.Float32Builder).Append(f.value)
		b.appendContext(rb, f, rows.Token)
	}
	return nil
}

func (b *builder) appendContext(rb *array.RecordBuilder, f firing, ids []int32) {
	tokens, acts := rb.Field(8).(*array.ListBuilder), rb.Field(9).(*array.ListBuilder)
	tokens.Append(true)
	acts.Append(true)
	for k, id := range ids {
		tokens.ValueBuilder().(*array.StringBuilder).Append(b.o.Piece(id))
		v := acts.ValueBuilder().(*array.Float32Builder)
		if math.IsNaN(float64(f.acts[k])) {
			v.AppendNull()
			continue
		}
		v.Append(f.acts[k])
	}
}
