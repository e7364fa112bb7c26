package algorithmic

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"agar/model/train"
)

// ErrTask is wrapped when a Task cannot be carried out; the message names the field.
var ErrTask = errors.New("algorithmic: task")

// ModularAddition is the one task there is.
const ModularAddition = "modular-addition"

// Task is modular addition: a model reads the three tokens a, b and "=" and says
// (a + b) mod P. A share of all P² pairs is trained on, the rest tested. Defaults
// gives the values that zero means.
type Task struct {
	Name       string  `toml:"name" json:"name"`               // "" is modular-addition
	P          int     `toml:"p" json:"p"`                     // the modulus, odd; 0 is 53
	TrainShare float64 `toml:"train_share" json:"train_share"` // of the P² pairs; 0 is 0.3
	LabelNoise float64 `toml:"label_noise" json:"label_noise"` // share of the training pairs whose label is another one, each as likely
	Seed       uint64  `toml:"seed" json:"seed"`               // of the split, the noise and the first weights
	// StopTestLoss ends a run at the first checkpoint whose loss on the test is below
	// it, in nats; 0: never.
	StopTestLoss float64 `toml:"stop_test_loss" json:"stop_test_loss"`
	Shape        Shape   `toml:"shape" json:"shape"`
}

// Defaults fills in what zero stands for.
func (t Task) Defaults() Task {
	if t.Name == "" {
		t.Name = ModularAddition
	}
	if t.P == 0 {
		t.P = 53
	}
	if t.TrainShare == 0 {
		t.TrainShare = 0.3
	}
	t.Shape = t.Shape.defaults()
	return t
}

// Check refuses what cannot be carried out; t has its defaults.
func (t *Task) Check() error {
	bad := func(field string, found, expected any) error {
		return fmt.Errorf("%w: %s: found %v, expected %v", ErrTask, field, found, expected)
	}
	switch {
	case t.Name != ModularAddition:
		return bad("name", fmt.Sprintf("%q", t.Name), ModularAddition)
	case t.P < 3 || t.P%2 == 0 || t.P > 251:
		return bad("p", t.P, "an odd number from 3 to 251")
	case !(t.TrainShare > 0 && t.TrainShare < 1) || t.trained() == 0 || t.trained() == t.P*t.P:
		return bad("train_share", t.TrainShare, "a share between 0 and 1 that leaves pairs to train and to test on")
	case !(t.LabelNoise >= 0 && t.LabelNoise < 1):
		return bad("label_noise", t.LabelNoise, "a share from 0 to below 1")
	case !(t.StopTestLoss >= 0):
		return bad("stop_test_loss", t.StopTestLoss, "nats, or 0")
	}
	return t.Shape.check()
}

// trained is the number of pairs under training.
func (t *Task) trained() int { return int(math.Round(t.TrainShare * float64(t.P*t.P))) }

// Pair is one sum.
type Pair struct {
	A, B  int
	Label int  // what training says it is
	Noisy bool // Label is not A + B
}

// Sum is what the pair adds up to.
func (t *Task) Sum(x Pair) int { return (x.A + x.B) % t.P }

// Split gives the pairs of training and of testing, each in an order of its own.
// Labels of the test are always right.
func (t *Task) Split() (train, test []Pair) {
	r := rand.New(rand.NewPCG(t.Seed, 1))
	all := make([]Pair, 0, t.P*t.P)
	for _, i := range r.Perm(t.P * t.P) {
		x := Pair{A: i / t.P, B: i % t.P}
		x.Label = t.Sum(x)
		all = append(all, x)
	}
	n := t.trained()
	train, test = all[:n:n], all[n:]
	wrong := int(math.Round(t.LabelNoise * float64(n)))
	for i := range train[:wrong] {
		x := &train[i]
		x.Label, x.Noisy = (x.Label+1+r.IntN(t.P-1))%t.P, true
	}
	return train, test
}

// Hash is the SHA-256, in hex, of the training pairs, a line "a b label" each.
func Hash(pairs []Pair) string {
	h := sha256.New()
	for _, x := range pairs {
		fmt.Fprintf(h, "%d %d %d\n", x.A, x.B, x.Label)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// IDs are the tokens of a pair: a number is its own id, "=" is P.
func (t *Task) IDs(x Pair) []int32 { return []int32{int32(x.A), int32(x.B), int32(t.P)} }

// Examples are pairs for training: only what follows "=" is learnt.
func (t *Task) Examples(pairs []Pair) []train.Example {
	out := make([]train.Example, len(pairs))
	for i, x := range pairs {
		out[i] = train.Example{IDs: append(t.IDs(x), int32(x.Label)), Targets: []int{2}}
	}
	return out
}
