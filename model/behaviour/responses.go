package behaviour

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// ResponsesFile is the name of the answers inside an output directory: an Arrow IPC
// file with a row an answer, in the order of points, questions and samples.
//
//	question  utf8     id
//	domain    utf8     of the question
//	sample    int32    from 0, within the question
//	system    utf8     system prompt, "" for none
//	prompt    utf8     what the user said
//	answer    utf8     what the model said
//	step      int32    of the checkpoint; null for none
//	adapter   utf8     directory; "" is the base
//	lambda    float64
//	tokens    int32    of the answer
//	truncated bool     it reached the longest length
//	label     utf8     aligned, misaligned, mixed, incoherent; null where a judgement failed
//	failed    utf8     why, "scale: reason; …"; null where nothing did
//	about     utf8     domain that the judge found; null where it looks for none
//	score_S   float64  on each scale S, 0 to 100; null where it failed
const ResponsesFile = "responses.arrow"

// scorePrefix is what the columns of scores begin with.
const scorePrefix = "score_"

// batchRows is how many answers a record batch of responses has.
const batchRows = 1 << 14

// WriteResponses writes answers with the points they belong to, wholly or not at
// all.
func WriteResponses(path string, points []Point, answers []Answer) error {
	scales := scales(answers, all(len(answers)))
	schema := responseSchema(scales)
	return writeFile(path, func(w io.Writer) error {
		fw, err := ipc.NewFileWriter(&counting{w: w}, ipc.WithSchema(schema))
		if err != nil {
			return err
		}
		for at := 0; at == 0 || at < len(answers); at += batchRows {
			rec := responseBatch(schema, scales, points, answers[at:min(at+batchRows, len(answers))])
			err := fw.Write(rec)
			rec.Release()
			if err != nil {
				return errors.Join(err, fw.Close())
			}
		}
		return fw.Close()
	})
}

func responseSchema(scales []string) *arrow.Schema {
	text, number := arrow.BinaryTypes.String, arrow.PrimitiveTypes.Float64
	fields := []arrow.Field{
		{Name: "question", Type: text}, {Name: "domain", Type: text}, {Name: "sample", Type: arrow.PrimitiveTypes.Int32}, {Name: "system", Type: text},
		{Name: "prompt", Type: text}, {Name: "answer", Type: text}, {Name: "step", Type: arrow.PrimitiveTypes.Int32, Nullable: true},
		{Name: "adapter", Type: text}, {Name: "lambda", Type: number}, {Name: "tokens", Type: arrow.PrimitiveTypes.Int32},
		{Name: "truncated", Type: arrow.FixedWidthTypes.Boolean}, {Name: "label", Type: text, Nullable: true},
		{Name: "failed", Type: text, Nullable: true}, {Name: "about", Type: text, Nullable: true},
	}
	for _, s := range scales {
		fields = append(fields, arrow.Field{Name: scorePrefix + s, Type: number, Nullable: true})
	}
	return arrow.NewSchema(fields, nil)
}

// responseBatch makes a record of answers; the columns are those of responseSchema.
func responseBatch(schema *arrow.Schema, scales []string, points []Point, answers []Answer) arrow.Record {
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	text := func(i int) *array.StringBuilder { return b.Field(i).(*array.StringBuilder) }
	for _, a := range answers {
		p := points[a.State]
		for i, s := range []string{a.Question, a.Domain, "", a.System, a.Asked, a.Text, "", p.Adapter} {
			if i != 2 && i != 6 {
				text(i).Append(s)
			}
		}
		b.Field(2).(*array.Int32Builder).Append(int32(a.Sample))
		if step := b.Field(6).(*array.Int32Builder); p.Step == NoStep {
			step.AppendNull()
		} else {
			step.Append(int32(p.Step))
		}
		b.Field(8).(*array.Float64Builder).Append(p.Lambda)
		b.Field(9).(*array.Int32Builder).Append(int32(a.Tokens))
		b.Field(10).(*array.BooleanBuilder).Append(a.Truncated)
		textOrNull(text(11), string(a.Outcome))
		textOrNull(text(12), a.why())
		textOrNull(text(13), a.Verdict.Domain)
		for i, s := range scales {
			score := b.Field(14 + i).(*array.Float64Builder)
			if v, ok := a.Scores[s]; ok {
				score.Append(v)
			} else {
				score.AppendNull()
			}
		}
	}
	return b.NewRecord()
}

func textOrNull(b *array.StringBuilder, s string) {
	if s == "" {
		b.AppendNull()
		return
	}
	b.Append(s)
}

// why says what failed, scale by scale.
func (v *Verdict) why() string {
	var out []string
	for _, s := range sortedKeys(v.Failed) {
		out = append(out, s+": "+v.Failed[s])
	}
	return strings.Join(out, "; ")
}

// counting lets the Arrow writer, which asks for its position, write to a stream.
type counting struct {
	w  io.Writer
	at int64
}

func (c *counting) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.at += int64(n)
	return n, err
}

// Seek tells the position, which is all the writer asks.
func (c *counting) Seek(offset int64, whence int) (int64, error) {
	if offset != 0 || whence != io.SeekCurrent {
		return 0, fmt.Errorf("behaviour: %w: seek in a stream", os.ErrInvalid)
	}
	return c.at, nil
}
