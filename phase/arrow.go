package phase

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"agar/activations/blob"
)

// reportKey is the schema metadata that holds the report without its rows.
const reportKey = "agar.phase"

// ErrFormat is wrapped by readers of files that are no tables of this package
// or of a newer version.
var ErrFormat = errors.New("not a table of this format")

// numeric is one nullable float64 column of phase.arrow.
type numeric struct {
	name  string
	at    func(c *CheckpointRow, m *ModuleRow) *Number
	later bool // files of earlier versions lack it
}

// keyed gives a column over a map, which has no address to point to.
type keyed struct {
	name string
	get  func(m *ModuleRow) (Number, bool)
	set  func(m *ModuleRow, v Number)
}

var numerics = []numeric{
	{"loss", func(c *CheckpointRow, _ *ModuleRow) *Number { return &c.Loss }, false},
	{"grad_norm", func(c *CheckpointRow, _ *ModuleRow) *Number { return &c.GradNorm }, false},
	{"learning_rate", func(c *CheckpointRow, _ *ModuleRow) *Number { return &c.LearningRate }, false},
	{"pc1", func(c *CheckpointRow, _ *ModuleRow) *Number { return &c.PCA[0] }, false},
	{"pc2", func(c *CheckpointRow, _ *ModuleRow) *Number { return &c.PCA[1] }, false},
	{"comp", func(c *CheckpointRow, _ *ModuleRow) *Number { return &c.Comp }, true},
	{"comp_raw", func(c *CheckpointRow, _ *ModuleRow) *Number { return &c.CompRaw }, true},
	{"log_odds", func(c *CheckpointRow, _ *ModuleRow) *Number { return &c.LogOdds.Value }, true},
	{"log_odds_lo", func(c *CheckpointRow, _ *ModuleRow) *Number { return &c.LogOdds.Lo }, true},
	{"log_odds_hi", func(c *CheckpointRow, _ *ModuleRow) *Number { return &c.LogOdds.Hi }, true},
	{"em", func(c *CheckpointRow, _ *ModuleRow) *Number { return &c.EM.Value }, true},
	{"em_lo", func(c *CheckpointRow, _ *ModuleRow) *Number { return &c.EM.Lo }, true},
	{"em_hi", func(c *CheckpointRow, _ *ModuleRow) *Number { return &c.EM.Hi }, true},
	{"kl_model_base", func(c *CheckpointRow, _ *ModuleRow) *Number { return &c.KLModelBase }, true},
	{"kl_base_model", func(c *CheckpointRow, _ *ModuleRow) *Number { return &c.KLBaseModel }, true},
	{"probe_loss", func(c *CheckpointRow, _ *ModuleRow) *Number { return &c.ProbeLoss }, true},
	{"norm_a", func(_ *CheckpointRow, m *ModuleRow) *Number { return &m.NormA }, false},
	{"norm_b", func(_ *CheckpointRow, m *ModuleRow) *Number { return &m.NormB }, false},
	{"norm_delta", func(_ *CheckpointRow, m *ModuleRow) *Number { return &m.NormDelta }, false},
	{"subspace_deg", func(_ *CheckpointRow, m *ModuleRow) *Number { return &m.SubspaceDeg }, false},
}

// keyedColumns are the columns per k, turn_deg_10 and so on.
func keyedColumns(ks, dks []int) []keyed {
	var out []keyed
	for _, k := range ks {
		out = append(out,
			plainColumn("turn_deg", k, func(m *ModuleRow) map[int]Number { return m.Turn }),
			plainColumn("turn_deg_dropped", k, func(m *ModuleRow) map[int]Number { return m.Dropped }),
			plainColumn("turn_deg_normalised", k, func(m *ModuleRow) map[int]Number { return m.Normalised }))
	}
	for _, k := range dks {
		out = append(out,
			estimateColumn("turn_debiased", k, func(e *Estimate) *Number { return &e.Value }),
			estimateColumn("turn_debiased_se", k, func(e *Estimate) *Number { return &e.SE }))
	}
	return out
}

func plainColumn(name string, k int, of func(*ModuleRow) map[int]Number) keyed {
	return keyed{
		fmt.Sprintf("%s_%d", name, k),
		func(m *ModuleRow) (Number, bool) { v, ok := of(m)[k]; return v, ok },
		func(m *ModuleRow, v Number) {
			// a dropped angle is there only where one was dropped
			if name != "turn_deg_dropped" || v.OK() {
				of(m)[k] = v
			}
		},
	}
}

func estimateColumn(name string, k int, field func(*Estimate) *Number) keyed {
	return keyed{
		fmt.Sprintf("%s_%d", name, k),
		func(m *ModuleRow) (Number, bool) { e, ok := m.Debiased[k]; return *field(&e), ok },
		func(m *ModuleRow, v Number) { e := m.Debiased[k]; *field(&e) = v; m.Debiased[k] = e },
	}
}

func (r *Report) schema() (*arrow.Schema, error) {
	head := *r
	head.Checkpoints = nil
	meta, err := json.Marshal(&head)
	if err != nil {
		return nil, err
	}
	fields := []arrow.Field{
		{Name: "step", Type: arrow.PrimitiveTypes.Int64},
		{Name: "module", Type: arrow.BinaryTypes.String},
		{Name: "zero", Type: arrow.FixedWidthTypes.Boolean},
		{Name: "sha256", Type: arrow.BinaryTypes.String},
	}
	for _, n := range numerics {
		fields = append(fields, arrow.Field{Name: n.name, Type: arrow.PrimitiveTypes.Float64, Nullable: true})
	}
	for _, n := range keyedColumns(r.Ks, r.DebiasedKs) {
		fields = append(fields, arrow.Field{Name: n.name, Type: arrow.PrimitiveTypes.Float64, Nullable: true})
	}
	m := arrow.NewMetadata([]string{reportKey}, []string{string(meta)})
	return arrow.NewSchema(fields, &m), nil
}

// Write writes the report as an Arrow file, one row a checkpoint × module (the
// combination of several modules as module "all", a checkpoint without modules as
// module ""), wholly or not at all.
func (r *Report) Write(path string) error {
	schema, err := r.schema()
	if err != nil {
		return fmt.Errorf("phase: %s: %w", path, err)
	}
	return writeArrow(path, schema, r.fill)
}

// tape is a buffer that tells the Arrow writer where it is; it never goes back.
type tape struct{ bytes.Buffer }

func (t *tape) Seek(offset int64, whence int) (int64, error) {
	if offset != 0 || whence == io.SeekStart {
		return 0, errors.ErrUnsupported
	}
	return int64(t.Len()), nil
}

// writeArrow writes one record batch.
func writeArrow(path string, schema *arrow.Schema, fill func(*array.RecordBuilder)) error {
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	fill(b)
	rec := b.NewRecord()
	defer rec.Release()
	var buf tape
	w, err := ipc.NewFileWriter(&buf, ipc.WithSchema(schema), ipc.WithZstd())
	if err == nil {
		err = errors.Join(w.Write(rec), w.Close())
	}
	if err == nil {
		err = blob.WriteAll(blob.Dir(filepath.Dir(path)), filepath.Base(path), buf.Bytes())
	}
	if err != nil {
		return fmt.Errorf("phase: write %s: %w", path, err)
	}
	return nil
}

func (r *Report) fill(b *array.RecordBuilder) {
	columns := keyedColumns(r.Ks, r.DebiasedKs)
	for i := range r.Checkpoints {
		c := &r.Checkpoints[i]
		for j := range c.Modules {
			fillRow(b, c, &c.Modules[j], columns)
		}
		if c.Combined != nil {
			fillRow(b, c, c.Combined, columns)
		}
		if len(c.Modules) == 0 && c.Combined == nil {
			fillRow(b, c, &ModuleRow{NormA: Missing(), NormB: Missing(), NormDelta: Missing(), SubspaceDeg: Missing()}, columns)
		}
	}
}

func fillRow(b *array.RecordBuilder, c *CheckpointRow, m *ModuleRow, columns []keyed) {
	b.Field(0).(*array.Int64Builder).Append(int64(c.Step))
	b.Field(1).(*array.StringBuilder).Append(m.Name)
	b.Field(2).(*array.BooleanBuilder).Append(c.Zero)
	b.Field(3).(*array.StringBuilder).Append(c.SHA256)
	put := func(i int, v Number, ok bool) {
		f := b.Field(4 + i).(*array.Float64Builder)
		if ok && v.OK() {
			f.Append(float64(v))
		} else {
			f.AppendNull()
		}
	}
	for i, n := range numerics {
		put(i, *n.at(c, m), true)
	}
	for i, n := range columns {
		v, ok := n.get(m)
		put(len(numerics)+i, v, ok)
	}
}

// table is an Arrow file read whole.
type table struct {
	meta string
	rows int
	cols map[string][]arrow.Array
}

// readArrow reads every record batch of an Arrow file, whose metadata must have
// the key. Errors name the file.
func readArrow(path, key string) (t *table, err error) {
	data, err := blob.ReadAll(blob.Dir(filepath.Dir(path)), filepath.Base(path), 1<<31)
	if err != nil {
		return nil, fmt.Errorf("phase: %w", err)
	}
	if t, err = parseArrow(data, key); err != nil {
		return nil, fmt.Errorf("phase: %s: %w", path, err)
	}
	return t, nil
}

// parseArrow is readArrow on bytes. The Arrow library panics on some broken
// files; that is an error here.
func parseArrow(data []byte, key string) (t *table, err error) {
	defer func() {
		if p := recover(); p != nil {
			t, err = nil, fmt.Errorf("%w: broken Arrow file: %v", ErrFormat, p)
		}
	}()
	f, err := ipc.NewFileReader(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	meta := f.Schema().Metadata()
	i := meta.FindKey(key)
	if i < 0 {
		return nil, fmt.Errorf("%w: found no metadata %q", ErrFormat, key)
	}
	t = &table{meta: meta.Values()[i], cols: map[string][]arrow.Array{}}
	for n := range f.NumRecords() {
		rec, err := f.RecordAt(n)
		if err != nil {
			return nil, fmt.Errorf("%w: batch %d: %w", ErrFormat, n, err)
		}
		t.rows += int(rec.NumRows())
		for c := range int(rec.NumCols()) {
			name := rec.ColumnName(c)
			col := rec.Column(c)
			if col.Len() != int(rec.NumRows()) {
				return nil, fmt.Errorf("%w: column %q: found %d values, expected %d", ErrFormat, name, col.Len(), rec.NumRows())
			}
			t.cols[name] = append(t.cols[name], col)
		}
	}
	return t, f.Close()
}

var errColumn = errors.New("column is missing or of another type")

// column reads a whole column through get.
func column[A arrow.Array, T any](t *table, name string, get func(a A, i int) T) ([]T, error) {
	var out []T
	for _, c := range t.cols[name] {
		a, ok := c.(A)
		if !ok {
			return nil, fmt.Errorf("%w: column %q: found %s: %w", ErrFormat, name, c.DataType(), errColumn)
		}
		for i := range a.Len() {
			out = append(out, get(a, i))
		}
	}
	if len(out) != t.rows {
		return nil, fmt.Errorf("%w: column %q: %w", ErrFormat, name, errColumn)
	}
	return out, nil
}

func (t *table) numbers(name string) ([]Number, error) {
	return column(t, name, func(a *array.Float64, i int) Number {
		if a.IsNull(i) {
			return Missing()
		}
		return Number(a.Value(i))
	})
}

// ReadReport reads what Write wrote and gives the same report back.
func ReadReport(path string) (*Report, error) {
	t, err := readArrow(path, reportKey)
	if err != nil {
		return nil, err
	}
	r, err := t.report()
	if err != nil {
		return nil, fmt.Errorf("phase: %s: %w", path, err)
	}
	return r, nil
}

// report puts the rows back into their checkpoints.
func (t *table) report() (r *Report, err error) {
	defer func() {
		if p := recover(); p != nil {
			r, err = nil, fmt.Errorf("%w: %v", ErrFormat, p)
		}
	}()
	r = &Report{}
	if err := json.Unmarshal([]byte(t.meta), r); err != nil {
		return nil, fmt.Errorf("%w: metadata: %w", ErrFormat, err)
	}
	if r.Format != Format {
		return nil, fmt.Errorf("%w: found %q, this reader knows %s", ErrFormat, r.Format, Format)
	}
	r.older()
	steps, e1 := column(t, "step", func(a *array.Int64, i int) int { return int(a.Value(i)) })
	names, e2 := column(t, "module", func(a *array.String, i int) string { return a.Value(i) })
	zeros, e3 := column(t, "zero", func(a *array.Boolean, i int) bool { return a.Value(i) })
	sums, e4 := column(t, "sha256", func(a *array.String, i int) string { return a.Value(i) })
	if err := errors.Join(e1, e2, e3, e4); err != nil {
		return nil, err
	}
	modules := make([]*ModuleRow, t.rows)
	rows := make([]*CheckpointRow, t.rows)
	r.Checkpoints = make([]CheckpointRow, 0, t.rows)
	for i, s := range steps {
		if n := len(r.Checkpoints); n == 0 || r.Checkpoints[n-1].Step != s {
			r.Checkpoints = append(r.Checkpoints, CheckpointRow{Step: s, Zero: zeros[i], SHA256: sums[i], Modules: []ModuleRow{}, PCA: make([]Number, 2)})
		}
		rows[i] = &r.Checkpoints[len(r.Checkpoints)-1]
		modules[i] = &ModuleRow{Name: names[i], Turn: map[int]Number{}, Dropped: map[int]Number{}, Normalised: map[int]Number{}, Debiased: map[int]Estimate{}}
	}
	if err := t.values(r, rows, modules); err != nil {
		return nil, err
	}
	for i, m := range modules {
		switch m.Name {
		case Combined:
			rows[i].Combined = m
		case "": // of a run without adapters
		default:
			rows[i].Modules = append(rows[i].Modules, *m)
		}
	}
	return r, nil
}

// older gives what earlier versions did not write the values that mean nothing.
func (r *Report) older() {
	if r.Lags == nil {
		r.Lags = []Lag{}
	}
	if r.Degenerate == nil {
		r.Degenerate = []Degenerate{}
	}
	for i := range r.Events {
		e := &r.Events[i]
		if e.Kind != KindBehaviour {
			e.Lambda = Missing()
		}
		if e.Agreement.Measures == nil {
			e.Agreement.Measures = []string{}
		}
	}
}

// values fills the numeric columns into rows and modules, a pair a table row.
func (t *table) values(r *Report, rows []*CheckpointRow, modules []*ModuleRow) error {
	for _, n := range numerics {
		x, err := t.numbers(n.name)
		if _, there := t.cols[n.name]; n.later && !there {
			x, err = slices.Repeat([]Number{Missing()}, t.rows), nil
		}
		if err != nil {
			return err
		}
		for i, v := range x {
			*n.at(rows[i], modules[i]) = v
		}
	}
	for _, n := range keyedColumns(r.Ks, r.DebiasedKs) {
		x, err := t.numbers(n.name)
		if err != nil {
			return err
		}
		for i, v := range x {
			n.set(modules[i], v)
		}
	}
	return nil
}
