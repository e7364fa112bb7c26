package job

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

// Operations of a Control.
const (
	Pause    = "pause"    // wait at the step boundary for resume or stop
	Resume   = "resume"   // go on
	Snapshot = "snapshot" // save the state now
	Stop     = "stop"     // leave, resumably
	Set      = "set"      // change the setting Key to Value
)

// Control is one line of control.jsonl.
type Control struct {
	ID    string          `json:"id,omitempty"`
	Op    string          `json:"op"`
	Key   string          `json:"key,omitempty"`
	Value json.RawMessage `json:"value,omitempty"`
}

// echo is the line of the events file that says a control was obeyed. The key
// tells it from a progress.Event, whose readers see an event without message.
type echo struct {
	Step    int64    `json:"step"`
	Control *Control `json:"control"`
	Error   string   `json:"error,omitempty"`
}

// ErrStopped is returned by Control when someone asked the job to stop. It is a
// context.Canceled, like Ctrl-C: the state is resumable.
var ErrStopped = fmt.Errorf("job: stopped by %s: %w", ControlFile, context.Canceled)

// pausePoll is how often a paused job looks for resume.
const pausePoll = 100 * time.Millisecond

// Control reads what was written to control.jsonl since the last call, echoes it
// as obeyed at step, and returns the snapshots and sets among it, in order. The
// sets of the job that this one resumes come first, in the first call. A pause
// blocks until it is lifted; after a stop the error is ErrStopped. Lines that
// cannot be read are echoed with the reason and have no effect.
func (j *Job) Control(ctx context.Context, step int64) ([]Control, error) {
	var out []Control
	for _, e := range j.replay {
		if e.Control.Op == Set && e.Error == "" {
			out = append(out, *e.Control)
		}
	}
	j.replay = nil
	paused := false
	for {
		lines, err := j.control.lines()
		if err != nil {
			return out, err
		}
		for _, line := range lines {
			c, err := j.obey(line, step)
			if err != nil {
				return out, err
			}
			switch c.Op {
			case Pause:
				paused = true
			case Resume:
				paused = false
			case Stop:
				return out, ErrStopped
			case Snapshot, Set:
				out = append(out, c)
			}
		}
		if !paused {
			return out, ctx.Err()
		}
		if err := wait(ctx, pausePoll); err != nil {
			return out, err
		}
	}
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// obey decodes and echoes one line; a bad one comes back without an Op.
func (j *Job) obey(line []byte, step int64) (Control, error) {
	c, err := parseControl(line)
	if err != nil {
		return Control{}, j.line(echo{Step: step, Control: &c, Error: err.Error()})
	}
	return c, j.line(echo{Step: step, Control: &c})
}

func parseControl(line []byte) (Control, error) {
	var c Control
	if err := json.Unmarshal(line, &c); err != nil {
		return Control{}, fmt.Errorf("found no JSON object: %w", err)
	}
	switch {
	case c.Op == Set && (c.Key == "" || len(c.Value) == 0):
		return c, errors.New("set: expected a key and a value")
	case c.Op == Set, c.Op == Pause, c.Op == Resume, c.Op == Snapshot, c.Op == Stop:
		return c, nil
	}
	return c, fmt.Errorf("found op %q, expected pause, resume, snapshot, stop or set", c.Op)
}

// tail reads the complete lines that were appended to a file.
type tail struct {
	path string
	off  int64
}

// lines returns what is new. A file that is missing has nothing new, one that
// shrank is read from its start.
func (t *tail) lines() ([][]byte, error) {
	st, err := os.Stat(t.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("job: %w", err)
	case st.Size() == t.off:
		return nil, nil
	case st.Size() < t.off:
		t.off = 0
	}
	f, err := os.Open(t.path)
	if err != nil {
		return nil, fmt.Errorf("job: %w", err)
	}
	defer f.Close()
	buf, err := io.ReadAll(io.NewSectionReader(f, t.off, st.Size()-t.off))
	if err != nil {
		return nil, fmt.Errorf("job: %w", err)
	}
	end := bytes.LastIndexByte(buf, '\n') + 1
	t.off += int64(end)
	return splitLines(buf[:end]), nil
}

// skip passes over n lines, those that an earlier job obeyed.
func (t *tail) skip(n int) error {
	if n == 0 {
		return nil
	}
	lines, err := t.lines()
	if err != nil || n >= len(lines) {
		return err
	}
	for _, l := range lines[n:] {
		t.off -= int64(len(l)) + 1
	}
	return nil
}

// splitLines cuts complete lines; empty ones are kept, so that lengths add up.
func splitLines(b []byte) [][]byte {
	var out [][]byte
	for line := range bytes.Lines(b) {
		out = append(out, bytes.TrimSuffix(line, []byte("\n")))
	}
	return out
}

// openEvents opens the events file for appending and returns the echoes in it.
// A last line that was cut short by a crash is dropped from the file.
func openEvents(path string) (*os.File, []echo, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, nil, fmt.Errorf("job: %w", err)
	}
	echoes, end, err := readEchoes(f)
	if err == nil {
		err = f.Truncate(end)
	}
	if err == nil {
		_, err = f.Seek(end, io.SeekStart)
	}
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("job: %s: %w", path, err), f.Close())
	}
	return f, echoes, nil
}

func readEchoes(r io.Reader) (echoes []echo, end int64, err error) {
	br := bufio.NewReader(r)
	for {
		line, err := br.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return echoes, end, nil
		}
		if err != nil {
			return nil, 0, err
		}
		end += int64(len(line))
		var e echo
		if json.Unmarshal(line, &e) == nil && e.Control != nil {
			echoes = append(echoes, e)
		}
	}
}
