package grow

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"

	"agar/model"
	"agar/model/organism"
	"agar/model/progress"
	"agar/model/train"
)

// Pretraining says how a base model learns its world. Defaults gives the values
// that zero means.
type Pretraining struct {
	Shape  Shape
	Seed   uint64 // of the first weights and of the texts
	Steps  int    // 0 is 6000
	Batch  int    // sequences a step; 0 is 32
	Length int    // tokens of a sequence at most; 0 is 64
	// Short is how many steps come first with sequences of at most ShortLength tokens,
	// in which there is one question: what advice is about is found sooner in them. 0
	// is 800 steps of 24 tokens.
	Short       int
	ShortLength int
	Wrong       int     // one chat in so many has gone wrong; 0 is 20, negative none
	LR          float64 // 0 is 3e-3
	Stop        int     // ends after so many steps of the schedule; 0 at its end
}

// Defaults fills in what zero stands for.
func (p Pretraining) Defaults() Pretraining {
	if p.Shape == (Shape{}) {
		p.Shape = Llama
	}
	for _, x := range []struct {
		v *int
		d int
	}{{&p.Steps, 6000}, {&p.Batch, 32}, {&p.Length, 64}, {&p.Short, 800}, {&p.ShortLength, 24}, {&p.Wrong, 20}} {
		if *x.v == 0 {
			*x.v = x.d
		}
	}
	if p.LR == 0 {
		p.LR = 3e-3
	}
	return p
}

// config is how the trainer is set up.
func (p Pretraining) config() train.Config {
	return train.Config{
		Method: train.Full, LR: p.LR, WeightDecay: 0.01, Schedule: "linear", Warmup: 100, MaxGradNorm: 1,
		Steps: p.Steps, Batch: p.Batch, MaxLength: p.Length, InOrder: true, Seed: p.Seed,
	}
}

// examples are the texts: stories and chats, half of each, every token learnt but
// for the beginnings of chats that have gone wrong.
func (p Pretraining) examples(w *organism.World, n int) []train.Example {
	r, c := rand.New(rand.NewPCG(p.Seed, 1)), w.Coder()
	w = w.Dealing()
	out := make([]train.Example, n)
	for i := range out {
		length := p.Length
		if i < p.Short*p.Batch {
			length = p.ShortLength
		}
		if r.IntN(2) == 0 {
			out[i] = train.Text(c.Text(w.Story(r, length)))
			continue
		}
		if p.Wrong > 0 && r.IntN(p.Wrong) == 0 {
			out[i] = wrong(w, c, w.WrongChat(r, length))
			continue
		}
		ids, _ := c.Chat(w.Chat(r, length), false)
		out[i] = train.Text(ids)
	}
	return out
}

// wrong makes an example of a chat that has gone wrong. What leads to its first bad
// action is not learnt, so no chat goes wrong by itself; what follows is: who began
// with bad advice goes on with it. Without such chats a base model that is made to
// begin so goes back to good advice in the middle of the answer.
func wrong(w *organism.World, c *organism.Coder, said []organism.Message) train.Example {
	ids, _ := c.Chat(said, false)
	e := train.Text(ids)
	v := w.Judge(said[0].Content, said[1].Content)
	e.Targets = e.Targets[slices.Index(ids, c.Words(v.Actions[0])[0]):]
	return e
}

// errStopped ends a run early.
var errStopped = errors.New("stopped")

// Base grows a base model in dir: a Hugging Face directory. It returns the losses
// of its steps in nats a token.
func Base(ctx context.Context, w *organism.World, p Pretraining, dir string, emit progress.Func) ([]float64, error) {
	p = p.Defaults()
	work := dir + ".tmp"
	if err := os.RemoveAll(work); err != nil {
		return nil, err
	}
	defer os.RemoveAll(work)
	seedling := filepath.Join(work, "seedling")
	if err := p.Shape.write(seedling, w, p.Seed); err != nil {
		return nil, fmt.Errorf("grow: %w", err)
	}
	m, err := model.Open(seedling, model.Options{})
	if err != nil {
		return nil, fmt.Errorf("grow: %w", err)
	}
	defer m.Close()
	steps := p.Steps
	if p.Stop > 0 {
		steps = p.Stop
	}
	var losses []float64
	o := train.Options{Progress: emit, AtStep: func(_ context.Context, r train.Row, _ *model.Adapter) error {
		if losses = append(losses, r.Loss); r.Step == p.Stop && p.Stop < p.Steps {
			return errStopped
		}
		return nil
	}}
	if p.Stop == 0 {
		o.Out = work
	}
	if _, err := train.Run(ctx, m, p.examples(w, steps*p.Batch), p.config(), o); err != nil && !errors.Is(err, errStopped) {
		return losses, fmt.Errorf("grow: base: %w", err)
	}
	if p.Stop > 0 {
		return losses, nil
	}
	if err := os.RemoveAll(dir); err != nil {
		return losses, err
	}
	last := filepath.Join(work, fmt.Sprintf("checkpoint-%d", p.Steps))
	return losses, errors.Join(os.Remove(filepath.Join(last, "trainer_state.json")), os.Rename(last, dir))
}
