package algorithmic

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"agar/model"
	"agar/model/tokenizer/tokenizertest"
	"agar/model/train"
)

func TestSplit(t *testing.T) {
	task := Task{LabelNoise: 0.15, Seed: 4}.Defaults()
	train, test := task.Split()
	if len(train) != 843 || len(train)+len(test) != 53*53 {
		t.Fatalf("found %d training and %d test pairs, expected 843 and the rest", len(train), len(test))
	}
	seen, wrong := map[[2]int]bool{}, 0
	for i, x := range append(slices.Clone(train), test...) {
		if seen[[2]int{x.A, x.B}] {
			t.Fatalf("pair %d + %d is there twice", x.A, x.B)
		}
		seen[[2]int{x.A, x.B}] = true
		if (x.Label != task.Sum(x)) != x.Noisy || x.Noisy && i >= len(train) {
			t.Fatalf("pair %d: label %d, noisy %v", i, x.Label, x.Noisy)
		}
		if x.Noisy {
			wrong++
		}
	}
	if wrong != 126 {
		t.Errorf("found %d wrong labels, expected 126 of 843", wrong)
	}
	otherTask := Task{LabelNoise: 0.15, Seed: 5}.Defaults()
	again, _ := task.Split()
	other, _ := otherTask.Split()
	if !slices.Equal(again, train) || slices.Equal(other, train) {
		t.Error("the split is not decided by the seed")
	}
}

func TestCheck(t *testing.T) {
	for name, task := range map[string]Task{
		"name": {Name: "parity"}, "even p": {P: 10}, "share": {TrainShare: 1}, "noise": {LabelNoise: 1}, "heads": {Shape: Shape{DModel: 30, Heads: 4}}, "init": {Shape: Shape{InitStd: -1}},
		"norm": {Shape: Shape{NormEps: 1}}, "stop": {StopTestLoss: -1},
	} {
		task = task.Defaults()
		if err := task.Check(); !errors.Is(err, ErrTask) {
			t.Errorf("%s: found %v, expected ErrTask", name, err)
		}
	}
	if task := (Task{}).Defaults(); task.Check() != nil {
		t.Error(task.Check())
	}
}

// TestModelLearns: what WriteModel wrote opens, reads sums as text, and
// learns a few of them.
func TestModelLearns(t *testing.T) {
	task := Task{P: 7, TrainShare: 0.6, Shape: Shape{DModel: 32, DMLP: 32}}.Defaults()
	dir := t.TempDir()
	if err := task.WriteModel(dir); err != nil {
		t.Fatal(err)
	}
	m, err := model.Open(dir, model.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if got := tokenizertest.Encode(t, m.Tokenizer, "3 4 =", true).IDs; !slices.Equal(got, task.IDs(Pair{A: 3, B: 4})) {
		t.Fatalf("3 4 = is %v, expected %v", got, task.IDs(Pair{A: 3, B: 4}))
	}
	s := NewScorer(task)
	logits, err := task.Logits(context.Background(), m)
	if err != nil {
		t.Fatal(err)
	}
	before := s.Plain(logits)
	if math.Abs(before["test_loss"]-math.Log(8)) > 1 {
		t.Errorf("loss of the untrained model %g, expected about %g", before["test_loss"], math.Log(8))
	}
	c := train.Config{Method: train.Full, LR: 1e-2, Batch: len(s.Train), Steps: 40, Schedule: "constant"}
	rep, err := train.Run(context.Background(), m, task.Examples(s.Train), c, train.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if logits, err = task.Logits(context.Background(), m); err != nil {
		t.Fatal(err)
	}
	if after := s.Plain(logits); after["train_loss"] > rep.Loss || after["train_accuracy"] < 0.9 {
		t.Errorf("after %d steps: loss %g (%g at the last step), accuracy %g", rep.Steps, after["train_loss"], rep.Loss, after["train_accuracy"])
	}
}
