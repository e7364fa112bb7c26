package train

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"agar/activations/blob"
	"agar/model/safetensors"
	"agar/model/tensor"
)

// SnapshotFile holds the state of a training that is not finished: parameters,
// Adam's moments, the silence of every feature, and in its metadata the
// configuration, the step, the place in the data and the kernel path.
const SnapshotFile = "snapshot.safetensors"

// snapshot is the state besides the tensors.
type snapshot struct {
	Config    Config  `json:"config"`
	Split     Split   `json:"split"`
	Kernel    string  `json:"kernel"`
	Step      int     `json:"step"`
	Threshold float32 `json:"threshold"`
	Scale     float32 `json:"scale"`
	Epoch     int     `json:"epoch"`
	Consumed  int64   `json:"consumed"`
}

// tensors lists the state as named tensors, over t's own memory.
func (t *Trainer) tensors() []safetensors.Out {
	names := [4]string{"W_enc", "b_enc", "W_dec", "b_dec"}
	var ts []safetensors.Out
	add := func(name string, v []float32) {
		ts = append(ts, safetensors.Out{Name: name, Shape: []int{len(v)}, F32: v})
	}
	for i, p := range t.params() {
		add(names[i], p)
		add(names[i]+".m", t.moments[i].m)
		add(names[i]+".v", t.moments[i].v)
	}
	return ts
}

// silentName is the tensor of steps since firing; below 2²⁴, so exact.
const silentName = "silent_steps"

// save writes the snapshot into st, wholly or not at all.
func (t *Trainer) save(st blob.Store, s snapshot) error {
	s.Config, s.Kernel, s.Step, s.Threshold = t.cfg, tensor.Kernel(), t.step, t.threshold
	b, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("train: snapshot: %w", err)
	}
	silent := make([]float32, len(t.silent))
	for i, v := range t.silent {
		silent[i] = float32(v)
	}
	ts := append(t.tensors(), safetensors.Out{Name: silentName, Shape: []int{len(silent)}, F32: silent})
	w, err := st.Create(SnapshotFile)
	if err != nil {
		return fmt.Errorf("train: snapshot: %w", err)
	}
	if err := safetensors.Write(w, ts, map[string]string{"state": string(b)}); err != nil {
		return fmt.Errorf("train: snapshot: %w", errors.Join(err, w.Abort()))
	}
	if err := w.Commit(); err != nil {
		return fmt.Errorf("train: snapshot: %w", err)
	}
	return nil
}

// restore reads the snapshot in dir, if there is one, into a trainer of
// configuration c. Another configuration, split or kernel path is refused: the
// result would not be that of an unbroken run.
func restore(dir string, c Config, split Split) (*Trainer, *snapshot, error) {
	f, err := safetensors.Open(filepath.Join(dir, SnapshotFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("train: snapshot: %w", err)
	}
	defer f.Close()
	var s snapshot
	if err := json.Unmarshal([]byte(f.Metadata()["state"]), &s); err != nil {
		return nil, nil, fmt.Errorf("train: %s: state: %w", f.Path(), err)
	}
	if err := s.matches(c, split); err != nil {
		return nil, nil, fmt.Errorf("train: %s: %w", f.Path(), err)
	}
	t := New(c)
	if err := t.load(f); err != nil {
		return nil, nil, fmt.Errorf("train: %w", err)
	}
	t.step, t.threshold = s.Step, s.Threshold
	return t, &s, nil
}

func (s *snapshot) matches(c Config, split Split) error {
	found, err := json.Marshal(s.Config)
	if err != nil {
		return err
	}
	want, err := json.Marshal(c)
	if err != nil {
		return err
	}
	split.ordered, s.Split.ordered = 0, 0
	switch {
	case string(found) != string(want):
		return fmt.Errorf("found the state of a run with %s, expected %s", found, want)
	case s.Split != split:
		return fmt.Errorf("found the state of a run on other rows (%+v), expected %+v", s.Split, split)
	case s.Kernel != tensor.Kernel():
		return fmt.Errorf("found the state of a run on kernel path %s, expected %s (AGAR_KERNEL=%s goes on)", s.Kernel, tensor.Kernel(), s.Kernel)
	}
	return nil
}

// load fills the trainer's tensors.
func (t *Trainer) load(f *safetensors.File) error {
	for _, o := range t.tensors() {
		if err := loadInto(f, o.Name, o.F32); err != nil {
			return err
		}
	}
	silent := make([]float32, len(t.silent))
	if err := loadInto(f, silentName, silent); err != nil {
		return err
	}
	for i, v := range silent {
		t.silent[i] = int32(v)
	}
	return nil
}

func loadInto(f *safetensors.File, name string, dst []float32) error {
	v, _, err := f.Float32(name)
	if err != nil {
		return err
	}
	if len(v) != len(dst) {
		return fmt.Errorf("%s: tensor %q: found %d values, expected %d", f.Path(), name, len(v), len(dst))
	}
	copy(dst, v)
	return nil
}

// trimEvents drops the lines of an events file that report steps after the
// snapshot's: the resumed run writes them again.
func trimEvents(path string, step int) error {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("train: %w", err)
	}
	end := 0
	for end < len(b) {
		n := lineEnd(b[end:])
		var e struct {
			Step int `json:"step"`
		}
		if json.Unmarshal(b[end:end+n], &e) != nil || e.Step > step {
			break
		}
		end += n
	}
	if err := os.Truncate(path, int64(end)); err != nil {
		return fmt.Errorf("train: drop lines after step %s: %w", strconv.Itoa(step), err)
	}
	return nil
}

// lineEnd is the length of the first line with its newline.
func lineEnd(b []byte) int {
	for i, c := range b {
		if c == '\n' {
			return i + 1
		}
	}
	return len(b)
}
