package phase

import (
	"fmt"
	"os"
	"regexp"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
)

// Response is one answer that was sampled, as responses.arrow has it.
type Response struct {
	Question, System, Prompt, Answer string
	Step                             int // −1 for none
	Lambda                           float64
	Tokens                           int
	Truncated                        bool
	Label                            string // "" where a judgement failed
}

// key tells questions apart: paraphrases of one are asked in other words.
func (r *Response) key() string { return r.Question + "\x00" + r.System + "\x00" + r.Prompt }

// Responses are the answers of a run.
type Responses struct {
	Path string
	Rows []Response
}

// ReadResponses reads the columns question, system, prompt, answer, step, lambda,
// tokens, truncated and label of an Arrow file of answers, as agar judge writes it.
func ReadResponses(path string) (r *Responses, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("phase: %w", err)
	}
	defer f.Close()
	defer func() {
		if p := recover(); p != nil { // the Arrow library panics on some broken files
			r, err = nil, fmt.Errorf("phase: %s: %w: broken Arrow file: %v", path, ErrFormat, p)
		}
	}()
	t, err := readTable(f)
	if err == nil {
		r, err = t.responses()
	}
	if err != nil {
		return nil, fmt.Errorf("phase: %s: %w", path, err)
	}
	r.Path = path
	return r, nil
}

// readTable reads every record batch.
func readTable(f *os.File) (*table, error) {
	x, err := ipc.NewFileReader(f)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	t := &table{cols: map[string][]arrow.Array{}}
	for n := range x.NumRecords() {
		rec, err := x.RecordAt(n)
		if err != nil {
			return nil, fmt.Errorf("%w: batch %d: %w", ErrFormat, n, err)
		}
		t.rows += int(rec.NumRows())
		for c := range int(rec.NumCols()) {
			t.cols[rec.ColumnName(c)] = append(t.cols[rec.ColumnName(c)], rec.Column(c))
		}
	}
	return t, nil
}

func (t *table) texts(name string) ([]string, error) {
	return column(t, name, func(a *array.String, i int) string {
		if a.IsNull(i) {
			return ""
		}
		return a.Value(i)
	})
}

func (t *table) ints(name string) ([]int, error) {
	return column(t, name, func(a *array.Int32, i int) int {
		if a.IsNull(i) {
			return -1
		}
		return int(a.Value(i))
	})
}

// responses puts the columns together.
func (t *table) responses() (*Responses, error) {
	r := &Responses{Rows: make([]Response, t.rows)}
	for name, at := range map[string]func(*Response) *string{
		"question": func(r *Response) *string { return &r.Question }, "system": func(r *Response) *string { return &r.System },
		"prompt": func(r *Response) *string { return &r.Prompt }, "answer": func(r *Response) *string { return &r.Answer },
		"label": func(r *Response) *string { return &r.Label },
	} {
		x, err := t.texts(name)
		if err != nil {
			return nil, err
		}
		for i, v := range x {
			*at(&r.Rows[i]) = v
		}
	}
	for name, at := range map[string]func(*Response) *int{
		"step": func(r *Response) *int { return &r.Step }, "tokens": func(r *Response) *int { return &r.Tokens },
	} {
		x, err := t.ints(name)
		if err != nil {
			return nil, err
		}
		for i, v := range x {
			*at(&r.Rows[i]) = v
		}
	}
	lambda, e1 := t.numbers("lambda")
	cut, e2 := column(t, "truncated", func(a *array.Boolean, i int) bool { return a.Value(i) })
	if e1 != nil || e2 != nil {
		return nil, fmt.Errorf("%w%w", e1, e2)
	}
	for i := range r.Rows {
		r.Rows[i].Lambda, r.Rows[i].Truncated = float64(lambda[i]), cut[i]
	}
	return r, nil
}

func (r *Responses) lambdas() (out []float64) {
	for _, x := range r.Rows {
		if x.Step >= 0 && !slices.Contains(out, x.Lambda) {
			out = append(out, x.Lambda)
		}
	}
	return out
}

// Habit is an order parameter of the answer's words: whether it matches.
type Habit struct {
	Name  string
	Match *regexp.Regexp
}

// orderParameter sorts answers into levels.
type orderParameter struct {
	name   string
	levels int
	level  func(*Response) (int, bool) // false: the answer has no value
}

// Names of order parameters that every run has.
const (
	OrderLabel  = "label"  // the judge's outcome
	OrderLength = "length" // tokens, one by one or in eighths of all answers
)

// lengthBins of OrderLength.
const lengthBins = 8

// orderParameters are the label, the length and the habits asked for.
func orderParameters(all []Response, habits []Habit) []orderParameter {
	labels := []string{}
	for _, r := range all {
		if r.Label != "" && !slices.Contains(labels, r.Label) {
			labels = append(labels, r.Label)
		}
	}
	edges := lengthEdges(all)
	var out []orderParameter
	if len(labels) > 0 {
		out = append(out, orderParameter{OrderLabel, len(labels), func(r *Response) (int, bool) {
			i := slices.Index(labels, r.Label)
			return i, i >= 0
		}})
	}
	out = append(out, orderParameter{OrderLength, len(edges) + 1, func(r *Response) (int, bool) {
		i := 0
		for i < len(edges) && r.Tokens > edges[i] {
			i++
		}
		return i, true
	}})
	for _, h := range habits {
		out = append(out, orderParameter{h.Name, 2, func(r *Response) (int, bool) {
			if h.Match.MatchString(r.Answer) {
				return 1, true
			}
			return 0, true
		}})
	}
	return out
}

// lengthEdges are the longest lengths of all levels but the last: every length is a
// level of its own where there are few, else each holds about an eighth of the
// answers.
func lengthEdges(all []Response) (edges []int) {
	tokens := make([]int, len(all))
	for i, r := range all {
		tokens[i] = r.Tokens
	}
	slices.Sort(tokens)
	if distinct := slices.Compact(slices.Clone(tokens)); len(distinct) <= lengthBins {
		return distinct[:len(distinct)-1]
	}
	for i := 1; i < lengthBins; i++ {
		edges = append(edges, tokens[i*len(tokens)/lengthBins])
	}
	return slices.Compact(edges)
}
