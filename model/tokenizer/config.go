package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// configFile lies beside a tokenizer.model and says how it is used.
const configFile = "tokenizer_config.json"

// useConfig is what counts here of a tokenizer_config.json. Beside a
// tokenizer.json nothing of it counts, as in transformers 5: the post-processor
// says what is put around a text.
type useConfig struct {
	AddBOS *bool        `json:"add_bos_token"`
	AddEOS *bool        `json:"add_eos_token"`
	BOS    tokenContent `json:"bos_token"`
	EOS    tokenContent `json:"eos_token"`
}

// tokenContent is a token as a string, or an object that holds one.
type tokenContent string

// UnmarshalJSON takes both, and null.
func (c *tokenContent) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '{' {
		var x struct{ Content string }
		err := json.Unmarshal(b, &x)
		*c = tokenContent(x.Content)
		return err
	}
	var s *string
	err := json.Unmarshal(b, &s)
	*c = tokenContent(text0(s))
	return err
}

// applyConfig reads the configuration in dir, if there is one.
func (t *Tokenizer) applyConfig(dir string) error {
	path := filepath.Join(dir, configFile)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("tokenizer: %w", err)
	}
	var c useConfig
	if err := json.Unmarshal(b, &c); err != nil {
		return fmt.Errorf("tokenizer: %s: %w", path, err)
	}
	if err := t.use(&c); err != nil {
		return fmt.Errorf("tokenizer: %s: %w", path, err)
	}
	return nil
}

// use puts around texts what c says.
func (t *Tokenizer) use(c *useConfig) error {
	if c.AddBOS == nil && c.AddEOS == nil {
		return nil
	}
	prefix, err := t.edge("bos_token", c.BOS, yes(c.AddBOS, false))
	if err != nil {
		return err
	}
	suffix, err := t.edge("eos_token", c.EOS, yes(c.AddEOS, false))
	if err != nil {
		return err
	}
	t.posts = []postProcessor{template{{ids: prefix}, {sequence: true}, {ids: suffix}}}
	return t.checkPosts()
}

// edge is the id of a token that is asked for; a token that is not named is
// not put anywhere.
func (t *Tokenizer) edge(name string, token tokenContent, add bool) ([]int32, error) {
	if !add || token == "" {
		return nil, nil
	}
	id, ok := t.ID(string(token))
	if !ok {
		return nil, fmt.Errorf("%s: found %q, which is not in the vocabulary", name, token)
	}
	return []int32{id}, nil
}
