package encode

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"agar/activations"
	"agar/activations/blob"
	"agar/model/progress"
	"agar/sae"
	"agar/sae/internal/arrowfile"
)

// Options says how features are written. The zero value writes sparse rows.
type Options struct {
	Dense    bool // a value for every feature
	Progress progress.Func
}

// Report says what was written.
type Report struct {
	Rows     int64   `json:"rows"`
	Entries  int64   `json:"entries"` // features that fired, over all rows
	L0       float64 `json:"l0"`      // Entries over Rows
	SHA256   string  `json:"sha256"`
	Features int     `json:"d_sae"`
}

// Rows of a record batch: of sparse rows, and the bytes of dense ones.
const (
	sparseRows = 4096
	denseBytes = 32 << 20
)

// File writes the features of every row of src to the file name in st, which
// appears whole or not at all. Its bytes depend on the rows alone.
func File(ctx context.Context, s *sae.SAE, src activations.Source, st blob.Store, name string, o Options) (*Report, error) {
	if src.Dim() != s.DIn {
		return nil, fmt.Errorf("encode: found activations of width %d, the dictionary has d_in %d", src.Dim(), s.DIn)
	}
	w, err := arrowfile.Create(st, name, schema(s, o.Dense))
	if err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	defer w.Abort()
	e := &encoder{s: s, stream: s.Stream(), w: w, o: o, rep: Report{Features: s.DSAE}}
	if err := e.run(ctx, src); err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	if err := w.Commit(); err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	e.rep.SHA256 = w.SHA256()
	if e.rep.Rows > 0 {
		e.rep.L0 = float64(e.rep.Entries) / float64(e.rep.Rows)
	}
	return &e.rep, nil
}

func schema(s *sae.SAE, dense bool) *arrow.Schema {
	row := arrow.Field{Name: "row", Type: arrow.PrimitiveTypes.Int64}
	if dense {
		t := arrow.FixedSizeListOfNonNullable(int32(s.DSAE), arrow.PrimitiveTypes.Float32)
		return arrow.NewSchema([]arrow.Field{row, {Name: "activations", Type: t}}, nil)
	}
	return arrow.NewSchema([]arrow.Field{
		row,
		{Name: "indices", Type: arrow.ListOfNonNullable(arrow.PrimitiveTypes.Uint32)},
		{Name: "values", Type: arrow.ListOfNonNullable(arrow.PrimitiveTypes.Float32)},
	}, nil)
}

// encoder is a File under way.
type encoder struct {
	s      *sae.SAE
	stream *sae.Stream
	w      *arrowfile.Writer
	o      Options
	rep    Report
	x      []float32 // of a batch
	index  []int64
	codes  sae.Codes
	dense  []float32
}

// batchRows is the rows of a record batch, whatever the source hands out.
func (e *encoder) batchRows() int {
	if e.o.Dense {
		return max(denseBytes/(4*e.s.DSAE), 1)
	}
	return sparseRows
}

func (e *encoder) run(ctx context.Context, src activations.Source) error {
	total := int64(0)
	if seek, ok := src.(activations.Seeker); ok {
		total = seek.Len()
	}
	var rows activations.Rows
	for {
		err := e.gather(ctx, src, &rows)
		if err != nil {
			return err
		}
		if len(e.index) == 0 {
			return nil
		}
		e.stream.Encode(&e.codes, e.x, len(e.index))
		if err := e.w.Write(e.record()); err != nil {
			return err
		}
		e.rep.Rows += int64(len(e.index))
		e.rep.Entries += int64(e.codes.Len())
		e.o.Progress.Emit(progress.Event{Stage: "encode", Step: e.rep.Rows, Total: total, Unit: "tokens"})
	}
}

// gather reads a batch, fewer rows at the end.
func (e *encoder) gather(ctx context.Context, src activations.Source, rows *activations.Rows) error {
	e.x, e.index = e.x[:0], e.index[:0]
	for len(e.index) < e.batchRows() {
		err := src.Next(ctx, rows, e.batchRows()-len(e.index))
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read activations: %w", err)
		}
		e.x = append(e.x, rows.X[:rows.N*rows.D]...)
		e.index = append(e.index, rows.Index[:rows.N]...)
	}
	return nil
}

// record is the batch at hand.
func (e *encoder) record() arrow.Record {
	rb := array.NewRecordBuilder(memory.DefaultAllocator, schema(e.s, e.o.Dense))
	defer rb.Release()
	rb.Field(0).(*array.Int64Builder).AppendValues(e.index, nil)
	if e.o.Dense {
		e.appendDense(rb.Field(1).(*array.FixedSizeListBuilder))
		return rb.NewRecord()
	}
	indices, values := rb.Field(1).(*array.ListBuilder), rb.Field(2).(*array.ListBuilder)
	for r := range e.codes.N {
		index, value := e.codes.Row(r)
		indices.Append(true)
		indices.ValueBuilder().(*array.Uint32Builder).AppendValues(index, nil)
		values.Append(true)
		values.ValueBuilder().(*array.Float32Builder).AppendValues(value, nil)
	}
	return rb.NewRecord()
}

func (e *encoder) appendDense(list *array.FixedSizeListBuilder) {
	n := e.codes.N * e.s.DSAE
	if cap(e.dense) < n {
		e.dense = make([]float32, n)
	}
	e.dense = e.dense[:n]
	e.codes.Dense(e.dense, e.s.DSAE)
	for range e.codes.N {
		list.Append(true)
	}
	list.ValueBuilder().(*array.Float32Builder).AppendValues(e.dense, nil)
}
