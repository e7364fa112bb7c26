package activations

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"time"

	"agar/activations/blob"
	"agar/activations/job"
	"agar/activations/manifest"
	"agar/model/progress"
)

// CaptureReport is the result of a capture, as `agar capture --json` prints it.
type CaptureReport struct {
	Out          string   `json:"out"`
	Model        string   `json:"model"`
	Hooks        []string `json:"hooks"`
	DType        DType    `json:"dtype"`
	Documents    int64    `json:"documents"`
	Empty        int64    `json:"empty_documents"`
	Tokens       int64    `json:"tokens"`
	Shards       int      `json:"shards"`
	Bytes        int64    `json:"bytes"`          // of the shards
	TokensPerSec *float64 `json:"tokens_per_sec"` // of this run; null when it computed nothing
	Resumed      bool     `json:"resumed"`        // something was on disk already
}

// Capture runs the documents through r and stores what the hooks show.
//
// Whole shards are committed one by one, and manifest.json at the end: a capture
// that is interrupted, killed or out of disk is resumed from its last whole shard
// with Options.Resume and ends with the bytes that an unbroken one has. Resume
// starts in an absent directory and changes nothing in a finished one; it is
// refused when anything that the result depends on differs, by name.
//
// Errors to look for: ErrNoDocuments, *WontFitError (before anything is stored),
// *ValueError, ErrOtherCapture, *job.LockedError, job.ErrNotEmpty, and
// context.Canceled (resumable).
func Capture(ctx context.Context, r Runner, docs Documents, o CaptureOptions) (*CaptureReport, error) {
	o = o.withDefaults()
	if err := o.check(); err != nil {
		return nil, err
	}
	columns, err := o.columnsOf(r, o.DType)
	if err != nil {
		return nil, err
	}
	c := &capture{r: r, o: o, columns: columns, b: &batcher{docs: docs, context: o.Context, batchRows: o.BatchRows, tokens: o.Tokens}}
	if c.m, err = c.manifest(); err != nil {
		return nil, err
	}
	if o.Resume {
		if report, err := c.finished(); report != nil || err != nil {
			return report, err
		}
	}
	if c.job, err = job.Begin(o.Dir, job.Options{Command: o.Command, Resume: o.Resume}); err != nil {
		return nil, err
	}
	err = c.run(ctx)
	if err != nil && c.w != nil {
		err = errors.Join(err, c.w.abort())
	}
	if err := c.job.End(err); err != nil {
		return nil, err
	}
	return c.report(), nil
}

// capture is one run of Capture.
type capture struct {
	r       Runner
	o       CaptureOptions
	b       *batcher
	job     *job.Job
	m       manifest.Manifest
	content Content
	columns []Column // dtype Auto until it is decided
	w       *storeWriter
	peeked  []*work // forwards done to decide the dtype
	planned Memory
	roles   [256]int64
	resumed bool
	started time.Time
	peeking time.Duration // what the forwards in peeked took, before started
	done    int64         // tokens computed by this run
	total   int64         // rows expected, 0 when not known
}

// manifest is what this capture will say of itself.
func (c *capture) manifest() (manifest.Manifest, error) {
	o := &c.o
	config, err := o.config(c.columns)
	if err != nil {
		return manifest.Manifest{}, err
	}
	m := manifest.Manifest{
		Format: manifest.Capture, Command: canonical(o.Command), Config: config, Version: o.Version, Kernel: o.Kernel,
		Model: o.Model, Adapter: o.Adapter, Tokenizer: o.Tokenizer, Data: o.Data,
	}
	if ref, ok := c.b.docs.(Referrer); ok && o.Data.SHA256 == "" {
		m.Data = ref.Ref()
	}
	if m.Data.Path == "-" {
		m.Data.SHA256 = "" // not known before the end
	}
	return m, nil
}

// finished reports on a capture that is done already, after checking that it is
// this one; nil when there is none.
func (c *capture) finished() (*CaptureReport, error) {
	m, err := manifest.ReadFrom(c.o.Blob, manifest.Name, manifest.Capture)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("activations: capture: %s: %w", c.o.Dir, err)
	}
	here := c.m
	if here.Data.Path == "-" {
		here.Data.SHA256 = m.Data.SHA256
	}
	if err := c.same(&m, &here); err != nil {
		return nil, err
	}
	content, err := readContent(&m)
	if err != nil {
		return nil, fmt.Errorf("activations: capture: %s: %w", c.o.Dir, err)
	}
	c.m, c.content, c.resumed = m, content, true
	bytes, err := shardBytes(c.o.Blob, content.Shards)
	if err != nil {
		return nil, fmt.Errorf("activations: capture: %s: %w", c.o.Dir, err)
	}
	c.w = &storeWriter{columns: content.Columns, shards: content.Shards, bytes: bytes}
	return c.report(), c.tidy()
}

// tidy removes what a capture that died after its manifest left behind.
func (c *capture) tidy() error {
	_, noInfo := job.ReadInfo(c.o.Dir)
	_, noState := c.o.Blob.Stat(stateName)
	if noInfo != nil && noState != nil {
		return nil
	}
	j, err := job.Begin(c.o.Dir, job.Options{Command: c.o.Command, Resume: true})
	if err != nil {
		return err
	}
	return j.End(c.dropState())
}

func shardBytes(s blob.Store, shards []Shard) (int64, error) {
	n := int64(0)
	for _, sh := range shards {
		info, err := s.Stat(sh.Name)
		if err != nil {
			return 0, err
		}
		n += info.Size
	}
	return n, nil
}

// run does everything between the job's beginning and end.
func (c *capture) run(ctx context.Context) error {
	if err := c.restore(ctx); err != nil {
		return err
	}
	if err := c.decide(ctx); err != nil {
		return err
	}
	if err := c.saveState(); err != nil {
		return err
	}
	if err := c.compute(ctx); err != nil {
		return c.explain(err)
	}
	return c.finish()
}

// explain adds to an overflow the command that gets over it.
func (c *capture) explain(err error) error {
	var v *ValueError
	if errors.As(err, &v) && v.Overflow() {
		v.Command = inFloat32(c.o.Command)
	}
	return err
}

// dtypeDocuments is how many documents decide the dtype, and dtypeMargin how
// much larger than they show values may become.
const (
	dtypeDocuments = 64
	dtypeMargin    = 8
)

// peekBytes is how much of the forwards done to decide the dtype is kept; the
// rest is computed again.
const peekBytes = 512 << 20

// decide packs and computes the first forwards, chooses the dtype when nobody
// has yet, and holds the plan against the disk.
func (c *capture) decide(ctx context.Context) error {
	auto := c.columns[0].DType == Auto
	if err := c.pack(auto); err != nil {
		return err
	}
	if len(c.peeked) == 0 && c.b.seen == 0 {
		return fmt.Errorf("activations: capture: %w", ErrNoDocuments)
	}
	if err := c.plan(0).check(c.o.Dir, c.o.Blob); err != nil {
		return err
	}
	var err error
	if c.planned, err = c.memory(); err != nil {
		return fmt.Errorf("activations: capture: %w", err)
	}
	if c.o.MemoryPlanned != nil {
		c.o.MemoryPlanned(c.planned)
	}
	rate, largest, err := c.peek(ctx, auto)
	if err != nil {
		return err
	}
	if auto {
		d := F16
		if dtypeMargin*float64(largest) > maxF16 {
			d = F32
		}
		c.setDType(d)
	}
	if c.w == nil {
		c.w = newStoreWriter(c.o.Blob, c.columns, c.o.ShardRows, c.marks())
	}
	p := c.plan(rate)
	if err := p.check(c.o.Dir, c.o.Blob); err != nil {
		return err
	}
	c.total = p.Rows
	c.emit(progress.Event{Stage: "plan", Total: p.Rows, Unit: "tokens", Message: p.String(), Values: map[string]float64{
		"bytes": float64(p.Bytes), "free_bytes": float64(p.FreeBytes), "bytes_per_row": float64(p.BytesPerRow), "tokens_per_sec": p.TokensPerSec,
		"memory_weights": float64(p.Memory.Weights), "memory": float64(p.Memory.Total()),
	}})
	if c.o.Planned != nil {
		return c.o.Planned(*p)
	}
	return nil
}

func (c *capture) setDType(d DType) {
	for i := range c.columns {
		c.columns[i].DType = d
	}
}

// pack fills peeked with the first forward, or for the choice of the dtype with
// those of the first documents.
func (c *capture) pack(auto bool) error {
	for {
		w, err := c.b.next()
		if err != nil {
			return err
		}
		if w == nil {
			return nil
		}
		c.peeked = append(c.peeked, w)
		if !auto || c.b.taken >= dtypeDocuments && w.windows[len(w.windows)-1].ordinal >= dtypeDocuments-1 {
			return nil
		}
	}
}

// peek computes the forwards in peeked and gives their speed in tokens per second
// and the largest magnitude in the first documents.
func (c *capture) peek(ctx context.Context, auto bool) (rate float64, largest float32, err error) {
	began, rows, kept := time.Now(), 0, int64(0)
	for _, w := range c.peeked {
		if err := c.forward(ctx, w); err != nil {
			return 0, 0, err
		}
		rows += w.rows
		if auto {
			largest = max(largest, c.largest(w))
		}
		if kept += int64(w.rows) * (bytesPerRow(c.columns) + 4*c.width()); kept > peekBytes {
			w.values = nil
		}
		c.emit(progress.Event{Stage: "first documents", Step: int64(rows), Unit: "tokens"})
	}
	c.peeking = time.Since(began)
	if rows > 0 {
		rate = float64(rows) / c.peeking.Seconds()
	}
	return rate, largest, nil
}

func (c *capture) width() int64 {
	n := int64(0)
	for _, col := range c.columns {
		n += int64(col.Dim)
	}
	return n
}

// largest is the largest magnitude among the rows of the documents that decide.
func (c *capture) largest(w *work) float32 {
	rows := 0
	for i := range w.windows {
		if w.windows[i].ordinal < dtypeDocuments {
			rows += len(w.windows[i].ids)
		}
	}
	m := float32(0)
	for _, col := range c.columns {
		for _, v := range w.values[col.Name][:rows*col.Dim] {
			m = max(m, float32(math.Abs(float64(v))))
		}
	}
	return m
}

// plan is what is expected, given a measured speed.
func (c *capture) plan(rate float64) *Plan {
	cols := append([]Column(nil), c.columns...)
	for i := range cols {
		if cols[i].DType == Auto {
			cols[i].DType = F16
		}
	}
	p := &Plan{BytesPerRow: bytesPerRow(cols), Rows: estimateRows(c.b, c.o.Tokens), DType: cols[0].DType, TokensPerSec: rate, Memory: c.planned}
	rows := p.Rows
	if c.w != nil {
		rows -= c.w.rows
	}
	p.Bytes = max(0, rows) * p.BytesPerRow
	return p
}

// String is the plan in one line.
func (p Plan) String() string {
	s := fmt.Sprintf("%d bytes a token in %s", p.BytesPerRow, p.DType)
	if p.Rows > 0 {
		s = fmt.Sprintf("about %d tokens, %.2f GB to write at %s", p.Rows, float64(p.Bytes)/1e9, s)
	}
	if p.FreeBytes >= 0 {
		s += fmt.Sprintf(", %.2f GB free", float64(p.FreeBytes)/1e9)
	}
	s += p.Memory.String()
	if d := p.Duration(); d > 0 {
		s += fmt.Sprintf(", %s at %.0f tokens/s", d.Round(time.Second), p.TokensPerSec)
	}
	return s
}

// forward computes a work and checks what came back.
func (c *capture) forward(ctx context.Context, w *work) error {
	names := make([]string, len(c.columns))
	for i, col := range c.columns {
		names[i] = col.Name
	}
	out, err := c.ask(ctx, w, names)
	if err != nil {
		first := w.windows[0]
		return fmt.Errorf("activations: capture: forward from document %d, window %d: %w", first.doc, first.index, err)
	}
	w.values = make(map[string][]float32, len(names))
	for _, col := range c.columns {
		if got := len(out[col.Name]); got != w.rows*col.Dim {
			return fmt.Errorf("activations: capture: hook %s: found %d values, expected %d rows of %d", col.Name, got, w.rows, col.Dim)
		}
		w.values[col.Name] = out[col.Name]
	}
	return nil
}

func (c *capture) ask(ctx context.Context, w *work, hooks []string) (map[string][]float32, error) {
	if p, ok := c.r.(placed); ok {
		return p.runAt(ctx, w.windows, hooks)
	}
	return c.r.Run(ctx, w.seqs(), hooks)
}
