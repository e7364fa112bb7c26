package phase

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

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
	// Scores are those of the columns score_…, by scale; absent where a judgement failed.
	Scores map[string]float64
	// Columns are the further columns that ReadResponses was asked for, by name; ""
	// where there is no value.
	Columns map[string]string
}

// key tells questions apart: paraphrases of one are asked in other words.
func (r *Response) key() string { return r.Question + "\x00" + r.System + "\x00" + r.Prompt }

// asked is the question with all of its paraphrases.
func (r *Response) asked() string { return r.Question + "\x00" + r.System }

// Responses are the answers of a run.
type Responses struct {
	Path string
	Rows []Response
}

// ReadResponses reads the columns question, system, prompt, answer, step, lambda,
// tokens, truncated and label of an Arrow file of answers, as agar judge writes it, and
// further columns by name: texts, booleans and integers as they are, scores as whether
// they are above 50 (as semantic categories are counted).
func ReadResponses(path string, columns ...string) (r *Responses, err error) {
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
	for i := 0; err == nil && i < len(columns); i++ {
		err = t.further(r, columns[i])
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

// further reads one more column.
func (t *table) further(r *Responses, name string) error {
	if len(t.cols[name]) == 0 {
		return fmt.Errorf("%w: found no column %q, it has %v", ErrFormat, name, slices.Sorted(maps.Keys(t.cols)))
	}
	at := 0
	for _, c := range t.cols[name] {
		for i := range c.Len() {
			if r.Rows[at].Columns == nil {
				r.Rows[at].Columns = map[string]string{}
			}
			r.Rows[at].Columns[name] = valueOf(c, i)
			at++
		}
	}
	return nil
}

// scoreAbove is the score from which on an answer belongs to a category.
const scoreAbove = 50

func valueOf(c arrow.Array, i int) string {
	if c.IsNull(i) {
		return ""
	}
	if f, ok := c.(*array.Float64); ok {
		return strconv.FormatBool(f.Value(i) > scoreAbove)
	}
	return c.ValueStr(i)
}

// Steps are the steps with answers, ascending.
func (r *Responses) Steps() (out []int) {
	for _, x := range r.Rows {
		if x.Step >= 0 && !slices.Contains(out, x.Step) {
			out = append(out, x.Step)
		}
	}
	slices.Sort(out)
	return out
}

func (r *Responses) lambdas() (out []float64) {
	for _, x := range r.Rows {
		if x.Step >= 0 && !slices.Contains(out, x.Lambda) {
			out = append(out, x.Lambda)
		}
	}
	return out
}

// Habit is an order parameter of the answer: whether its words match, or the value of
// the column Name that the responses were read with.
type Habit struct {
	Name  string
	Match *regexp.Regexp // nil: the column
}

var columnName = regexp.MustCompile(`^[A-Za-z_]\w*$`)

// ParseHabits reads NAME=REGEXP, or the NAME of a column. Two habits of one name, and
// those of the order parameters that are always there, are refused.
func ParseHabits(all []string) (out []Habit, err error) {
	seen := map[string]bool{OrderLabel: true, OrderLength: true}
	for _, x := range all {
		name, expr, ok := strings.Cut(x, "=")
		h := Habit{Name: name}
		if ok {
			if h.Match, err = regexp.Compile(expr); err != nil {
				return nil, fmt.Errorf("found %q, expected NAME=REGEXP: %w", x, err)
			}
		}
		if name == "" || !ok && !columnName.MatchString(name) {
			return nil, fmt.Errorf("found %q, expected NAME=REGEXP or the NAME of a column of the answers", x)
		}
		if seen[name] {
			return nil, fmt.Errorf("found %q twice, or it is one of %s and %s, which are there already", name, OrderLabel, OrderLength)
		}
		seen[name] = true
		out = append(out, h)
	}
	return out, nil
}

// String is what ParseHabits reads.
func (h Habit) String() string {
	if h.Match == nil {
		return h.Name
	}
	return h.Name + "=" + h.Match.String()
}

// Columns are the names of the habits that are columns.
func Columns(habits []Habit) (out []string) {
	for _, h := range habits {
		if h.Match == nil {
			out = append(out, h.Name)
		}
	}
	return out
}

// columnLevels is the most values of a column that are levels of their own; rarer
// ones are one level together.
const columnLevels = 8

// columnOrder is the order parameter of a column.
func columnOrder(all []Response, name string) orderParameter {
	count := map[string]int{}
	for _, r := range all {
		if v := r.Columns[name]; v != "" {
			count[v]++
		}
	}
	values := slices.Sorted(maps.Keys(count))
	kept := values
	if len(values) > columnLevels {
		slices.SortStableFunc(values, func(a, b string) int { return count[b] - count[a] })
		kept = values[:columnLevels-1]
	}
	return orderParameter{name, max(min(len(values), columnLevels), 1), func(r *Response) (int, bool) {
		if i := slices.Index(kept, r.Columns[name]); i >= 0 {
			return i, true
		}
		return len(kept), r.Columns[name] != ""
	}}
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
		if h.Match == nil {
			out = append(out, columnOrder(all, h.Name))
			continue
		}
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
