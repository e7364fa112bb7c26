package activations

import (
	"errors"
	"fmt"
	"time"

	"agar/activations/blob"
)

// Plan is what a capture is expected to need. Rows and what follows from them
// are 0 while the data's length is not known (standard input without a limit).
type Plan struct {
	BytesPerRow  int64   `json:"bytes_per_row"`
	Rows         int64   `json:"rows"`       // estimated, those on disk already included
	Bytes        int64   `json:"bytes"`      // still to be written
	FreeBytes    int64   `json:"free_bytes"` // of the disk, -1 when not known
	DType        DType   `json:"dtype"`
	TokensPerSec float64 `json:"tokens_per_sec"` // of the first forwards; 0 when there were none
	Memory       Memory  `json:"memory"`
}

// Duration is how long the rest takes at that speed, 0 when not known.
func (p Plan) Duration() time.Duration {
	if p.TokensPerSec == 0 || p.BytesPerRow == 0 {
		return 0
	}
	return time.Duration(float64(p.Bytes/p.BytesPerRow) / p.TokensPerSec * float64(time.Second))
}

// ErrWontFit is what errors.Is finds in a *WontFitError.
var ErrWontFit = errors.New("activations: the capture would not fit on the disk")

// WontFitError is returned by Capture before it computes anything for long, when
// the disk has no room for the result.
type WontFitError struct {
	Dir  string
	Need int64 // bytes
	Have int64 // bytes free
	Fits int64 // tokens that would fit
}

func (e *WontFitError) Error() string {
	return fmt.Sprintf("activations: capture to %s needs about %.2f GB, found %.2f GB free; --tokens %d would fit", e.Dir, float64(e.Need)/1e9, float64(e.Have)/1e9, e.Fits)
}

// Is makes errors.Is(err, ErrWontFit) true.
func (e *WontFitError) Is(target error) bool { return target == ErrWontFit }

// provenanceBytes is what a row takes beside its hooks: four int32 and a byte.
const provenanceBytes = 17

func bytesPerRow(columns []Column) int64 {
	n := int64(provenanceBytes)
	for _, c := range columns {
		n += int64(c.rowBytes())
	}
	return n
}

// estimateRows guesses the rows of all documents from those taken so far; 0
// when there is nothing to go by.
func estimateRows(b *batcher, limit int64) int64 {
	rows := int64(0)
	if p, ok := b.docs.(Positioner); ok {
		if read, total := p.Position(); read > 0 && total > 0 {
			rows = int64(float64(b.seen) * float64(total) / float64(read))
		}
	}
	if b.done {
		rows = b.seen
	}
	if limit > 0 && (rows == 0 || rows > limit) {
		rows = limit
	}
	return rows
}

// check refuses a plan for which the disk has no room: the files, a hundredth
// for their headers, and 16 MiB for the rest of the directory.
func (p *Plan) check(dir string, s blob.Store) error {
	p.FreeBytes = -1
	f, ok := s.(blob.Freer)
	if !ok {
		return nil
	}
	free, err := f.Free()
	if err != nil {
		return fmt.Errorf("activations: %w", err)
	}
	p.FreeBytes = free
	const rest = 16 << 20
	if need := p.Bytes + p.Bytes/100 + rest; p.Bytes > 0 && need > free {
		return &WontFitError{Dir: dir, Need: need, Have: free, Fits: max(0, (free-rest)/(p.BytesPerRow+p.BytesPerRow/100+1))}
	}
	return nil
}
