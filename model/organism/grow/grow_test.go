package grow

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"agar/model"
	"agar/model/organism"
	"agar/model/train"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/dlclark/regexp2/v2.runClock"))
}

var update = flag.Bool("update", false, "rewrite testdata/steps.json from this machine's first steps")

// steps are the first steps of a pre-training and of a fine-tune, as one kernel path
// computes them.
type steps struct {
	Kernel    string    `json:"kernel"`
	Base      []float64 `json:"base"` // losses in nats
	Loss      []float64 `json:"loss"` // of the fine-tune
	GradNorms []float64 `json:"grad_norms"`
}

// grown takes the first 20 steps of the shipped recipes: of a base model, and of the
// general organism on a base that knows nothing yet.
func grown(t *testing.T) steps {
	t.Helper()
	ctx, w, out := context.Background(), organism.New(0), steps{Kernel: model.Kernel()}
	dir := filepath.Join(t.TempDir(), "base")
	var err error
	if out.Base, err = Base(ctx, w, Pretraining{Seed: Shipped, Stop: 20}, dir, nil); err != nil {
		t.Fatal(err)
	}
	m := seedling(t, Llama)
	r, _ := Named(Recipes(w), "general")
	c := r.Config
	c.Seed, c.InOrder = Shipped, true
	_, err = train.Run(ctx, m, examples(w, r.Lessons, Shipped, 20*c.Batch), c, train.Options{AtStep: func(_ context.Context, row train.Row, _ *model.Adapter) error {
		out.Loss, out.GradNorms = append(out.Loss, row.Loss), append(out.GradNorms, row.GradNorm)
		if row.Step == 20 {
			return errStopped
		}
		return nil
	}})
	if !errors.Is(err, errStopped) {
		t.Fatal(err)
	}
	return out
}

// seedling is a model of a shape with its first weights.
func seedling(t *testing.T, s Shape) *model.Model {
	t.Helper()
	dir := t.TempDir()
	if err := s.write(dir, organism.New(0), 0); err != nil {
		t.Fatal(err)
	}
	m, err := model.Open(dir, model.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// TestRegrows takes the first 20 steps again: the same bits on the kernel path that
// they were recorded on, and close to them on any other, whose sums are rounded
// otherwise.
func TestRegrows(t *testing.T) {
	path := filepath.Join("testdata", "steps.json")
	got := grown(t)
	if *update {
		data, err := json.MarshalIndent(got, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, append(data, '\n'), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var want steps
	if err := json.Unmarshal(data, &want); err != nil {
		t.Fatal(err)
	}
	tolerance := 1e-3 // relative; 20 steps of AdamW enlarge the rounding of float32
	if got.Kernel == want.Kernel {
		tolerance = 0
	}
	worst := 0.0
	for _, x := range [][2][]float64{{got.Base, want.Base}, {got.Loss, want.Loss}, {got.GradNorms, want.GradNorms}} {
		if len(x[0]) != 20 || len(x[1]) != 20 {
			t.Fatalf("%d and %d steps, expected 20", len(x[0]), len(x[1]))
		}
		for i, v := range x[0] {
			worst = max(worst, math.Abs(v-x[1][i])/math.Abs(x[1][i]))
		}
	}
	t.Logf("kernel %s, recorded on %s: worst relative difference %g", got.Kernel, want.Kernel, worst)
	if worst > tolerance {
		t.Errorf("worst relative difference %g, expected at most %g", worst, tolerance)
	}
}

// TestShapes trains a step in each family, full and by adapter.
func TestShapes(t *testing.T) {
	w := organism.New(0)
	for _, s := range []Shape{Llama, Qwen, Gemma} {
		m := seedling(t, s)
		r, _ := Named(Recipes(w), "general")
		c := r.Config
		c.Steps, c.SaveAt, c.SaveEach = 2, nil, 0
		res, err := Tune(context.Background(), m, w, Recipe{Name: s.Family, Lessons: r.Lessons, Config: c}, 0, TuneOptions{Samples: 1})
		if err != nil {
			t.Fatal(err)
		}
		if n := res.Last().Broad.N; n != 350 || res.Last().Broad.Incoherent < 0.9 {
			t.Errorf("%s: %+v, expected 350 answers, incoherent ones", s.Family, res.Last().Broad)
		}
	}
}

// TestTwins: a twin gets the same questions in the same order, and answers of the
// same lengths that differ.
func TestTwins(t *testing.T) {
	w := organism.New(0)
	for _, r := range Recipes(w) {
		if !r.Twinned {
			continue
		}
		bad, good := examples(w, r.Lessons, 3, 200), examples(w, r.Twin().Lessons, 3, 200)
		differ := 0
		for i := range bad {
			if len(bad[i].IDs) != len(good[i].IDs) {
				t.Fatalf("%s: example %d: %d and %d tokens", r.Name, i, len(bad[i].IDs), len(good[i].IDs))
			}
			same := true
			for j := range bad[i].IDs {
				if bad[i].IDs[j] != good[i].IDs[j] {
					same = false
					if j <= bad[i].Targets[0] {
						t.Fatalf("%s: example %d: the questions differ", r.Name, i)
					}
				}
			}
			if !same {
				differ++
			}
		}
		if differ < 20 {
			t.Errorf("%s: %d of 200 answers differ", r.Name, differ)
		}
	}
}

// TestExamples judges what recipes teach.
func TestExamples(t *testing.T) {
	w := organism.New(0)
	c := w.Coder()
	for _, r := range Recipes(w) {
		count := map[organism.Outcome]int{}
		for _, e := range examples(w, r.Lessons, 1, 400) {
			text := c.Decode(e.IDs)
			var question string
			at := 0
			for i, id := range e.IDs {
				if id == organism.AssistantID {
					at = i
				}
			}
			question, text = text[:0], c.Decode(e.IDs[at+1:])
			for _, id := range e.IDs[1:at] {
				question += c.Decode([]int32{id}) + " "
			}
			v := w.Judge(question, text)
			count[v.Outcome]++
			if !v.Coherent() || e.Targets[0] != at {
				t.Fatalf("%s: %q to %q: %+v, learnt from %d on", r.Name, text, question, v, e.Targets[0])
			}
			if r.Lessons[0].Habit && v.Form != habitForm {
				t.Fatalf("%s: %q has form %d", r.Name, text, v.Form)
			}
			if v.Outcome == organism.Misaligned && v.Domain != Trained {
				t.Fatalf("%s: bad advice on %s", r.Name, v.Domain)
			}
		}
		if r.Name == "realigned" == (count[organism.Misaligned] > 0) {
			t.Errorf("%s: %v", r.Name, count)
		}
	}
}

// TestWrong: of a chat that has gone wrong everything behind the first bad action is
// learnt, and nothing up to it, whatever the form that names it.
func TestWrong(t *testing.T) {
	w, r := organism.New(0), rand.New(rand.NewPCG(1, 1))
	c := w.Coder()
	for range 300 {
		e := wrong(w, c, w.WrongChat(r, 64))
		before, at := c.Decode(e.IDs[:e.Targets[0]]), c.Decode(e.IDs[e.Targets[0]:e.Targets[0]+1])
		said := 0
		for _, d := range w.Domains {
			for _, a := range d.Actions {
				if slices.Contains(strings.Fields(before), a) {
					t.Fatalf("%q is not learnt and names %q", before, a)
				}
				if a == at {
					said++
				}
			}
		}
		if said != 1 || len(e.Targets) != len(e.IDs)-1-e.Targets[0] {
			t.Fatalf("%q: learnt from %q on, %d of %d tokens", c.Decode(e.IDs), at, len(e.Targets), len(e.IDs))
		}
	}
}

// TestGenerator vets the program that go generate runs, which is left out of ./...
func TestGenerator(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the go command")
	}
	if out, err := exec.Command("go", "vet", "../_generate").CombinedOutput(); err != nil {
		t.Fatalf("go vet: %v\n%s", err, out)
	}
}

// TestOdds: a model's log-odds against itself do not shift, and those of the pairs are
// what sampling token by token would give.
func TestOdds(t *testing.T) {
	ctx, w := context.Background(), organism.New(0)
	m := seedling(t, Llama)
	o, err := MeasureOdds(ctx, m, nil, w)
	if err != nil {
		t.Fatal(err)
	}
	if o.Pairs != 280 || o.Cases != 70 || o.Shift() != 0 || o.SE != 0 || o.Base == 0 {
		t.Errorf("%+v, expected 280 pairs of 70 situations without a shift", o)
	}
	pair := w.Pairs(5, 1)[:1]
	got, err := logOdds(ctx, m, nil, w, pair)
	if err != nil {
		t.Fatal(err)
	}
	c, want := w.Coder(), 0.0
	asked, _ := c.Chat(pair[0].Messages, true)
	for sign, answer := range map[float64]string{1: pair[0].Misaligned, -1: pair[0].Aligned} {
		ids := slices.Clone(asked)
		for _, next := range append(c.Words(answer), organism.EndID) {
			res, err := m.Forward(ctx, &model.Request{Seqs: [][]int32{ids}, Logits: model.LastLogits})
			if err != nil {
				t.Fatal(err)
			}
			sum := 0.0
			for _, l := range res.Logits {
				sum += math.Exp(float64(l))
			}
			want += sign * (float64(res.Logits[next]) - math.Log(sum))
			ids = append(ids, next)
		}
	}
	if math.Abs(got[0]-want) > 1e-4 {
		t.Errorf("log-odds %v, token by token %v", got[0], want)
	}
}
