package activations

import (
	"errors"
	"fmt"
)

// widenState turns the state of a float16 capture into one in float32. The rows
// on disk keep the precision they were rounded to; the manifest counts them.
func (c *capture) widenState() error {
	for i := 0; ; i++ {
		sh, err := openShard(c.o.Blob, shardName(i))
		if err != nil {
			break // there is none, or adoptShards will say what is wrong
		}
		c.content.Widened += sh.rows
		if err := sh.close(); err != nil {
			return err
		}
	}
	c.content.DType = F32
	for i := range c.content.Columns {
		c.content.Columns[i].DType = F32
	}
	return c.writeState()
}

// widenShard rewrites a float16 shard in float32 when the capture goes on in
// float32. A kill leaves the old file or the new one, and the next resume sees
// which.
func (c *capture) widenShard(name string) (err error) {
	if c.content.Widened == 0 {
		return nil
	}
	sh, err := openShard(c.o.Blob, name)
	if err != nil || len(sh.columns) == 0 || sh.columns[0].DType != F16 {
		if err == nil {
			err = sh.close()
		}
		return err
	}
	w := newStoreWriter(c.o.Blob, c.columns, c.o.ShardRows, c.marks())
	if err := w.rewrite(sh); err != nil {
		return errors.Join(fmt.Errorf("activations: capture: %s: %w", name, err), w.abort(), sh.close())
	}
	// A mapped file cannot be replaced everywhere, so it is closed first.
	if err := sh.close(); err != nil {
		return errors.Join(err, w.abort())
	}
	return w.close()
}

// rewrite copies the rows of a shard into a shard of the same name.
func (w *storeWriter) rewrite(sh *shard) error {
	var err error
	w.cur = Shard{Name: sh.name}
	if w.file, err = createShard(w.to, sh.name, w.columns, w.marks != nil); err != nil {
		return err
	}
	values := make([][]float32, len(w.columns))
	for k, c := range w.columns {
		values[k] = make([]float32, c.Dim)
	}
	for k := range sh.batches {
		b := &sh.batches[k]
		for i := range b.rows {
			for v, c := range sh.columns {
				size := c.rowBytes()
				c.decode(values[v], sh.buf[b.hooks[v].off+i*size:][:size])
			}
			if err := w.add(row{b.token[i], b.doc[i], b.window[i], b.pos[i], b.role[i]}, values); err != nil {
				return err
			}
		}
	}
	return nil
}
