package model

import (
	"fmt"
	"slices"
	"strings"

	"agar/model/gguf"
)

// family is one model architecture: how its configs become a Spec and what its
// tensors are called. A new family is a new file with one of these, added to
// families.
type family struct {
	architectures []string // as in config.json
	ggufName      string   // general.architecture
	spec          func(c *config) (Spec, error)
	ggufSpec      func(f *gguf.File) (Spec, error)
	hf, gguf      tensorNames
	ignored       []string // suffixes of tensors in files that carry no weights
	// rowOrder is how the rows of a projection of a GGUF file must be read to
	// come in the order of the HF checkpoint; nil is as they lie.
	rowOrder func(s *Spec, p proj) []int32
}

// tensorNames are the names of a family's tensors; %d is the layer.
type tensorNames struct {
	embed, norm, unembed string
	attnNorm, mlpNorm    string
	projs                [nProjs]string
	ropeDivisors         string // divides the rotary frequencies; GGUF only
}

func families() []*family { return []*family{llama()} }

// familyOf finds the family of the architectures that a config.json lists.
func familyOf(architectures []string) (*family, string, error) {
	for _, f := range families() {
		for _, a := range architectures {
			if slices.Contains(f.architectures, a) {
				return f, a, nil
			}
		}
	}
	return nil, "", fmt.Errorf("%w: found %s, expected one of %s", ErrUnknownArchitecture, quoted(architectures), strings.Join(known(), ", "))
}

// ggufFamily finds the family that a GGUF file calls name.
func ggufFamily(name string) (*family, error) {
	var have []string
	for _, f := range families() {
		if f.ggufName == name {
			return f, nil
		}
		have = append(have, f.ggufName)
	}
	return nil, fmt.Errorf("%w: found %q, expected one of %s", ErrUnknownArchitecture, name, strings.Join(have, ", "))
}

func known() []string {
	var names []string
	for _, f := range families() {
		names = append(names, f.architectures...)
	}
	return names
}

func quoted(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	q := make([]string, len(names))
	for i, n := range names {
		q[i] = fmt.Sprintf("%q", n)
	}
	return strings.Join(q, ", ")
}
