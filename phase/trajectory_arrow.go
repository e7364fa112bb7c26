package phase

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
)

// trajectoryKey is the schema metadata that holds a trajectory without its
// arrays.
const trajectoryKey = "agar.trajectory"

// maxFeatures bounds what a reader allocates for a row.
const maxFeatures = 1 << 24

func (t *Trajectory) schema() (*arrow.Schema, error) {
	meta, err := json.Marshal(t)
	if err != nil {
		return nil, err
	}
	list := arrow.FixedSizeListOfNonNullable(int32(t.DSAE), arrow.PrimitiveTypes.Float32)
	nullable := func(name string) arrow.Field {
		return arrow.Field{Name: name, Type: arrow.PrimitiveTypes.Float64, Nullable: true}
	}
	m := arrow.NewMetadata([]string{trajectoryKey}, []string{string(meta)})
	return arrow.NewSchema([]arrow.Field{
		{Name: "base", Type: arrow.FixedWidthTypes.Boolean}, {Name: "step", Type: arrow.PrimitiveTypes.Int64}, {Name: "lambda", Type: arrow.PrimitiveTypes.Float64},
		nullable("l0"), nullable("explained_variance"), nullable("delta_ce"), nullable("change_seen"),
		{Name: "mean", Type: list}, {Name: "density", Type: list},
	}, &m), nil
}

// Write writes the trajectory as a zstd-compressed Arrow file, wholly or not at
// all: a row a step × λ, and first the base's (base true, step and λ 0), with the
// means and densities of all features as lists.
func (t *Trajectory) Write(path string) error {
	if t.DSAE <= 0 || t.DSAE > maxFeatures {
		return fmt.Errorf("phase: %s: found %d features, expected 1 to %d", path, t.DSAE, maxFeatures)
	}
	schema, err := t.schema()
	if err != nil {
		return fmt.Errorf("phase: %s: %w", path, err)
	}
	return writeArrow(path, schema, func(b *array.RecordBuilder) {
		t.fillRow(b, true, 0, 0, t.Base)
		for s, step := range t.Steps {
			for l, lambda := range t.Lambdas {
				t.fillRow(b, false, step, lambda, t.At(s, l))
			}
		}
	})
}

func (t *Trajectory) fillRow(b *array.RecordBuilder, base bool, step int, lambda float64, x Snapshot) {
	b.Field(0).(*array.BooleanBuilder).Append(base)
	b.Field(1).(*array.Int64Builder).Append(int64(step))
	b.Field(2).(*array.Float64Builder).Append(lambda)
	for i, v := range []float64{x.L0, x.EV, x.DeltaCE, x.ChangeSeen} {
		f := b.Field(3 + i).(*array.Float64Builder)
		if math.IsNaN(v) {
			f.AppendNull()
		} else {
			f.Append(v)
		}
	}
	for i, v := range [][]float32{x.Mean, x.Density} {
		f := b.Field(7 + i).(*array.FixedSizeListBuilder)
		f.Append(true)
		f.ValueBuilder().(*array.Float32Builder).AppendValues(v, nil)
	}
}

// ReadTrajectory reads what Write wrote.
func ReadTrajectory(path string) (*Trajectory, error) {
	tab, err := readArrow(path, trajectoryKey)
	if err != nil {
		return nil, err
	}
	t, err := tab.trajectory()
	if err != nil {
		return nil, fmt.Errorf("phase: %s: %w", path, err)
	}
	return t, nil
}

// trajectory puts the rows back into arrays.
func (tab *table) trajectory() (t *Trajectory, err error) {
	defer func() {
		if p := recover(); p != nil {
			t, err = nil, fmt.Errorf("%w: %v", ErrFormat, p)
		}
	}()
	t = &Trajectory{}
	if err := json.Unmarshal([]byte(tab.meta), t); err != nil {
		return nil, fmt.Errorf("%w: metadata: %w", ErrFormat, err)
	}
	if t.Format != TrajectoryFormat {
		return nil, fmt.Errorf("%w: found %q, this reader knows %s", ErrFormat, t.Format, TrajectoryFormat)
	}
	if want := len(t.Steps)*len(t.Lambdas) + 1; tab.rows != want || t.DSAE <= 0 || t.DSAE > maxFeatures {
		return nil, fmt.Errorf("%w: found %d rows of %d features, expected %d rows", ErrFormat, tab.rows, t.DSAE, want)
	}
	mean, e1 := tab.lists("mean", t.DSAE)
	density, e2 := tab.lists("density", t.DSAE)
	if err := errors.Join(e1, e2); err != nil {
		return nil, err
	}
	t.allocate()
	copy(t.Base.Mean, mean)
	copy(t.Base.Density, density)
	copy(t.Mean, mean[t.DSAE:])
	copy(t.Density, density[t.DSAE:])
	for _, c := range []struct {
		name string
		base *float64
		rest []float64
	}{
		{"l0", &t.Base.L0, t.L0}, {"explained_variance", &t.Base.EV, t.EV}, {"delta_ce", &t.Base.DeltaCE, t.DeltaCE}, {"change_seen", &t.Base.ChangeSeen, t.ChangeSeen},
	} {
		x, err := tab.numbers(c.name)
		if err != nil {
			return nil, err
		}
		*c.base = float64(x[0])
		for i, v := range x[1:] {
			c.rest[i] = float64(v)
		}
	}
	return t, nil
}

// lists reads a column of lists of n float32, one after the other.
func (tab *table) lists(name string, n int) ([]float32, error) {
	rows, err := column(tab, name, func(a *array.FixedSizeList, i int) []float32 {
		from, to := a.ValueOffsets(i)
		values, ok := a.ListValues().(*array.Float32)
		if !ok {
			return nil
		}
		return values.Float32Values()[from:to]
	})
	if err != nil {
		return nil, err
	}
	var out []float32
	for i, r := range rows {
		if len(r) != n {
			return nil, fmt.Errorf("%w: column %q, row %d: found %d values, expected %d", ErrFormat, name, i, len(r), n)
		}
		out = append(out, r...)
	}
	return out, nil
}
