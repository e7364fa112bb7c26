package main

import (
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"agar/activations"
	"agar/activations/manifest"
	"agar/model/chat"
	"agar/sae"
	"agar/sae/formats"
)

// newSAE builds `agar sae` and what it does with dictionaries.
func newSAE() *cobra.Command {
	c := &cobra.Command{
		Use:   "sae",
		Short: "train sparse autoencoders, judge them, encode with them, index their features",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newSAETrain(), newSAEEval(), newSAEEncode(), newSAEIndex())
	return c
}

// roleNames are the values of --roles, in the order of their codes.
var roleNames = map[string]uint8{
	"plain": chat.RolePlain, "system": chat.RoleSystem, "user": chat.RoleUser,
	"assistant": chat.RoleAssistant, "tool": chat.RoleTool, "template": chat.RoleTemplate,
}

// filterFlags choose which tokens of a capture count.
type filterFlags struct {
	roles       []string
	keepSpecial bool
	maxNorm     float64
}

func (f *filterFlags) add(c *cobra.Command) {
	c.Flags().StringSliceVar(&f.roles, "roles", nil, "roles that count: plain, system, user, assistant, tool, template (default all)")
	c.Flags().BoolVar(&f.keepSpecial, "keep-special", false, "keep the tokenizer's special tokens")
	c.Flags().Float64Var(&f.maxNorm, "max-norm", activations.DefaultMaxNorm, "leave out tokens whose norm exceeds this many medians, negative for none")
}

func (f *filterFlags) filter() (activations.Filter, error) {
	out := activations.Filter{KeepSpecial: f.keepSpecial, MaxNorm: f.maxNorm}
	for _, name := range f.roles {
		code, ok := roleNames[strings.TrimSpace(name)]
		if !ok {
			return out, usagef("--roles: found %q, expected some of %s", name, strings.Join(sortedKeys(roleNames), ", "))
		}
		out.Roles = append(out.Roles, code)
	}
	return out, nil
}

// openStore opens a capture and settles on a hook: the one asked for, or the
// only one there is.
func openStore(dir, hook string) (*activations.Store, string, error) {
	s, err := activations.Open(dir)
	if err != nil {
		return nil, "", refused(err)
	}
	if hook == "" {
		if hooks := s.Hooks(); len(hooks) == 1 {
			hook = hooks[0]
		} else {
			s.Close()
			return nil, "", usagef("%s holds the hooks %s; choose one with --hook", dir, strings.Join(hooks, ", "))
		}
	}
	if _, err := s.Dim(hook); err != nil {
		s.Close()
		return nil, "", refused(err)
	}
	return s, hook, nil
}

// loadSAE reads a dictionary and says which hook it was trained on, "" when it
// does not say.
func loadSAE(dir string) (*sae.SAE, string, error) {
	s, err := formats.Load(dir)
	if err != nil {
		return nil, "", refused(err)
	}
	hook, _ := s.Metadata["hook_name"].(string)
	return s, hook, nil
}

// openBoth reads a dictionary and a capture, and settles on a hook: the one asked
// for, that of the dictionary, or the only one there is.
func openBoth(dir, capture, asked string) (*sae.SAE, *activations.Store, string, error) {
	s, hook, err := loadSAE(dir)
	if err != nil {
		return nil, nil, "", err
	}
	if asked != "" {
		hook = asked
	}
	store, hook, err := openStore(capture, hook)
	return s, store, hook, err
}

// dirRef names a directory by the hash of one of its files.
func dirRef(dir, file string) (manifest.Ref, error) {
	r, err := manifest.RefOf(dir, file)
	r.Name = filepath.Base(filepath.Clean(dir))
	return r, err
}
