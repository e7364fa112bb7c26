package features

import (
	"fmt"
	"math"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
)

// Feature decodes what is known about feature i.
func (x *Index) Feature(i int) (Feature, error) {
	if err := x.check(i); err != nil {
		return Feature{}, err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	rec, err := x.features.batch(i / rowsPerBatch)
	if err != nil {
		return Feature{}, fmt.Errorf("features: %w", err)
	}
	r := i % rowsPerBatch
	if int64(r) >= rec.NumRows() || rec.Column(0).(*array.Int32).Value(r) != int32(i) {
		return Feature{}, fmt.Errorf("features: %s: feature %d is not where it belongs", FeaturesFile, i)
	}
	f := Feature{
		ID: i, Density: x.density[i], Max: x.max[i], Mean: x.mean[i], MeanAll: x.meanAll[i],
		HistMax: rec.Column(5).(*array.Float32).Value(r),
		Top:     tokensAt(rec.Column(7).(*array.List), r), Bottom: tokensAt(rec.Column(8).(*array.List), r),
		Neighbours: neighboursAt(rec.Column(9).(*array.List), r),
	}
	hist := rec.Column(6).(*array.FixedSizeList).ListValues().(*array.Uint32)
	f.Hist = append(f.Hist, hist.Uint32Values()[r*histBins:(r+1)*histBins]...)
	if l := rec.Column(10).(*array.String); l.IsValid(r) {
		f.Label = clone(l.Value(r))
	}
	return f, nil
}

// clone copies a string out of the memory of a record.
func clone(s string) string { return string([]byte(s)) }

func tokensAt(l *array.List, r int) []TokenLogit {
	if l.IsNull(r) {
		return nil
	}
	v := l.ListValues().(*array.Struct)
	from, to := l.ValueOffsets(r)
	out := make([]TokenLogit, 0, to-from)
	for k := int(from); k < int(to); k++ {
		out = append(out, TokenLogit{
			ID:    v.Field(0).(*array.Int32).Value(k),
			Text:  clone(v.Field(1).(*array.String).Value(k)),
			Logit: v.Field(2).(*array.Float32).Value(k),
		})
	}
	return out
}

func neighboursAt(l *array.List, r int) []Neighbour {
	v := l.ListValues().(*array.Struct)
	from, to := l.ValueOffsets(r)
	out := make([]Neighbour, 0, to-from)
	for k := int(from); k < int(to); k++ {
		out = append(out, Neighbour{ID: int(v.Field(0).(*array.Int32).Value(k)), Cos: v.Field(1).(*array.Float32).Value(k)})
	}
	return out
}

// Examples decodes the examples of feature i: the strongest first, then those
// of the tenths of [0, Max] from the highest down, then the random ones. A
// feature that never fired has none.
func (x *Index) Examples(i int) ([]Example, error) {
	if err := x.check(i); err != nil {
		return nil, err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	rec, err := x.examples.batch(i / x.content.FeaturesPerBatch)
	if err != nil {
		return nil, fmt.Errorf("features: %w", err)
	}
	var out []Example
	ids := rec.Column(0).(*array.Int32)
	for r := range int(rec.NumRows()) {
		if ids.Value(r) == int32(i) {
			out = append(out, exampleAt(rec, r))
		}
	}
	return out, nil
}

func exampleAt(rec arrow.Record, r int) Example {
	i32 := func(c int) int32 { return rec.Column(c).(*array.Int32).Value(r) }
	return Example{
		Kind: clone(rec.Column(1).(*array.String).Value(r)),
		Row:  rec.Column(2).(*array.Int64).Value(r),
		Doc:  i32(3), Window: i32(4), Pos: i32(5), Start: i32(6),
		Max:    rec.Column(7).(*array.Float32).Value(r),
		Tokens: stringsAt(rec.Column(8).(*array.List), r),
		Acts:   floatsAt(rec.Column(9).(*array.List), r),
	}
}

func stringsAt(l *array.List, r int) []string {
	v := l.ListValues().(*array.String)
	from, to := l.ValueOffsets(r)
	out := make([]string, 0, to-from)
	for k := int(from); k < int(to); k++ {
		out = append(out, clone(v.Value(k)))
	}
	return out
}

// floatsAt reads a null as NaN.
func floatsAt(l *array.List, r int) []float32 {
	v := l.ListValues().(*array.Float32)
	from, to := l.ValueOffsets(r)
	out := make([]float32, 0, to-from)
	for k := int(from); k < int(to); k++ {
		if v.IsNull(k) {
			out = append(out, float32(math.NaN()))
			continue
		}
		out = append(out, v.Value(k))
	}
	return out
}
