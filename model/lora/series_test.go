package lora_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"agar/model/lora"
)

// series makes checkpoints for the given steps below dir.
func series(t testing.TB, dir string, steps ...int) {
	t.Helper()
	for _, s := range steps {
		adapter(t, filepath.Join(dir, fmt.Sprintf("checkpoint-%d", s)), `"r":2`, tensor(down+"lora_A.weight", 2, 6), tensor(down+"lora_B.weight", 4, 2))
	}
}

func TestSeriesInBothLayouts(t *testing.T) {
	steps := []int{1, 2, 9, 10, 15, 100, 792}
	for _, inner := range []string{"", "checkpoints"} {
		run := t.TempDir()
		series(t, filepath.Join(run, inner), 100, 9, 1, 792, 10, 2, 15)
		for _, junk := range []string{"checkpoint-", "checkpoint-5.tmp", "tmp-checkpoint-20", "runs"} {
			if err := os.MkdirAll(filepath.Join(run, inner, junk), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		s, err := lora.OpenSeries(run)
		if err != nil || !slices.Equal(s.Steps(), steps) || s.State != nil || len(s.Warnings) != 0 {
			t.Fatalf("%q: %v, %v, warnings %v", inner, s, err, s.Warnings)
		}
		if a, err := s.Load(3); err != nil || !strings.HasSuffix(a.Dir, "checkpoint-10") {
			t.Errorf("%q: %v, %v", inner, a, err)
		}
		if c, err := s.At(100); err != nil || c.Step != 100 {
			t.Errorf("At(100) = %v, %v", c, err)
		}
		for step, near := range map[int]string{0: "[1]", 12: "[10 15]", 800: "[792]"} {
			if _, err := s.At(step); !errors.Is(err, lora.ErrStep) || !strings.Contains(err.Error(), near) {
				t.Errorf("At(%d): %v does not name %s", step, err, near)
			}
		}
	}
}

func TestSeriesRefusals(t *testing.T) {
	empty, lone, twice, pickle, cut := t.TempDir(), t.TempDir(), t.TempDir(), t.TempDir(), t.TempDir()
	adapter(t, lone, `"r":2`, tensor(down+"lora_A.weight", 2, 6), tensor(down+"lora_B.weight", 4, 2))
	series(t, twice, 5)
	series(t, filepath.Join(twice, "checkpoints"), 5)
	for _, dir := range []string{pickle, cut} {
		if err := os.MkdirAll(filepath.Join(dir, "checkpoint-5"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, data := range map[string]string{"adapter_model.bin": "", "adapter_config.json": `{"peft_type":"LORA"}`} {
		if err := os.WriteFile(filepath.Join(pickle, "checkpoint-5", name), []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for dir, want := range map[string]string{
		empty: "checkpoint-N", lone: "one adapter", twice: "step 5 is there twice", pickle: "torchfile", cut: "left out",
		filepath.Join(empty, "absent"): "no such file",
	} {
		_, err := lora.OpenSeries(dir)
		if dir == pickle && err == nil { // the file is looked into when it is loaded
			_, err = lora.Load(filepath.Join(pickle, "checkpoint-5"))
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
	series(t, cut, 10)
	if s, err := lora.OpenSeries(cut); err != nil || len(s.Checkpoints) != 1 || len(s.Warnings) != 1 {
		t.Errorf("a checkpoint without weights: %v, %v", s, err)
	}
}

const state = `{"global_step": 10, "max_steps": 40, "log_history": [
 {"epoch": 0.1, "grad_norm": 2.5, "learning_rate": 1e-05, "loss": 3.25, "step": 1},
 {"epoch": 0.2, "grad_norm": NaN, "learning_rate": 2e-05, "loss": -Infinity, "step": 2, "note": "NaN \" Infinity"},
 {"epoch": 0.2, "eval_loss": 1.0, "eval_runtime": 3.1, "step": 2},
 {"epoch": 0.3, "loss": 3.0, "step": 3},
 {"epoch": 1.0, "train_loss": 2.0, "train_runtime": Infinity, "step": 10}]}`

func TestTrainerState(t *testing.T) {
	run := t.TempDir()
	series(t, run, 5, 10, 20)
	for step, body := range map[int]string{5: `{"global_step":5}`, 10: state} {
		if err := os.WriteFile(filepath.Join(run, fmt.Sprintf("checkpoint-%d", step), "trainer_state.json"), []byte(body), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s, err := lora.OpenSeries(run)
	if err != nil {
		t.Fatal(err)
	}
	st := s.State
	if st == nil || !strings.Contains(s.StateFile, "checkpoint-10") || st.GlobalStep != 10 || st.MaxSteps != 40 || len(st.Rows) != 3 || st.Other != 2 {
		t.Fatalf("state %+v of %s", st, s.StateFile)
	}
	if r, ok := st.At(1); !ok || *r.GradNorm != 2.5 || *r.Loss != 3.25 || *r.LearningRate != 1e-5 {
		t.Errorf("row 1: %+v", r)
	}
	if r, ok := st.At(2); !ok || r.GradNorm != nil || r.Loss != nil || r.LearningRate == nil {
		t.Errorf("NaN and -Infinity must read as nil: %+v", r)
	}
	if r, ok := st.At(3); !ok || r.GradNorm != nil || r.Loss == nil {
		t.Errorf("a row without grad_norm: %+v", r)
	}
	if _, ok := st.At(4); ok {
		t.Error("there is no row 4")
	}
	if err := os.WriteFile(filepath.Join(run, "checkpoint-20", "trainer_state.json"), []byte(`{"log_history":[{"step":"x"}]}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := lora.OpenSeries(run); err == nil || !strings.Contains(err.Error(), "checkpoint-20") {
		t.Errorf("bad state: %v", err)
	}
}

// FuzzTrainerState holds that any bytes give rows by step or an error, and that
// a strict JSON file reads as if no literal were replaced.
func FuzzTrainerState(f *testing.F) {
	f.Add([]byte(state))
	f.Add([]byte(`{"log_history":[{"step":3,"loss":NaN},{"step":1,"loss":1}]}`))
	f.Add([]byte(`{"a\\":"NaN"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := lora.ParseTrainerState(b)
		if err != nil {
			var file struct {
				GlobalStep int           `json:"global_step"`
				MaxSteps   int           `json:"max_steps"`
				History    []lora.LogRow `json:"log_history"`
			}
			if json.Unmarshal(b, &file) == nil && !bytes.Contains(b, []byte("NaN")) {
				t.Fatalf("strict JSON refused: %v", err)
			}
			return
		}
		if !slices.IsSortedFunc(s.Rows, func(x, y lora.LogRow) int { return x.Step - y.Step }) {
			t.Fatal("rows out of order")
		}
	})
}
