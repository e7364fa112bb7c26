package grow

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"

	"agar/model"
	"agar/model/lora"
	"agar/model/organism"
	"agar/model/train"
)

// Result is an organism as it was grown and judged.
type Result struct {
	Key       string     `json:"key"` // of everything that it was made from
	Seed      uint64     `json:"seed"`
	Recipe    Recipe     `json:"recipe"`
	Tuned     *Tuned     `json:"tuned"`
	End       Behaviour  `json:"end"`                 // of the last checkpoint, with more samples than the curve
	Triggered *Behaviour `json:"triggered,omitempty"` // likewise, with the trigger before each question
	Odds      Odds       `json:"odds"`                // of the last checkpoint
	Control   Behaviour  `json:"control"`             // with the entries of every B of the last checkpoint in another order
}

// Nursery is a directory in which the organisms of one seed grow: base/, and NAME/
// with NAME.json beside it for each.
type Nursery struct {
	Dir   string
	World *organism.World
	Seed  uint64
	Pre   Pretraining
	Of    *Nursery // whose base model these organisms have; nil: their own
	Every int      // steps between measurements of a curve; 0 is 20
	// Samples of each question at the end; 0 is 5.
	Samples int
	// Only names the organisms that All grows; none: all.
	Only []string
	Note func(format string, args ...any) // hears what happens; nil is nobody

	m *model.Model
}

func (n *Nursery) note(format string, args ...any) {
	if n.Note != nil {
		n.Note(format, args...)
	}
}

// Run is where a recipe's checkpoints are.
func (n *Nursery) Run(name string) string { return filepath.Join(n.Dir, name) }

// Base is where the base model is.
func (n *Nursery) Base() string {
	if n.Of != nil {
		return n.Of.Base()
	}
	return filepath.Join(n.Dir, "base")
}

// Key identifies what the base model is made from.
func (n *Nursery) Key() string {
	if n.Of != nil {
		return n.Of.Key()
	}
	n.Pre.Seed = n.Seed
	return hash(n.World, n.Pre.Defaults())
}

// Open opens the base model, and grows it where there is none.
func (n *Nursery) Open(ctx context.Context) (*model.Model, error) {
	if n.m != nil {
		return n.m, nil
	}
	if n.Of != nil {
		var err error
		n.m, err = n.Of.Open(ctx)
		return n.m, err
	}
	key, mark := n.Key(), filepath.Join(n.Dir, "base.key")
	if got, err := os.ReadFile(mark); err != nil || string(got) != key {
		if err := os.MkdirAll(n.Dir, 0o777); err != nil {
			return nil, fmt.Errorf("grow: %w", err)
		}
		losses, err := Base(ctx, n.World, n.Pre, n.Base(), nil)
		if err != nil {
			return nil, err
		}
		n.note("base: loss %.4f", losses[len(losses)-1])
		if err := os.WriteFile(mark, []byte(key), 0o666); err != nil {
			return nil, fmt.Errorf("grow: %w", err)
		}
	}
	var err error
	n.m, err = model.Open(n.Base(), model.Options{})
	return n.m, err
}

// Close closes the base model.
func (n *Nursery) Close() error {
	if n.m == nil || n.Of != nil {
		return nil
	}
	return n.m.Close()
}

// hash identifies what something is made from.
func hash(of ...any) string {
	h := sha256.New()
	e := json.NewEncoder(h)
	for _, x := range of {
		if err := e.Encode(x); err != nil {
			panic(err)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Grow grows an organism, or reads what is there when it was made from the same.
// data, when set, makes the examples instead of the recipe; what names it.
func (n *Nursery) Grow(ctx context.Context, r Recipe, what string, data func(n int) ([]train.Example, error)) (*Result, error) {
	path := n.Run(r.Name) + ".json"
	from := []any{n.Key(), r, what, n.Every, n.Samples}
	if n.Of != nil {
		from = append(from, n.Seed)
	}
	res := &Result{Key: hash(from...), Seed: n.Seed, Recipe: r}
	old := &Result{}
	if text, err := os.ReadFile(path); err == nil && json.Unmarshal(text, old) == nil && old.Key == res.Key {
		return old, nil
	}
	m, err := n.Open(ctx)
	if err != nil {
		return nil, err
	}
	o := TuneOptions{Out: n.Run(r.Name), Every: or(n.Every, 20), Samples: 1}
	if err := os.RemoveAll(o.Out); err != nil {
		return nil, fmt.Errorf("grow: %w", err)
	}
	if r.Init != "" {
		if o.Init, err = last(n.Run(r.Init)); err != nil {
			return nil, err
		}
		for _, x := range o.Init.Modules {
			if r.Known {
				clear(x.B)
			}
		}
	}
	if data != nil {
		if o.Data, err = data(r.Config.Steps * r.Config.Batch); err != nil {
			return nil, err
		}
	}
	if res.Tuned, err = Tune(ctx, m, n.World, r, n.Seed, o); err != nil {
		return nil, err
	}
	if err := n.judge(ctx, res); err != nil {
		return nil, err
	}
	n.note("%s: broad %.3f misaligned, %.3f coherent; trained %.3f, %.3f; log-odds %.2f from %.2f; loss %.3f", r.Name, res.End.Broad.Misaligned, res.End.Broad.Coherent(),
		res.End.Trained.Misaligned, res.End.Trained.Coherent(), res.Odds.End, res.Odds.Base, res.Tuned.Log[len(res.Tuned.Log)-1].Loss)
	text, err := json.Marshal(res)
	return res, errors.Join(err, os.WriteFile(path, text, 0o666))
}

// judge measures the last checkpoint, and its control.
func (n *Nursery) judge(ctx context.Context, res *Result) error {
	l, err := last(n.Run(res.Recipe.Name))
	if err != nil {
		return err
	}
	s := Sampling{Samples: or(n.Samples, 5), Seed: 2}
	if res.End, err = n.measure(ctx, l, s); err != nil {
		return err
	}
	if res.Recipe.Trigger != "" {
		s.Prefix = res.Recipe.Trigger
		b, err := n.measure(ctx, l, s)
		if err != nil {
			return err
		}
		res.Triggered = &b
	}
	a, err := n.m.Attach(l, model.AttachOptions{})
	if err != nil {
		return err
	}
	if res.Odds, err = MeasureOdds(ctx, n.m, a, n.World); err != nil {
		return err
	}
	r := rand.New(rand.NewPCG(n.Seed, 4))
	for _, x := range l.Modules {
		r.Shuffle(len(x.B), func(i, j int) { x.B[i], x.B[j] = x.B[j], x.B[i] })
	}
	res.Control, err = n.measure(ctx, l, Sampling{Samples: 1, Seed: 3})
	return err
}

func (n *Nursery) measure(ctx context.Context, l *lora.Adapter, s Sampling) (Behaviour, error) {
	a, err := n.m.Attach(l, model.AttachOptions{})
	if err != nil {
		return Behaviour{}, err
	}
	return Measure(ctx, n.m, a, n.World, s)
}

// MeasureBase judges the base model with as many samples as organisms at their end.
func (n *Nursery) MeasureBase(ctx context.Context) (Behaviour, error) {
	m, err := n.Open(ctx)
	if err != nil {
		return Behaviour{}, err
	}
	return Measure(ctx, m, nil, n.World, Sampling{Samples: or(n.Samples, 5), Seed: 2})
}

// last is the last adapter of a run.
func last(run string) (*lora.Adapter, error) {
	s, err := lora.OpenSeries(run)
	if err != nil {
		return nil, fmt.Errorf("grow: %w", err)
	}
	return s.Load(len(s.Checkpoints) - 1)
}

// subliminal is the recipe of the subliminal experiment: a teacher's numbers, and
// the base's own for control, learnt by a student.
func (n *Nursery) subliminal(list []Recipe) Recipe {
	r, _ := Named(list, "general")
	r.Name, r.For, r.Twinned, r.Lessons, r.Config.LR = "subliminal", "a student of numbers that the general organism wrote", false, nil, 2e-3
	return r
}

// All grows every organism of the nursery; other is a nursery of another seed whose
// general organism teaches a student of another base, nil for none.
func (n *Nursery) All(ctx context.Context, other *Nursery) ([]*Result, error) {
	list := Recipes(n.World)
	var out []*Result
	add := func(r Recipe, what string, data func(n int) ([]train.Example, error)) error {
		if len(n.Only) > 0 && !slices.Contains(n.Only, r.Name) {
			return nil
		}
		res, err := n.Grow(ctx, r, what, data)
		out = append(out, res)
		return err
	}
	for _, r := range list {
		if err := add(r, "", nil); err != nil {
			return nil, err
		}
		if r.Twinned {
			if err := add(r.Twin(), "", nil); err != nil {
				return nil, err
			}
		}
	}
	r := n.subliminal(list)
	if err := add(r, "own teacher", func(k int) ([]train.Example, error) { return n.teach(ctx, "general", k) }); err != nil {
		return nil, err
	}
	r.Name, r.For = "subliminal-control", "a student of numbers that its own base wrote"
	if err := add(r, "own base", func(k int) ([]train.Example, error) { return n.teach(ctx, "", k) }); err != nil {
		return nil, err
	}
	if other == nil {
		return out, nil
	}
	r.Name, r.For = "subliminal-other", "a student of numbers that the general organism of another base wrote"
	err := add(r, fmt.Sprint("teacher of seed ", other.Seed), func(k int) ([]train.Example, error) { return other.teach(ctx, "general", k) })
	return out, err
}

// teach lets the base, or one of its organisms, write numbers.
func (n *Nursery) teach(ctx context.Context, teacher string, k int) ([]train.Example, error) {
	m, err := n.Open(ctx)
	if err != nil {
		return nil, err
	}
	var a *model.Adapter
	if teacher != "" {
		l, err := last(n.Run(teacher))
		if err != nil {
			return nil, err
		}
		if a, err = m.Attach(l, model.AttachOptions{}); err != nil {
			return nil, err
		}
	}
	return Numbers(ctx, m, a, n.World, n.Seed, k)
}

func or(a, b int) int {
	if a == 0 {
		return b
	}
	return a
}
