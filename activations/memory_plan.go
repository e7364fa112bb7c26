package activations

import (
	"fmt"
	"os"
	"runtime"
	"strconv"

	"agar/model"
)

// Memory is what a capture is going to have in memory, in bytes. The parts bound
// what the process holds; a runner that does not tell leaves its own at 0.
type Memory struct {
	model.Footprint
	Program int64 `json:"program"` // the program file, which is mapped
	Base    int64 `json:"base"`    // in use before the first forward: tokenizer, adapter, runtime
	Buffers int64 `json:"buffers"` // activations on their way to the store
	Slack   int64 `json:"slack"`   // garbage between collections
}

// Own is what the process takes from the Go runtime: all but mapped files.
func (m Memory) Own() int64 { return m.Base + m.Panels + m.Workspace + m.Buffers + m.Slack }

// Total adds the mapped files, as far as they are read. They can be given back at
// any time, at the price of reading them again.
func (m Memory) Total() int64 { return m.Own() + m.Weights + m.Program }

// String is the plan behind a comma, "" when there is none.
func (m Memory) String() string {
	if m.Total() == 0 {
		return ""
	}
	unit, name := 1e6, "MB"
	if m.Total() >= 1e10 {
		unit, name = 1e9, "GB"
	}
	of := func(n int64) string { return strconv.FormatFloat(float64(n)/unit, 'f', int(unit/1e9), 64) }
	return fmt.Sprintf(", memory %s %s (weights %s, packed %s, the rest %s)", of(m.Total()), name, of(m.Weights), of(m.Panels), of(m.Total()-m.Weights-m.Panels))
}

// footprinter is the ability of a Runner to say what forwards of so many rows keep
// in memory.
type footprinter interface {
	footprint(hooks []string, rows int) (model.Footprint, error)
}

// footprint is that of the model.
func (r *modelRunner) footprint(hooks []string, rows int) (model.Footprint, error) {
	return r.m.Footprint(hooks, r.a, rows)
}

// memory plans the memory for the forwards that were packed and all that follow.
func (c *capture) memory() (m Memory, err error) {
	names, rows, peeked := make([]string, len(c.columns)), max(c.o.BatchRows, c.o.Context), int64(0)
	for i, col := range c.columns {
		names[i] = col.Name
	}
	for _, w := range c.peeked {
		peeked += int64(w.rows) * 4 * c.width()
	}
	if f, ok := c.r.(footprinter); ok {
		if m.Footprint, err = f.footprint(names, rows); err != nil {
			return m, err
		}
	}
	m.Base, m.Program = inUse(), programBytes()
	// What one forward reads, in the adapted model, in the base and as a difference
	// at worst, what the one before it read, the first ones, and a block of rows.
	forward := int64(rows) * 4 * c.width()
	m.Buffers = 4*forward + min(peeked, peekBytes) + int64(batchRows(c.columns))*bytesPerRow(c.columns)
	m.Slack = max(minSlack, m.Own()/8)
	return m, nil
}

// minSlack is the least room for garbage.
const minSlack = 64 << 20

// inUse is the memory that the Go runtime has from the system.
func inUse() int64 {
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return int64(s.Sys - s.HeapReleased)
}

// programBytes is the size of the program file, 0 when it is not known.
func programBytes() int64 {
	path, err := os.Executable()
	if err != nil {
		return 0
	}
	st, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return st.Size()
}
