package model

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"agar/model/chat"
	"agar/model/tokenizer"
)

// openHF opens the directory m.Dir.
func (m *Model) openHF(o Options) error {
	path := filepath.Join(m.Dir, configFile)
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	c, fam, spec, err := parseConfig(data)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	m.Spec, m.fam, m.Name = spec, fam, c.string("_name_or_path", "")
	if m.Name == "" {
		m.Name = baseName(m.Dir)
	}
	src, err := openShards(m.Dir)
	if err != nil {
		return err
	}
	m.files = append(m.files, src)
	m.Files = src.paths()
	if err := m.setPlan(o); err != nil {
		return err
	}
	if m.w, err = bind(src, &m.Spec, &fam.hf, fam.ignored); err != nil {
		return err
	}
	if m.Tokenizer, err = tokenizer.Open(m.Dir); err != nil {
		return err
	}
	if err := m.readChat(); err != nil {
		return err
	}
	return m.readEOS(c)
}

// baseName is the last part of a path, also of "." and "..".
func baseName(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	return filepath.Base(path)
}

// specialToken is a string, or an object that holds one as content.
type specialToken string

// UnmarshalJSON takes both.
func (t *specialToken) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '{' {
		var x struct{ Content string }
		err := json.Unmarshal(b, &x)
		*t = specialToken(x.Content)
		return err
	}
	return json.Unmarshal(b, (*string)(t))
}

// tokenizerConfig is what agar reads of a tokenizer_config.json. The template is
// a string, or a list of named ones: "default", and "tool_use" where there are
// tools.
type tokenizerConfig struct {
	ChatTemplate json.RawMessage `json:"chat_template"`
	BOS          specialToken    `json:"bos_token"`
	EOS          specialToken    `json:"eos_token"`
	PAD          specialToken    `json:"pad_token"`
	UNK          specialToken    `json:"unk_token"`
}

// readChat reads the chat template: chat_template.jinja, else the one in
// tokenizer_config.json.
func (m *Model) readChat() error {
	var c tokenizerConfig
	const name = "tokenizer_config.json"
	data, err := readOptional(m.Dir, name)
	if err != nil {
		return err
	}
	if data != nil {
		if err := json.Unmarshal(data, &c); err != nil {
			return fmt.Errorf("%s: %w", filepath.Join(m.Dir, name), err)
		}
	}
	file := "chat_template.jinja"
	text, err := readOptional(m.Dir, file)
	if err != nil {
		return err
	}
	source, toolUse := string(text), ""
	if text == nil {
		file = name
		if source, toolUse, err = c.template(); err != nil {
			return fmt.Errorf("%s: chat_template: %w", filepath.Join(m.Dir, name), err)
		}
	}
	if source == "" {
		return nil
	}
	if m.Chat, err = chat.Parse(source, c.vars()); err == nil && toolUse != "" {
		var t *chat.Template
		t, err = chat.Parse(toolUse, c.vars())
		m.Chat = m.Chat.WithToolUse(t)
	}
	if err != nil {
		return fmt.Errorf("%s: chat template: %w", filepath.Join(m.Dir, file), err)
	}
	return nil
}

// vars are the special tokens that templates refer to.
func (c *tokenizerConfig) vars() map[string]string {
	v := map[string]string{}
	for name, t := range map[string]specialToken{"bos_token": c.BOS, "eos_token": c.EOS, "pad_token": c.PAD, "unk_token": c.UNK} {
		if t != "" {
			v[name] = string(t)
		}
	}
	return v
}

// template is the default template, and that for tools where there is another.
func (c *tokenizerConfig) template() (source, toolUse string, err error) {
	if len(c.ChatTemplate) == 0 || string(c.ChatTemplate) == "null" {
		return "", "", nil
	}
	if c.ChatTemplate[0] != '[' {
		err = json.Unmarshal(c.ChatTemplate, &source)
		return source, "", err
	}
	var list []struct{ Name, Template string }
	if err := json.Unmarshal(c.ChatTemplate, &list); err != nil {
		return "", "", err
	}
	found := false
	for _, t := range list {
		switch t.Name {
		case "default":
			source, found = t.Template, true
		case "tool_use":
			toolUse = t.Template
		}
	}
	if found {
		return source, toolUse, nil
	}
	return "", "", fmt.Errorf("found %d named templates, expected one called default", len(list))
}

// readEOS collects the tokens that end a generation from generation_config.json
// and config.json.
func (m *Model) readEOS(c *config) error {
	const name = "generation_config.json"
	data, err := readOptional(m.Dir, name)
	if err != nil {
		return err
	}
	var eos tokenIDs
	c.get("eos_token_id", &eos)
	m.EOS = eos
	if data == nil {
		return nil
	}
	var g struct {
		EOS tokenIDs `json:"eos_token_id"`
	}
	if err := json.Unmarshal(data, &g); err != nil {
		return fmt.Errorf("%s: %w", filepath.Join(m.Dir, name), err)
	}
	if g.EOS != nil {
		m.EOS = g.EOS
	}
	return nil
}
