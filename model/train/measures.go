package train

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
)

// MeasuresFile is the name of the measures of a run inside its directory.
const MeasuresFile = "measures.jsonl"

// Measures is what was measured of the model after a step: a line of
// measures.jsonl, {"step": 100, "test_loss": 2.31, …}. A missing value is NaN in Go
// and null in the file. phase/METRICS.md defines the names.
type Measures struct {
	Step   int // 0 is the model before training
	Values map[string]float64
}

// MarshalJSON writes the step and the values side by side, by name.
func (m Measures) MarshalJSON() ([]byte, error) {
	out := map[string]any{"step": m.Step}
	for name, v := range m.Values {
		if out[name] = v; math.IsNaN(v) || math.IsInf(v, 0) {
			out[name] = nil
		}
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads null as NaN.
func (m *Measures) UnmarshalJSON(b []byte) error {
	var in map[string]*float64
	if err := json.Unmarshal(b, &in); err != nil {
		return err
	}
	step := in["step"]
	if step == nil || *step != math.Trunc(*step) || *step < 0 {
		return errors.New("found no step, expected a whole number of at least 0")
	}
	m.Step, m.Values = int(*step), map[string]float64{}
	for name, v := range in {
		if name == "step" {
			continue
		}
		if m.Values[name] = math.NaN(); v != nil {
			m.Values[name] = *v
		}
	}
	return nil
}

// ReadMeasures reads measures.jsonl in dir, whose steps must rise. An error names
// the line; a last line without an end is one that is being written, and left out.
func ReadMeasures(dir string) ([]Measures, error) {
	path := filepath.Join(dir, MeasuresFile)
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	defer f.Close()
	var out []Measures
	r := bufio.NewReader(f)
	for n := 1; ; n++ {
		line, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("train: %s: %w", path, err)
		}
		var m Measures
		if err := json.Unmarshal(line, &m); err != nil {
			return nil, fmt.Errorf("train: %s: line %d: %w", path, n, err)
		}
		if k := len(out); k > 0 && out[k-1].Step >= m.Step {
			return nil, fmt.Errorf("train: %s: line %d: found step %d after %d, expected a later one", path, n, m.Step, out[k-1].Step)
		}
		out = append(out, m)
	}
}

// WriteMeasures writes measures.jsonl to dir, wholly or not at all.
func WriteMeasures(dir string, all []Measures) error {
	return writeFile(filepath.Join(dir, MeasuresFile), func(w io.Writer) error {
		for _, m := range all {
			if err := writeLine(w, m); err != nil {
				return err
			}
		}
		return nil
	})
}

func writeLine(w io.Writer, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = w.Write(append(b, '\n'))
	return err
}
