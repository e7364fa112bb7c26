package activations

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"

	"agar/model/chat"
)

// answerTable is an Arrow file of answers.
type answerTable struct {
	rows  []answerRow
	at    int
	marks Marks
}

type answerRow struct{ system, prompt, answer string }

// Marks are those of an Arrow file of answers, nil of other data.
func (f *File) Marks() *Marks {
	if f.answers == nil {
		return nil
	}
	return &f.answers.marks
}

// marks are those of the capture's documents, nil without.
func (c *capture) marks() *Marks {
	if m, ok := c.b.docs.(Marker); ok {
		return m.Marks()
	}
	return nil
}

// maxAnswers is the largest Arrow file of answers, which is held in memory.
const maxAnswers = 4 << 30

// readAnswers reads the whole file.
func (f *File) readAnswers() error {
	raw, err := io.ReadAll(io.LimitReader(f.r.br, maxAnswers+1))
	switch {
	case err != nil:
		return err
	case int64(len(raw)) > maxAnswers:
		return fmt.Errorf("found more than %d bytes of answers", int64(maxAnswers))
	}
	f.r.hash.Write(raw)
	f.r.read = int64(len(raw))
	f.answers = &answerTable{}
	f.next = f.answer
	return guard(func() error { return f.answers.read(raw) })
}

// read takes the answers out of an Arrow file.
func (t *answerTable) read(raw []byte) (err error) {
	r, err := ipc.NewFileReader(bytes.NewReader(raw))
	if err != nil {
		return fmt.Errorf("no Arrow file: %w", err)
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	groups := map[string]int32{}
	for i := range r.NumRecords() {
		rec, err := r.Record(i)
		if err != nil {
			return fmt.Errorf("record batch %d: %w", i, err)
		}
		if err := t.batch(rec, groups); err != nil {
			return err
		}
	}
	return nil
}

// batch takes the answers of one record batch.
func (t *answerTable) batch(rec arrow.Record, groups map[string]int32) error {
	cols := map[string]*textColumn{}
	for _, name := range []string{"question", "system", "prompt", "answer", "label"} {
		var err error
		if cols[name], err = textOf(rec, name); err != nil {
			return err
		}
	}
	if cols["prompt"] == nil || cols["answer"] == nil {
		return errors.New("found no columns prompt and answer, expected them in an Arrow file of answers")
	}
	samples, err := samplesOf(rec)
	if err != nil {
		return err
	}
	for j := range int(rec.NumRows()) {
		t.rows = append(t.rows, answerRow{cols["system"].at(j), cols["prompt"].at(j), cols["answer"].at(j)})
		m := Mark{Group: t.group(cols["question"].at(j), groups), Sample: -1, Label: labelOf(cols["label"].at(j))}
		if samples != nil {
			m.Sample = samples.Value(j)
		}
		t.marks.Of = append(t.marks.Of, m)
	}
	return nil
}

// group is the number of a question, −1 for none.
func (t *answerTable) group(name string, groups map[string]int32) int32 {
	if name == "" {
		return -1
	}
	g, ok := groups[name]
	if !ok {
		g = int32(len(groups))
		groups[name], t.marks.Groups = g, append(t.marks.Groups, name)
	}
	return g
}

// textColumn is a column of texts; nil is one that is not there, whose texts are
// empty, as those of nulls are.
type textColumn struct{ *array.String }

func (c *textColumn) at(i int) string {
	if c == nil || c.IsNull(i) {
		return ""
	}
	return c.Value(i)
}

// textOf is the column of texts of a name, nil without.
func textOf(rec arrow.Record, name string) (*textColumn, error) {
	at := rec.Schema().FieldIndices(name)
	if len(at) == 0 {
		return nil, nil
	}
	c, ok := rec.Column(at[0]).(*array.String)
	if !ok {
		return nil, fmt.Errorf("column %q: found %s, expected utf8", name, rec.Column(at[0]).DataType())
	}
	return &textColumn{c}, nil
}

// samplesOf is the column of sample numbers, nil without.
func samplesOf(rec arrow.Record) (*array.Int32, error) {
	at := rec.Schema().FieldIndices("sample")
	if len(at) == 0 {
		return nil, nil
	}
	c, ok := rec.Column(at[0]).(*array.Int32)
	if !ok {
		return nil, fmt.Errorf("column sample: found %s, expected int32", rec.Column(at[0]).DataType())
	}
	return c, nil
}

// labelOf is the number of a label's name.
func labelOf(name string) uint8 {
	return uint8(1 + slices.Index([]string{"aligned", "misaligned", "mixed", "incoherent"}, name))
}

// answer is the next answer as a conversation.
func (f *File) answer() (Document, bool, error) {
	t := f.answers
	if t.at == len(t.rows) {
		return Document{}, false, io.EOF
	}
	a := t.rows[t.at]
	t.at++
	f.r.first = t.at
	var msgs []chat.Message
	if a.system != "" {
		msgs = append(msgs, chat.Message{Role: "system", Content: a.system})
	}
	return f.messages(append(msgs, chat.Message{Role: "user", Content: a.prompt}, chat.Message{Role: "assistant", Content: a.answer}))
}
