package activations

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"strconv"
	"time"

	"agar/activations/manifest"
	"agar/model/progress"
)

// compute runs forward after forward and stores their rows.
func (c *capture) compute(ctx context.Context) error {
	c.started = time.Now()
	for {
		if _, err := c.job.Control(ctx, c.w.rows); err != nil {
			return err
		}
		w, err := c.nextWork()
		if err != nil {
			return err
		}
		if w == nil {
			return c.w.close()
		}
		if w.values == nil {
			if err := c.forward(ctx, w); err != nil {
				return err
			}
		}
		if err := c.store(w); err != nil {
			return err
		}
		c.done += int64(w.rows)
		c.emit(progress.Event{Stage: "forward", Step: c.w.rows, Total: c.total, Unit: "tokens", Values: map[string]float64{
			"tokens_per_sec": c.rate(), "shards": float64(len(c.w.shards)),
		}})
	}
}

// nextWork is what was peeked at first, then what the batcher packs.
func (c *capture) nextWork() (*work, error) {
	if len(c.peeked) > 0 {
		w := c.peeked[0]
		c.peeked = c.peeked[1:]
		return w, nil
	}
	return c.b.next()
}

// store hands the rows of a forward to the writer.
func (c *capture) store(w *work) error {
	at, values := 0, make([][]float32, len(c.columns))
	for i := range w.windows {
		win := &w.windows[i]
		for p, id := range win.ids {
			for k, col := range c.columns {
				values[k] = w.values[col.Name][at*col.Dim : (at+1)*col.Dim]
			}
			role := win.role(p)
			if err := c.w.add(row{id, win.doc, win.index, int32(p), role}, values); err != nil {
				return err
			}
			c.roles[role]++
			at++
		}
		if win.last {
			if err := c.w.endDocument(); err != nil {
				return err
			}
		}
	}
	return nil
}

// rate is the speed of this run in tokens per second.
func (c *capture) rate() float64 {
	return float64(c.done) / max((time.Since(c.started)+c.peeking).Seconds(), 1e-9)
}

// emit sends an event to the caller and to the job's file. A file that cannot be
// written is no reason to stop: the disk that is full will say so at a shard.
func (c *capture) emit(e progress.Event) {
	e.Job = "capture"
	_ = c.job.Progress(e)
	c.o.Progress.Emit(e)
}

// finish writes the manifest and drops the state.
func (c *capture) finish() error {
	c.content = Content{
		Columns: c.columns, DType: c.columns[0].DType, Context: c.o.Context,
		Documents: c.b.taken, Empty: int64(c.b.last) + 1 - c.b.taken, Tokens: c.w.rows, Roles: map[string]int64{},
		Special: nonNil(c.o.Special), Prefix: nonNil(c.o.Prefix), Widened: c.content.Widened, Shards: c.w.shards,
	}
	if m := c.marks(); m != nil {
		c.content.Groups = m.Groups
	}
	for role, n := range c.roles {
		if n > 0 {
			c.content.Roles[strconv.Itoa(role)] = n
		}
	}
	if ref, ok := c.b.docs.(Referrer); ok && c.m.Data.SHA256 == "" {
		c.m.Data.SHA256 = ref.Ref().SHA256
	}
	c.m.Checksums = maps.Clone(c.w.sums)
	if err := c.m.SetContent(c.content); err != nil {
		return err
	}
	if err := c.m.WriteTo(c.o.Blob, manifest.Name); err != nil {
		return err
	}
	return c.dropState()
}

// nonNil makes an empty list [] in JSON.
func nonNil(x []int32) []int32 {
	if x == nil {
		return []int32{}
	}
	return x
}

func (c *capture) dropState() error {
	if err := c.o.Blob.Remove(stateName); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("activations: capture: %w", err)
	}
	return nil
}

func (c *capture) report() *CaptureReport {
	r := &CaptureReport{
		Out: c.o.Dir, Model: c.m.Model.Name, DType: c.content.DType, Documents: c.content.Documents, Empty: c.content.Empty,
		Tokens: c.content.Tokens, Shards: len(c.content.Shards), Bytes: c.w.bytes, Resumed: c.resumed,
	}
	if r.Model == "" {
		r.Model = c.m.Model.Path
	}
	for _, col := range c.content.Columns {
		r.Hooks = append(r.Hooks, col.Name)
	}
	if c.done > 0 {
		rate := c.rate()
		r.TokensPerSec = &rate
	}
	return r
}
