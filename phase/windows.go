package phase

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"agar/activations"
	"agar/model/chat"
	"agar/model/tokenizer"
)

// window is a sequence for the model and which of its tokens count.
type window struct {
	ids   []int32
	count []bool
	doc   int32 // of the data
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

// texts cuts documents into windows.
type texts struct {
	docs        activations.Documents
	tok         *tokenizer.Tokenizer
	on          string // OnAnswers or OnText
	context     int    // tokens of a window
	tokens      int    // that count are enough
	keepSpecial bool
}

func (f *follower) texts() texts {
	return texts{f.Docs, f.Model.Tokenizer, f.On, f.Context, f.Tokens, f.KeepSpecial}
}

// windows takes documents until enough tokens count.
func (x texts) windows() ([]window, error) {
	var out []window
	counted, documents := 0, 0
	for counted < x.tokens {
		d, err := x.docs.Next()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		documents++
		for _, w := range x.cut(d) {
			if n := w.counted(); n > 0 {
				out, counted = append(out, w), counted+n
			}
		}
	}
	if counted == 0 {
		return nil, fmt.Errorf("found no token that counts on %q in %d documents", x.on, documents)
	}
	return out, nil
}

// counted is how many tokens count.
func (w window) counted() (n int) {
	for _, c := range w.count {
		if c {
			n++
		}
	}
	return n
}

// cut makes windows of at most context tokens; each after the first starts with
// the document's prefix again.
func (x texts) cut(d activations.Document) (out []window) {
	prefix := d.IDs[:d.Prefix]
	for from := 0; from < len(d.IDs); {
		w := window{doc: d.Index}
		if from > 0 {
			w.ids, w.count = slices.Clone(prefix), make([]bool, len(prefix))
		}
		to := min(from+max(x.context-len(w.ids), 1), len(d.IDs))
		for i := from; i < to; i++ {
			w.ids, w.count = append(w.ids, d.IDs[i]), append(w.count, x.counts(d, i))
		}
		out, from = append(out, w), to
	}
	return out
}

// counts tells whether token i of a document is one that counts.
func (x texts) counts(d activations.Document, i int) bool {
	if !x.keepSpecial && x.tok.IsSpecial(d.IDs[i]) {
		return false
	}
	return x.on != OnAnswers || d.Roles != nil && d.Roles[i] == chat.RoleAssistant
}
