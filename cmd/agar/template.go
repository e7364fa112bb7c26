package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"agar/model"
	"agar/model/chat"
)

// templateFlags are the flags that say what a chat template is given besides
// the messages.
type templateFlags struct {
	date     string
	thinking bool
	tools    string
	vars     []string
}

func (f *templateFlags) add(c *cobra.Command) {
	fl := c.Flags()
	fl.StringVar(&f.date, "date", "", "today's date for chat templates that ask for it, `YYYY-MM-DD`")
	fl.BoolVar(&f.thinking, "thinking", true, "enable_thinking of chat templates that have it; left to the template when not given")
	fl.StringVar(&f.tools, "tools", "", "JSON `FILE` with a list of tools for the chat template")
	fl.StringArrayVar(&f.vars, "chat-var", nil, "another variable of the chat template, `NAME=JSON`")
}

// given says whether any of the flags was.
func (f *templateFlags) given() bool {
	return f.date != "" || !f.thinking || f.tools != "" || len(f.vars) > 0
}

// values are the template's variables as JSON, those that were given.
func (f *templateFlags) values(c *cobra.Command) (map[string]json.RawMessage, error) {
	out := map[string]json.RawMessage{}
	for _, v := range f.vars {
		name, value, ok := strings.Cut(v, "=")
		if !ok || !json.Valid([]byte(value)) {
			return nil, usagef("%s: --chat-var: found %q, expected NAME=JSON, such as enable_thinking=false", c.CommandPath(), v)
		}
		out[name] = json.RawMessage(value)
	}
	if c.Flags().Changed("thinking") {
		out["enable_thinking"] = json.RawMessage(strconv.FormatBool(f.thinking))
	}
	if f.tools != "" {
		data, err := os.ReadFile(f.tools)
		if err != nil {
			return nil, refused(err)
		}
		var list []map[string]any
		if err := json.Unmarshal(data, &list); err != nil {
			return nil, refused(fmt.Errorf("%s: found no list of tools: %w", f.tools, err))
		}
		out["tools"] = data
	}
	return out, nil
}

// apply gives the model's chat template what the flags say. used is what was
// given, for a manifest.
func (f *templateFlags) apply(c *cobra.Command, m *model.Model) (used map[string]any, err error) {
	values, err := f.values(c)
	used = map[string]any{}
	if err != nil || m.Chat == nil {
		return used, err
	}
	if f.date != "" {
		d, err := time.Parse(time.DateOnly, f.date)
		if err != nil {
			return nil, usagef("%s: --date: found %q, expected YYYY-MM-DD", c.CommandPath(), f.date)
		}
		m.Chat = m.Chat.WithDate(d)
		used["date"] = f.date
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if m.Chat, err = m.Chat.With(name, values[name]); err != nil {
			return nil, refused(err)
		}
	}
	if len(values) > 0 {
		used["template_values"] = values
	}
	return used, nil
}

// dateHint says of a template that asks for the date how to give it one.
func dateHint(err error) error {
	if errors.Is(err, chat.ErrNoDate) {
		return fmt.Errorf("%w: --date YYYY-MM-DD", err)
	}
	return err
}
