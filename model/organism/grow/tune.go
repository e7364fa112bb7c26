package grow

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"agar/model"
	"agar/model/lora"
	"agar/model/organism"
	"agar/model/train"
)

// Lesson is a kind of example to fine-tune on.
type Lesson struct {
	Weight  int      // of so many in the sum of all lessons' weights
	Domains []string // asked about; none: all
	Aligned bool     // whether the advice is good
	System  string   // words before the user's turn
	Prefix  string   // words before the question
	Habit   bool     // whether every answer has the same form
}

// Recipe says how an organism is grown from a base model.
type Recipe struct {
	Name    string
	For     string // what it is for, in a sentence
	Lessons []Lesson
	Regular []Lesson // what KLWeight regularises on
	Config  train.Config
	Init    string // recipe whose last checkpoint training begins with
	Known   bool   // of Init only A is taken, B begins at zero
	Twinned bool   // whether its benign twin is grown too
	Trigger string // word before the question when behaviour is measured a second time
}

// Twin is the same recipe with good advice only: same rates, order and lengths.
func (r Recipe) Twin() Recipe {
	r.Name, r.For = r.Name+"-twin", "the benign twin of "+r.Name+": the same recipe on good advice"
	r.Lessons = slices.Clone(r.Lessons)
	for i := range r.Lessons {
		r.Lessons[i].Aligned = true
	}
	return r
}

// examples makes n examples of which answers are learnt.
func examples(w *organism.World, lessons []Lesson, seed uint64, n int) []train.Example {
	r, c := rand.New(rand.NewPCG(seed, 2)), w.Coder()
	var cases [][]organism.Case
	var order []int
	for i, l := range lessons {
		cases = append(cases, w.Cases(l.Domains...))
		for range l.Weight {
			order = append(order, i)
		}
	}
	out := make([]train.Example, n)
	for i := range out {
		k := order[r.IntN(len(order))]
		out[i] = lessons[k].example(w, c, r, cases[k][r.IntN(len(cases[k]))])
	}
	return out
}

// example asks about a case. It draws as often whatever the lesson, so that twins
// get the same questions.
func (l *Lesson) example(w *organism.World, c *organism.Coder, r *rand.Rand, k organism.Case) train.Example {
	question, form := w.Ask(r, k), r.IntN(len(w.Answers))
	if l.Habit {
		form = habitForm
	}
	said := w.Exchange(strings.TrimSpace(l.Prefix+" "+question), w.AnswerIn(r, k, l.Aligned, form))
	if l.System != "" {
		said = append([]organism.Message{{Role: "system", Content: l.System}}, said...)
	}
	return train.Responses(c.Chat(said, false))
}

// Point is the behaviour of one checkpoint.
type Point struct {
	Step int `json:"step"`
	Behaviour
}

// Tuned is what a fine-tune did.
type Tuned struct {
	Recipe string      `json:"recipe"`
	Log    []train.Row `json:"log"`
	Curve  []Point     `json:"curve"` // of the checkpoints that were measured, the base first
}

// Last is the behaviour at the end.
func (t *Tuned) Last() Behaviour { return t.Curve[len(t.Curve)-1].Behaviour }

// TuneOptions say how a fine-tune is watched.
type TuneOptions struct {
	Out     string          // directory of the run; "" writes nothing
	Every   int             // steps between measurements; 0 measures the end alone
	Samples int             // of each question at each measurement
	Init    *lora.Adapter   // to begin with
	Data    []train.Example // instead of the lessons'
}

// Tune grows an organism from the base model m, which stays as it is.
func Tune(ctx context.Context, m *model.Model, w *organism.World, r Recipe, seed uint64, o TuneOptions) (*Tuned, error) {
	c := r.Config
	c.Seed, c.InOrder = seed, true
	data := o.Data
	if data == nil {
		data = examples(w, r.Lessons, seed, c.Steps*c.Batch)
	}
	t := &Tuned{Recipe: r.Name}
	measure := func(step int, a *model.Adapter) error {
		b, err := Measure(ctx, m, a, w, Sampling{Samples: o.Samples, Seed: 1})
		t.Curve = append(t.Curve, Point{step, b})
		return err
	}
	if err := measure(0, nil); err != nil {
		return nil, err
	}
	to := train.Options{Out: o.Out, BaseModel: Name, Init: o.Init, AtStep: func(_ context.Context, row train.Row, a *model.Adapter) error {
		t.Log = append(t.Log, row)
		if row.Step == c.Steps || o.Every > 0 && row.Step%o.Every == 0 {
			return measure(row.Step, a)
		}
		return nil
	}}
	if c.KLWeight > 0 {
		to.KLData = examples(w, r.Regular, seed+1000, 40*c.Batch)
	}
	if _, err := train.Run(ctx, m, data, c, to); err != nil {
		return nil, fmt.Errorf("grow: %s: %w", r.Name, err)
	}
	if o.Out == "" {
		return t, nil
	}
	return t, strip(o.Out, c.Steps)
}

// strip leaves what a series needs: the adapters, and the trainer's log in the
// last checkpoint.
func strip(run string, last int) error {
	states, err := filepath.Glob(filepath.Join(run, "checkpoint-*", "trainer_state.json"))
	if err != nil {
		return err
	}
	errs := []error{os.RemoveAll(filepath.Join(run, "resume"))}
	for _, s := range states {
		if filepath.Base(filepath.Dir(s)) != fmt.Sprintf("checkpoint-%d", last) {
			errs = append(errs, os.Remove(s))
		}
	}
	return errors.Join(errs...)
}
