package hub

import (
	"encoding/json"
	"errors"
	"os"
	"sync"
)

// part is a blob on its way: a file of the full length, and beside it which of
// its ranges have come.
type part struct {
	f        *os.File
	name     string // of the file; the state is name + ".json"
	size     int64
	chunk    int64
	mu       sync.Mutex
	done     []bool // one a range
	finished int64  // bytes of the ranges that are done
}

// partState is what the file beside a part holds.
type partState struct {
	Size  int64 `json:"size"`
	Chunk int64 `json:"chunk"`
	Done  []int `json:"done"`
}

// openPart opens what an earlier pull left of a blob, or begins it. Ranges have
// the length they were begun with.
func openPart(name string, size, chunk int64) (*part, error) {
	p := &part{name: name, size: size, chunk: chunk}
	var s partState
	if data, err := os.ReadFile(name + ".json"); err == nil && json.Unmarshal(data, &s) == nil && s.Size == size && s.Chunk > 0 && s.Chunk <= size {
		p.chunk = s.Chunk
	} else {
		s.Done = nil
	}
	st, err := os.Stat(name)
	if err != nil || st.Size() != size {
		s.Done = nil
	}
	p.done = make([]bool, (size+p.chunk-1)/p.chunk)
	for _, i := range s.Done {
		if i >= 0 && i < len(p.done) && !p.done[i] {
			p.done[i] = true
			p.finished += p.length(i)
		}
	}
	if p.f, err = os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o644); err != nil {
		return nil, err
	}
	if err := p.f.Truncate(size); err != nil {
		return nil, errors.Join(err, p.f.Close())
	}
	return p, nil
}

// length is the bytes of range i.
func (p *part) length(i int) int64 { return min(p.chunk, p.size-int64(i)*p.chunk) }

// mark notes that range i has come.
func (p *part) mark(i int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.done[i] {
		return nil
	}
	p.done[i] = true
	p.finished += p.length(i)
	s := partState{Size: p.size, Chunk: p.chunk}
	for i, ok := range p.done {
		if ok {
			s.Done = append(s.Done, i)
		}
	}
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return writeFile(p.name+".json", data)
}

// missing lists the ranges that have not come.
func (p *part) missing() []int {
	var out []int
	for i, ok := range p.done {
		if !ok {
			out = append(out, i)
		}
	}
	return out
}

// drop removes the file and its state.
func (p *part) drop() error {
	return errors.Join(p.f.Close(), remove(p.name), remove(p.name+".json"))
}

// finish gives the file the name that its contents have earned.
func (p *part) finish(as string) error {
	if err := errors.Join(p.f.Sync(), p.f.Close()); err != nil {
		return err
	}
	if err := os.Rename(p.name, as); err != nil {
		return err
	}
	return remove(p.name + ".json")
}
