package hub

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// patterns of what agar reads, the best first: of each group the first pattern
// that matches any file wins.
var (
	always = []string{"config.json", "generation_config.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
		"chat_template.jinja", "chat_template.json", "adapter_config.json", "steering_vector.pt", "trainer_state.json"}
	tokenizers = [][]string{{"tokenizer.json"}, {"tokenizer.model"}, {"spiece.model"}, {"vocab.json", "merges.txt"}, {"vocab.txt"}}
	weights    = [][]string{
		{"model.safetensors"},
		{"model.safetensors.index.json", "model-?????-of-?????.safetensors"},
		{"pytorch_model.bin"},
		{"pytorch_model.bin.index.json", "pytorch_model-?????-of-?????.bin"},
	}
	adapters    = [][]string{{"adapter_model.safetensors"}, {"adapter_model.bin"}}
	dictionary  = []string{"cfg.json", "sae_weights.safetensors", "sparsity.safetensors"}
	checkpoints = regexp.MustCompile(`^(checkpoints/)?checkpoint-\d+$`)
)

// choose picks what to take of the files of a repository: what Options ask for,
// else what agar reads of a model, an adapter, a series of checkpoints or a
// dictionary.
func (o *Options) choose(files []File) ([]File, error) {
	names := make(map[string]bool)
	switch {
	case o.File != "":
		if !slices.ContainsFunc(files, func(f File) bool { return f.Name == o.File }) {
			return nil, fmt.Errorf("%w: found no file %q, expected one of: %s", ErrChoose, o.File, listed(files))
		}
		names[o.File] = true
	case len(o.Include) > 0:
		mark(names, files, func(f File) bool { return matches(f.Name, o.Include) })
	default:
		if err := wanted(names, files); err != nil {
			return nil, err
		}
	}
	var out []File
	for _, f := range files {
		if names[f.Name] && !matches(f.Name, o.Exclude) {
			out = append(out, f)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%w: found no file that agar reads, or that was asked for, among: %s", ErrChoose, listed(files))
	}
	return out, nil
}

// wanted marks what agar reads.
func wanted(names map[string]bool, files []File) error {
	dirs := map[string][]File{}
	for _, f := range files {
		if d := path.Dir(f.Name); d == "." || checkpoints.MatchString(d) {
			dirs[d] = append(dirs[d], f)
		}
	}
	for _, in := range dirs {
		first(names, in, adapters)
		mark(names, in, func(f File) bool { return slices.Contains(always, path.Base(f.Name)) })
	}
	root := dirs["."]
	first(names, root, tokenizers)
	mark(names, root, func(f File) bool { return slices.Contains(dictionary, f.Name) })
	if first(names, root, weights) || slices.ContainsFunc(files, func(f File) bool { return names[f.Name] && isWeights(f.Name) }) {
		return nil
	}
	return oneGGUF(names, root)
}

func isWeights(name string) bool {
	b := path.Base(name)
	return strings.HasPrefix(b, "adapter_model.") || b == "sae_weights.safetensors" || b == "steering_vector.pt"
}

// oneGGUF marks the repository's only GGUF file.
func oneGGUF(names map[string]bool, files []File) error {
	var found []File
	for _, f := range files {
		if strings.HasSuffix(f.Name, ".gguf") {
			found = append(found, f)
		}
	}
	switch len(found) {
	case 0:
		return fmt.Errorf("%w: found no weights that agar reads (safetensors, pytorch_model.bin, GGUF) among: %s", ErrChoose, listed(files))
	case 1:
		names[found[0].Name] = true
		return nil
	}
	return fmt.Errorf("%w: found %d GGUF files, choose one with --file: %s", ErrChoose, len(found), listed(found))
}

// first marks the files of the first group with one, and says whether it found any.
func first(names map[string]bool, files []File, groups [][]string) bool {
	for _, g := range groups {
		if mark(names, files, func(f File) bool { return matches(path.Base(f.Name), g) }) {
			return true
		}
	}
	return false
}

func mark(names map[string]bool, files []File, is func(File) bool) (any bool) {
	for _, f := range files {
		if is(f) {
			names[f.Name], any = true, true
		}
	}
	return any
}

// matches says whether a glob matches the name, or its last element.
func matches(name string, globs []string) bool {
	return slices.ContainsFunc(globs, func(g string) bool {
		whole, _ := path.Match(g, name)
		base, _ := path.Match(g, path.Base(name))
		return whole || base
	})
}

// listed names up to 24 files with their sizes.
func listed(files []File) string {
	var b strings.Builder
	for i, f := range files {
		if i == 24 {
			fmt.Fprintf(&b, " and %d more", len(files)-i)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s (%.1f MB)", f.Name, float64(f.Size)/1e6)
	}
	if len(files) == 0 {
		return "nothing"
	}
	return b.String()
}
