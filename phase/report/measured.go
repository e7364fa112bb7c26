package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"agar/phase"
)

// MeasuredFile holds what was measured by running a model: numbers that a report
// rests on and that its inputs alone do not give again.
const MeasuredFile = "measured.json"

// Measured is what running a model over the checkpoints gave, with what it was run on.
// Parts that were not measured are nil.
type Measured struct {
	Source
	Divergence *phase.Divergence `json:"divergence"`
	Robustness *phase.Robustness `json:"robustness"`
	Canary     *phase.Canary     `json:"canary"`
	// Significance is which tokens carry the difference from the base.
	Significance *phase.Significance `json:"significance"`
	Shift        *phase.Shift        `json:"shift"` // with the likelihoods of whole answers
}

// Source names the model that was run, and the data, by their names and hashes.
type Source struct {
	Model       string `json:"model"`
	ModelSHA256 string `json:"model_sha256"`
	Data        string `json:"data"` // "" where none was needed
	DataSHA256  string `json:"data_sha256"`
}

// none tells whether nothing was measured.
func (m *Measured) none() bool {
	return m == nil || m.Divergence == nil && m.Robustness == nil && m.Shift == nil && m.Canary == nil && m.Significance == nil
}

// into adds what was measured to a report.
func (m *Measured) into(r *phase.Report) {
	if m.none() {
		return
	}
	if m.Divergence != nil {
		r.AddDivergence(m.Divergence)
	}
	r.Robustness, r.Canary, r.Significance = m.Robustness, m.Canary, m.Significance
	r.Shift = m.Shift
}

// file is measured.json.
func (m *Measured) file() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(m); err != nil {
		return nil, fmt.Errorf("report: %s: %w", MeasuredFile, err)
	}
	return b.Bytes(), nil
}

// readMeasured reads measured.json of a report.
func readMeasured(dir string) (*Measured, error) {
	path := filepath.Join(dir, MeasuredFile)
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	m := &Measured{}
	if err := json.Unmarshal(b, m); err != nil {
		return nil, fmt.Errorf("report: %s: %w", path, err)
	}
	return m, nil
}
