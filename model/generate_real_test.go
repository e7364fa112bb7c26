package model

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// generateCase is an element of what testdata/dump_generate.py writes.
type generateCase struct {
	Name    string   `json:"name"`
	IDs     []int32  `json:"ids"`
	Penalty float64  `json:"penalty"`
	Stop    []string `json:"stop"`
	EOS     []int32  `json:"eos"`
	MaxNew  int      `json:"max_new"`
	Tokens  []int32  `json:"tokens"`
	Text    string   `json:"text"`
	Margin  float64  `json:"margin"`
}

// want is the text before the stop string, which transformers leaves in.
func (c *generateCase) want() string {
	if at, stop := firstStop(c.Text, c.Stop); stop != "" {
		return c.Text[:at]
	}
	return c.Text
}

// TestGenerateOnRealModels compares continuations with transformers' generate:
// AGAR_DUMPS/generate/NAME.json of a model of AGAR_MODELS of that base name.
func TestGenerateOnRealModels(t *testing.T) {
	dumps, models := os.Getenv("AGAR_DUMPS"), filepath.SplitList(os.Getenv("AGAR_MODELS"))
	if dumps == "" || len(models) == 0 {
		t.Skip("AGAR_DUMPS or AGAR_MODELS is not set")
	}
	compared := 0
	for _, path := range models {
		data, err := os.ReadFile(filepath.Join(dumps, "generate", filepath.Base(path)+".json"))
		if err != nil {
			continue // not dumped
		}
		var cases []generateCase
		if err := json.Unmarshal(data, &cases); err != nil {
			t.Fatal(err)
		}
		m := open(t, path)
		eos := m.EOS
		for _, c := range cases {
			if m.EOS = eos; !slices.Equal(eos, c.EOS) {
				m.EOS = c.EOS
			}
			got := generateOK(t, m, [][]int32{c.IDs}, GenerateOptions{MaxTokens: c.MaxNew, RepetitionPenalty: c.Penalty, StopStrings: c.Stop})[0]
			text := strings.TrimSuffix(got.Text, "\uFFFD")
			if !slices.Equal(got.IDs, c.Tokens) || got.Finish != FinishToken && text != strings.TrimSuffix(c.want(), "\uFFFD") {
				t.Errorf("%s, %s: %v %q (%s), expected %v %q", path, c.Name, got.IDs, got.Text, got.Finish, c.Tokens, c.want())
			}
			t.Logf("%s: %d tokens equal, smallest margin %.2g", c.Name, len(c.Tokens), c.Margin)
			compared++
		}
	}
	if compared < 7 {
		t.Errorf("%d continuations were compared, expected 7 or more; are AGAR_MODELS and AGAR_DUMPS of one kind?", compared)
	}
}
