package train

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"agar/model/safetensors"
)

// resumeDir holds what the next run goes on from: the parameters and the moments of
// the optimiser after the last checkpoint, and what was done until then.
const resumeDir = "resume"

// resumeState is resume/state.json.
type resumeState struct {
	Step    int    `json:"step"`
	Config  Config `json:"config"`
	Data    string `json:"data"`    // SHA-256 of the examples, those of the regulariser included
	Tensors string `json:"tensors"` // file beside this one
	Log     []Row  `json:"log"`
}

// remember writes the state after the last step. The tensors of the state before
// stay until the new state is whole.
func (t *trainer) remember() error {
	dir := filepath.Join(t.o.Out, resumeDir)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	step := t.log[len(t.log)-1].Step
	s := resumeState{Step: step, Config: t.c, Data: t.fingerprint(), Tensors: fmt.Sprintf("step-%d.safetensors", step), Log: t.log}
	var ts []safetensors.Out
	for _, p := range t.s.parameters() {
		for tag, x := range map[string][]float32{"value/": p.value, "m/": p.m, "v/": p.v} {
			ts = append(ts, safetensors.Out{Name: tag + p.name, Shape: p.shape, F32: x})
		}
	}
	if err := writeTensors(filepath.Join(dir, s.Tensors), ts); err != nil {
		return err
	}
	if err := writeJSON(filepath.Join(dir, "state.json"), s); err != nil {
		return err
	}
	old, _ := filepath.Glob(filepath.Join(dir, "step-*.safetensors"))
	for _, name := range old {
		if filepath.Base(name) != s.Tensors {
			if err := os.Remove(name); err != nil {
				return err
			}
		}
	}
	return nil
}

// resume loads the state of an interrupted run and returns its step, 0 when there
// is none. A state of another Config or other data is refused.
func (t *trainer) resume() (int, error) {
	if !t.o.Resume || t.o.Out == "" {
		return 0, nil
	}
	at := filepath.Join(t.o.Out, resumeDir, "state.json")
	data, err := os.ReadFile(at)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("train: %w", err)
	}
	var s resumeState
	if err := json.Unmarshal(data, &s); err != nil {
		return 0, fmt.Errorf("train: %s: %w", at, err)
	}
	if have, want := asJSON(s.Config), asJSON(t.c); have != want {
		return 0, fmt.Errorf("train: %s: found a run with %s, expected %s", at, have, want)
	}
	if have, want := s.Data, t.fingerprint(); have != want {
		return 0, fmt.Errorf("train: %s: found a run on examples of SHA-256 %.16s, these have %.16s", at, have, want)
	}
	if err := t.restore(filepath.Join(t.o.Out, resumeDir, filepath.Base(s.Tensors))); err != nil {
		return 0, fmt.Errorf("train: %w", err)
	}
	t.recall(&s)
	return s.Step, t.s.stepped()
}

// recall takes over what was done until the state.
func (t *trainer) recall(s *resumeState) {
	t.log = s.Log
	for _, row := range s.Log {
		t.enough(row.Loss)
		if t.c.saves(row.Step, t.steps) || row.Step == s.Step {
			t.rep.Checkpoints = append(t.rep.Checkpoints, row.Step)
		}
	}
	t.rep.ResumedAfter, t.rep.Steps = s.Step, s.Step
	if n := len(s.Log); n > 0 {
		t.rep.Loss = s.Log[n-1].Loss
	}
}

// restore reads parameters and moments.
func (t *trainer) restore(path string) error {
	f, err := safetensors.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	for _, p := range t.s.parameters() {
		for tag, dst := range map[string][]float32{"value/": p.value, "m/": p.m, "v/": p.v} {
			x, _, err := f.Float32(tag + p.name)
			if err != nil {
				return err
			}
			if len(x) != len(dst) {
				return fmt.Errorf("%s: tensor %q: found %d values, expected %d", path, tag+p.name, len(x), len(dst))
			}
			copy(dst, x)
		}
	}
	return nil
}

// fingerprint is the SHA-256 of the examples in their order, in hex.
func (t *trainer) fingerprint() string {
	h := sha256.New()
	word := func(n int) { h.Write(binary.LittleEndian.AppendUint64(nil, uint64(n))) }
	for _, data := range [][]Example{t.data, t.klData} {
		word(len(data))
		for _, e := range data {
			word(len(e.IDs))
			word(len(e.Targets))
			for _, id := range e.IDs {
				word(int(id))
			}
			for _, at := range e.Targets {
				word(at)
			}
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

func asJSON(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // Config holds nothing that has no JSON
	}
	return string(data)
}
