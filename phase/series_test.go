package phase

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"agar/model/lora"
	"agar/model/safetensors"
)

// state is one module's factors at one step.
type state struct {
	rank, in, out int
	a, b          []float32
}

const down = "model.layers.21.mlp.down_proj"

// writeRun writes a PEFT checkpoint series of the given modules.
func writeRun(t testing.TB, alpha float64, rslora bool, steps []int, at func(step int) map[string]state) string {
	t.Helper()
	run := t.TempDir()
	for _, s := range steps {
		var ts []safetensors.Out
		rank := 0
		for name, m := range at(s) {
			rank = m.rank
			ts = append(ts,
				safetensors.Out{Name: "base_model.model." + name + ".lora_A.weight", Shape: []int{m.rank, m.in}, F32: m.a},
				safetensors.Out{Name: "base_model.model." + name + ".lora_B.weight", Shape: []int{m.out, m.rank}, F32: m.b})
		}
		var b bytes.Buffer
		if err := safetensors.Write(&b, ts, nil); err != nil {
			t.Fatal(err)
		}
		config := fmt.Sprintf(`{"peft_type":"LORA","r":%d,"lora_alpha":%g,"use_rslora":%v,"base_model_name_or_path":"tiny/base"}`, rank, alpha, rslora)
		write(t, filepath.Join(run, fmt.Sprintf("checkpoint-%d", s), lora.WeightsFile), b.Bytes())
		write(t, filepath.Join(run, fmt.Sprintf("checkpoint-%d", s), "adapter_config.json"), []byte(config))
	}
	return run
}

func write(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// rankOne writes a series whose B follows the rows of v [len(steps), d].
func rankOne(t testing.TB, steps []int, v []float32) string {
	t.Helper()
	d := len(v) / len(steps)
	index := map[int]int{}
	for i, s := range steps {
		index[s] = i
	}
	return writeRun(t, 64, true, steps, func(step int) map[string]state {
		i := index[step]
		return map[string]state{down: {1, 3, d, []float32{1, 2, 2}, v[i*d : (i+1)*d]}}
	})
}

// analyse runs the whole analysis on a directory.
func analyse(t testing.TB, run string, o Options) *Report {
	t.Helper()
	s, err := lora.OpenSeries(run)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Analyse(context.Background(), s, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// testTensor reads a tensor of testdata.
func testTensor(t testing.TB, file, name string) ([]float32, []int) {
	t.Helper()
	f, err := safetensors.Open(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	x, shape, err := f.Float32(name)
	if err != nil {
		t.Fatal(err)
	}
	return x, shape
}

// turnsOf picks the turn events of a report.
func turnsOf(r *Report) []Event {
	var out []Event
	for _, e := range r.Events {
		if e.Kind == KindTurn {
			out = append(out, e)
		}
	}
	return out
}

// exampleRun writes nine checkpoints that go straight on and turn by 90°
// between steps 20 and 30.
func exampleRun(run string) error {
	x, y := 0.0, 0.0
	for step := 5; step <= 50; step += 5 {
		if step <= 25 {
			x += 1
		} else {
			y += 1
		}
		dir := filepath.Join(run, fmt.Sprintf("checkpoint-%d", step))
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		f, err := os.Create(filepath.Join(dir, lora.WeightsFile))
		if err != nil {
			return err
		}
		name := "base_model.model." + down
		err = safetensors.Write(f, []safetensors.Out{
			{Name: name + ".lora_A.weight", Shape: []int{1, 2}, F32: []float32{1, 0}},
			{Name: name + ".lora_B.weight", Shape: []int{2, 1}, F32: []float32{float32(x), float32(y)}},
		}, nil)
		if err := f.Close(); err != nil {
			return err
		}
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, "adapter_config.json"), []byte(`{"peft_type":"LORA","r":1}`), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
