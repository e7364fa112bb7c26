package tokenizer

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// withConfig is the directory of a tokenizer with a configuration.
func withConfig(t *testing.T, name, config string) string {
	t.Helper()
	dir := t.TempDir()
	b, err := os.ReadFile("testdata/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	for file, data := range map[string][]byte{"tokenizer.json": b, configFile: []byte(config)} {
		if err := os.WriteFile(filepath.Join(dir, file), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// A configuration that speaks of BOS or EOS replaces the post-processor.
func TestConfig(t *testing.T) {
	file := open(t, "llama3") // its template begins with <s>
	bos, _ := file.ID("<s>")
	eos, _ := file.ID("<|im_end|>")
	text := file.Encode("Hi", false).IDs
	for _, c := range []struct {
		config string
		want   []int32
	}{
		{`{}`, append([]int32{bos}, text...)},
		{`{"add_bos_token":null,"bos_token":"<s>"}`, append([]int32{bos}, text...)},
		{`{"add_bos_token":false,"bos_token":"<s>"}`, text},
		{`{"add_bos_token":true,"bos_token":null}`, text},
		{`{"add_eos_token":true,"eos_token":{"content":"<|im_end|>"},"bos_token":"<s>"}`, append(text[:len(text):len(text)], eos)},
		{`{"add_bos_token":true,"add_eos_token":true,"eos_token":"<|im_end|>","bos_token":"<s>"}`, append(append([]int32{bos}, text...), eos)},
	} {
		tok, err := Open(withConfig(t, "llama3", c.config))
		if err != nil {
			t.Errorf("%s: %v", c.config, err)
			continue
		}
		if got := tok.Encode("Hi", true).IDs; !equal(got, c.want) {
			t.Errorf("%s: ids %v, want %v", c.config, got, c.want)
		}
		if got, want := len(tok.Prefix()) == 1, len(c.want) > 0 && c.want[0] == bos; got != want {
			t.Errorf("%s: prefix %v", c.config, tok.Prefix())
		}
	}
	for config, want := range map[string]string{
		`{"add_bos_token":true,"bos_token":"<none>"}`: `bos_token: found "<none>", which is not in the vocabulary`,
		`{"add_bos_token":1}`:                         configFile,
		`{"bos_token":["<s>"]}`:                       configFile,
	} {
		if _, err := Open(withConfig(t, "llama3", config)); err == nil || !strings.Contains(err.Error(), want) {
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
		if got := tok.Encode("Hi", true).IDs; !equal(got, e.IDs) {
			t.Errorf("%s: ids %v, want %v", e.Name, got, e.IDs)
		}
	})
	if n < 11 {
		t.Errorf("%d configurations, expected 11", n)
	}
}
