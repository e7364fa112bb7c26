package activations

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"agar/activations/manifest"
)

// stateName is the manifest of a capture under way. It is written before shard 0
// and removed after manifest.json is there.
const stateName = "resume.json"

// ErrOtherCapture is returned by Capture, wrapped, when it is to resume a capture
// of something else, or made in another way.
var ErrOtherCapture = errors.New("the directory holds another capture")

// saveState writes what a resumed capture has to agree with: the manifest so
// far, and the dtype.
func (c *capture) saveState() error {
	if c.resumed && c.content.Columns != nil {
		return nil // it is there
	}
	c.content = Content{Columns: c.columns, DType: c.columns[0].DType, Widened: c.content.Widened}
	return c.writeState()
}

func (c *capture) writeState() error {
	m := c.m
	if err := m.SetContent(c.content); err != nil {
		return err
	}
	return m.WriteTo(c.o.Blob, stateName)
}

// restore reads the state and the whole shards of an interrupted capture. With
// nothing there it does nothing.
func (c *capture) restore(ctx context.Context) error {
	state, err := manifest.ReadFrom(c.o.Blob, stateName, manifest.Capture)
	if errors.Is(err, fs.ErrNotExist) {
		return c.unknown()
	}
	if err == nil {
		err = state.ContentInto(&c.content)
	}
	if err == nil && len(c.content.Columns) != len(c.columns) {
		err = fmt.Errorf("%s: found %d columns, expected %d", stateName, len(c.content.Columns), len(c.columns))
	}
	if err != nil {
		return fmt.Errorf("activations: capture: %w", err)
	}
	c.resumed = true
	if err := c.agree(&state); err != nil {
		return err
	}
	c.setDType(c.content.DType)
	c.w = newStoreWriter(c.o.Blob, c.columns, c.o.ShardRows, c.marks())
	if err := c.adoptShards(ctx); err != nil {
		return err
	}
	return nil
}

// unknown refuses to go on in a directory whose contents are not a capture's.
func (c *capture) unknown() error {
	found, err := c.o.Blob.List("")
	if err != nil {
		return fmt.Errorf("activations: capture: %w", err)
	}
	for _, f := range found {
		if !strings.HasPrefix(f.Name, "job.") && !strings.HasSuffix(f.Name, ".jsonl") {
			return fmt.Errorf("activations: capture: %s: found %s but no %s: not a capture that can be resumed", c.o.Dir, f.Name, stateName)
		}
	}
	return nil
}

// same refuses a resume that would compute something else than what is there.
func (c *capture) same(there, here *manifest.Manifest) error {
	var out []string
	for _, d := range manifest.Differences(there, here) {
		if c.o.Force && (strings.HasPrefix(d, "kernel:") || strings.HasPrefix(d, "agar_version:")) {
			continue
		}
		out = append(out, d)
	}
	if len(out) == 0 {
		return nil
	}
	hint := ""
	if strings.HasPrefix(out[0], "agar_version:") || strings.HasPrefix(out[0], "kernel:") {
		hint = " (--force goes on nevertheless; the result may differ in the last bits)"
	}
	return fmt.Errorf("activations: capture: %s: %w: %s%s", c.o.Dir, ErrOtherCapture, strings.Join(out, "; "), hint)
}

// agree compares this capture with the state on disk and goes on under the
// state's manifest. A float16 capture may be gone on with in float32, which is
// how one gets over an overflow.
func (c *capture) agree(state *manifest.Manifest) error {
	here := c.m
	widen := c.content.DType == F16 && c.o.DType == F32
	if widen && state.Config != nil {
		state.Config["dtype"] = string(F32)
		state.Command = c.m.Command
	}
	if err := c.same(state, &here); err != nil {
		return err
	}
	otherKernel := !slices.Contains(strings.Split(state.Kernel, ","), here.Kernel)
	if otherKernel {
		state.Kernel += "," + here.Kernel
	}
	c.m = *state
	c.m.Content = nil
	switch {
	case widen:
		return c.widenState()
	case otherKernel:
		return c.writeState()
	}
	return nil
}

// adoptShards counts the whole shards on disk, holds them to the data, and puts
// the documents behind them.
func (c *capture) adoptShards(ctx context.Context) error {
	for i := 0; ; i++ {
		name := shardName(i)
		if _, err := c.o.Blob.Stat(name); errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := c.widenShard(name); err != nil {
			return err
		}
		if err := c.adoptShard(name); err != nil {
			return fmt.Errorf("activations: capture: %s: %w", c.o.Dir, err)
		}
	}
}

func (c *capture) adoptShard(name string) error {
	sh, err := openShard(c.o.Blob, name)
	if err != nil {
		return err
	}
	defer sh.close()
	if err := sh.checkColumns(c.columns); err != nil {
		return err
	}
	if sh.rows == 0 {
		return fmt.Errorf("%s: found no rows", name)
	}
	info := Shard{Name: name, Rows: sh.rows}
	if err := c.replay(sh, &info); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	sum := sha256.Sum256(sh.buf)
	c.w.adopt(info, hex.EncodeToString(sum[:]), int64(len(sh.buf)))
	c.w.rows += sh.rows
	return nil
}

// replay takes as many documents as the shard holds and compares every row's
// token, place and role with them.
func (c *capture) replay(sh *shard, info *Shard) error {
	var pending []window
	at := 0
	for k := range sh.batches {
		b := &sh.batches[k]
		for i := range b.rows {
			for len(pending) == 0 {
				if err := c.b.document(); err != nil {
					return err
				}
				if c.b.done {
					return fmt.Errorf("found rows of document %d, but the data ends before: %w", b.doc[i], ErrOtherCapture)
				}
				pending, c.b.pending, at = c.b.pending, nil, 0
			}
			w := &pending[0]
			got := row{b.token[i], b.doc[i], b.window[i], b.pos[i], b.role[i]}
			if want := (row{w.ids[at], w.doc, w.index, int32(at), w.role(at)}); got != want {
				return fmt.Errorf("found token %d of document %d, window %d, position %d, role %d, but the data has token %d of %d, %d, %d, %d: %w: not the data that was captured",
					got.token, got.doc, got.window, got.pos, got.role, want.token, want.doc, want.window, want.pos, want.role, ErrOtherCapture)
			}
			if info.LastDoc = got.doc; k == 0 && i == 0 {
				info.FirstDoc = got.doc
			}
			c.w.last = got
			c.roles[got.role]++
			if at++; at == len(w.ids) {
				pending, at = pending[1:], 0
			}
		}
	}
	if len(pending) > 0 {
		return fmt.Errorf("ends inside document %d", info.LastDoc)
	}
	return nil
}
