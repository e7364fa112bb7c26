package model

import "strings"

// bareSource serves the tensors of a checkpoint that was saved without its head,
// as GPT-2's was: there the names lack the prefix of the body ("transformer.").
type bareSource struct {
	tensorSource
	prefix, unembed string
}

// withPrefix is src with the names of its tensors as the family calls them.
func withPrefix(src tensorSource, names *tensorNames) tensorSource {
	prefix, rest, ok := strings.Cut(names.embed, ".")
	if !ok {
		return src
	}
	if _, there, err := src.tensor(names.embed); there || err != nil {
		return src
	}
	if _, there, err := src.tensor(rest); !there || err != nil {
		return src
	}
	return bareSource{src, prefix + ".", names.unembed}
}

func (b bareSource) tensor(name string) (stored, bool, error) {
	t, ok, err := b.tensorSource.tensor(strings.TrimPrefix(name, b.prefix))
	t.name = name
	return t, ok, err
}

func (b bareSource) names() []string {
	var out []string
	for _, n := range b.tensorSource.names() {
		if n != b.unembed {
			n = b.prefix + n
		}
		out = append(out, n)
	}
	return out
}
