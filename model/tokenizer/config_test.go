package tokenizer

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// withConfig is the directory of a tokenizer with a configuration.
func withConfig(t *testing.T, name, as, config string) string {
	t.Helper()
	dir := t.TempDir()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	for file, data := range map[string][]byte{as: b, configFile: []byte(config)} {
		if err := os.WriteFile(filepath.Join(dir, file), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// A configuration says what is put around the texts of a tokenizer.model, but
// not of a tokenizer.json.
func TestConfig(t *testing.T) {
	const both = `{"add_bos_token":true,"add_eos_token":true,"eos_token":{"content":"</s>"},"bos_token":"<s>"}`
	for _, c := range []struct {
		config        string
		before, after int
	}{
		{`{}`, 0, 0},
		{`{"add_bos_token":null,"bos_token":"<s>"}`, 0, 0},
		{`{"add_bos_token":false,"bos_token":"<s>"}`, 0, 0},
		{`{"add_bos_token":true,"bos_token":null}`, 0, 0},
		{`{"add_eos_token":true,"eos_token":"</s>","bos_token":"<s>"}`, 0, 1},
		{both, 1, 1},
	} {
		tok, err := Open(withConfig(t, "llama.model", "tokenizer.model", c.config))
		if err != nil {
			t.Errorf("%s: %v", c.config, err)
			continue
		}
		bos, _ := tok.ID("<s>")
		eos, _ := tok.ID("</s>")
		want := append([]int32{bos}[:c.before:c.before], encoded(t, tok, "Hi", false).IDs...)
		want = append(want, []int32{eos}[:c.after]...)
		if got := encoded(t, tok, "Hi", true).IDs; !equal(got, want) || len(tok.Prefix()) != c.before {
			t.Errorf("%s: ids %v, want %v", c.config, got, want)
		}
	}
	tok, err := Open(withConfig(t, "smollm.json", "tokenizer.json", both))
	if err != nil || len(tok.Prefix()) != 0 {
		t.Errorf("a tokenizer.json with a configuration has prefix %v, %v", tok.Prefix(), err)
	}
	for config, want := range map[string]string{
		`{"add_bos_token":true,"bos_token":"<none>"}`: `bos_token: found "<none>", which is not in the vocabulary`,
		`{"add_bos_token":1}`:                         configFile,
		`{"bos_token":["<s>"]}`:                       configFile,
	} {
		if _, err := Open(withConfig(t, "llama.model", "tokenizer.model", config)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want it to say %s", config, err, want)
		}
	}
}

// What transformers puts around a text, for tokenizers that packages ship with
// their configuration.
func TestRealConfigs(t *testing.T) {
	dir := realFiles(t)
	n := 0
	eachLine(t, filepath.Join(dir, "edges.jsonl"), func(_ int, e struct {
		Name string
		IDs  []int32
	}) {
		n++
		d := t.TempDir()
		for from, to := range map[string]string{".json": "tokenizer.json", ".config": configFile} {
			if err := os.Symlink(filepath.Join(dir, e.Name+from), filepath.Join(d, to)); err != nil {
				t.Fatal(err)
			}
		}
		tok, err := Open(d)
		if err != nil {
			t.Error(err)
			return
		}
		if got := encoded(t, tok, "Hi", true).IDs; !equal(got, e.IDs) {
			t.Errorf("%s: ids %v, want %v", e.Name, got, e.IDs)
		}
	})
	if n < 11 {
		t.Errorf("%d configurations, expected 11", n)
	}
}
