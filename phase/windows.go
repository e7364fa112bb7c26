package phase

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"agar/activations"
	"agar/model/chat"
)

// window is a sequence for the model and which of its tokens count.
type window struct {
	ids   []int32
	count []bool
}

// batchTokens is about how many tokens go through the model at a time.
const batchTokens = 2048

// batches cuts windows into runs of about batchTokens.
func batches(ws []window) (out [][]window) {
	for len(ws) > 0 {
		n, tokens := 0, 0
		for n < len(ws) && (n == 0 || tokens+len(ws[n].ids) <= batchTokens) {
			tokens += len(ws[n].ids)
			n++
		}
		out, ws = append(out, ws[:n]), ws[n:]
	}
	return out
}

func idsOf(ws []window) [][]int32 {
	out := make([][]int32, len(ws))
	for i, w := range ws {
		out[i] = w.ids
	}
	return out
}

func rowsOf(ws []window) (n int) {
	for _, w := range ws {
		n += len(w.ids)
	}
	return n
}

// fixedWindows takes documents until enough tokens count.
func (f *follower) fixedWindows() ([]window, error) {
	var out []window
	counted, documents := 0, 0
	for counted < f.Tokens {
		d, err := f.Docs.Next()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("phase: follow: %w", err)
		}
		documents++
		for _, w := range f.cut(d) {
			n := 0
			for _, c := range w.count {
				if c {
					n++
				}
			}
			if n > 0 {
				out, counted = append(out, w), counted+n
			}
		}
	}
	if counted == 0 {
		return nil, fmt.Errorf("phase: follow: found no token that counts on %q in %d documents", f.On, documents)
	}
	return out, nil
}

// cut makes windows of at most Context tokens; each after the first starts with
// the document's prefix again.
func (f *follower) cut(d activations.Document) (out []window) {
	prefix := d.IDs[:d.Prefix]
	for from := 0; from < len(d.IDs); {
		var w window
		if from > 0 {
			w.ids, w.count = slices.Clone(prefix), make([]bool, len(prefix))
		}
		to := min(from+max(f.Context-len(w.ids), 1), len(d.IDs))
		for i := from; i < to; i++ {
			w.ids, w.count = append(w.ids, d.IDs[i]), append(w.count, f.counts(d, i))
		}
		out, from = append(out, w), to
	}
	return out
}

// counts tells whether token i of a document is one to follow features on.
func (f *follower) counts(d activations.Document, i int) bool {
	if !f.KeepSpecial && f.Model.Tokenizer.IsSpecial(d.IDs[i]) {
		return false
	}
	return f.On != OnAnswers || d.Roles != nil && d.Roles[i] == chat.RoleAssistant
}
