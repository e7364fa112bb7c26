package hub

import (
	"slices"
	"strings"
	"testing"

	"agar/model/hub/hubtest"
)

func TestChoose(t *testing.T) {
	for name, c := range map[string]struct {
		have, want string
		o          Options
		fails      string
	}{
		"sharded":     {have: "config.json model.safetensors.index.json model-00001-of-00002.safetensors model-00002-of-00002.safetensors consolidated.safetensors tokenizer.json", want: "config.json model-00001-of-00002.safetensors model-00002-of-00002.safetensors model.safetensors.index.json tokenizer.json"},
		"legacy":      {have: "config.json pytorch_model.bin vocab.json merges.txt tf_model.h5", want: "config.json merges.txt pytorch_model.bin vocab.json"},
		"one gguf":    {have: "README.md a-Q4_K_M.gguf", want: "a-Q4_K_M.gguf"},
		"many gguf":   {have: "a-Q4_K_M.gguf a-Q8_0.gguf", fails: "--file"},
		"named gguf":  {have: "a-Q4_K_M.gguf a-Q8_0.gguf", o: Options{File: "a-Q8_0.gguf"}, want: "a-Q8_0.gguf"},
		"adapter":     {have: "adapter_config.json adapter_model.safetensors tokenizer.json optimizer.pt", want: "adapter_config.json adapter_model.safetensors tokenizer.json"},
		"series":      {have: "checkpoints/checkpoint-10/adapter_config.json checkpoints/checkpoint-10/adapter_model.safetensors checkpoints/checkpoint-10/trainer_state.json checkpoints/checkpoint-10/optimizer.pt", want: "checkpoints/checkpoint-10/adapter_config.json checkpoints/checkpoint-10/adapter_model.safetensors checkpoints/checkpoint-10/trainer_state.json"},
		"dictionary":  {have: "cfg.json sae_weights.safetensors sparsity.safetensors", want: "cfg.json sae_weights.safetensors sparsity.safetensors"},
		"asked for":   {have: "blocks.1/cfg.json blocks.2/cfg.json", o: Options{Include: []string{"blocks.2/*"}}, want: "blocks.2/cfg.json"},
		"left out":    {have: "config.json model.safetensors tokenizer.json", o: Options{Exclude: []string{"*.safetensors"}}, want: "config.json tokenizer.json"},
		"nothing":     {have: "README.md image.png", fails: "found no weights"},
		"nothing too": {have: "", fails: "nothing"},
	} {
		t.Run(name, func(t *testing.T) {
			var files []File
			for _, n := range strings.Fields(c.have) {
				files = append(files, File{Name: n})
			}
			got, err := c.o.choose(files)
			if c.fails != "" {
				if err == nil || !strings.Contains(err.Error(), c.fails) {
					t.Errorf("%v, expected an error with %q", err, c.fails)
				}
				return
			}
			if want := strings.Fields(c.want); err != nil || !slices.Equal(names(got), want) {
				t.Errorf("%q, %v, expected %q", names(got), err, want)
			}
		})
	}
}

func TestParseRef(t *testing.T) {
	for s, want := range map[string]Ref{
		"gpt2": {"gpt2", "main"}, "Qwen/Qwen2.5-0.5B-Instruct": {"Qwen/Qwen2.5-0.5B-Instruct", "main"},
		"a/b@refs/pr/1": {"a/b", "refs/pr/1"}, "a/b@" + hubtest.Commit: {"a/b", hubtest.Commit},
	} {
		if got, err := ParseRef(s); err != nil || got != want {
			t.Errorf("%s: %+v, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "/", "a/b/c", "../a", "a/..", "a/b@", "a/b@../x", "a/b@/x", "a b/c", "-a/b", "a\\b"} {
		if r, err := ParseRef(s); err == nil {
			t.Errorf("%q: %+v, expected an error", s, r)
		}
	}
}

func FuzzListing(f *testing.F) {
	f.Add([]byte(`{"sha":"` + hubtest.Commit + `","siblings":[{"rfilename":"config.json","size":3,"blobId":"aa"},{"rfilename":"m","lfs":{"sha256":"bb","size":9}}]}`))
	f.Add([]byte(`{"sha":"` + hubtest.Commit + `","siblings":[{"rfilename":"../x"}]}`))
	f.Add([]byte(`[`))
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := parseListing(data)
		if err != nil {
			return
		}
		for _, file := range l.files {
			if strings.HasPrefix(file.Name, "/") || slices.Contains(strings.Split(file.Name, "/"), "..") {
				t.Errorf("%q would leave the snapshot", file.Name)
			}
		}
	})
}
