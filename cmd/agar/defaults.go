package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// applyDefaults fills in the flags that the command line left out, first from
// the environment (AGAR_SAE_TRAIN_K for --k of agar sae train), then from the
// TOML file of --config (k = 32 in the table [sae.train]).
func applyDefaults(c *cobra.Command) error {
	table, file, err := configTable(c)
	if err != nil {
		return err
	}
	var failed error
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if failed == nil && !f.Changed && f.Name != "config" && f.Name != "help" {
			failed = applyDefault(c, f, table, file)
		}
	})
	return failed
}

func applyDefault(c *cobra.Command, f *pflag.Flag, table map[string]any, file string) error {
	env := envName(c, f.Name)
	if v, ok := os.LookupEnv(env); ok {
		if err := c.Flags().Set(f.Name, v); err != nil {
			return usagef("environment %s=%q: %w", env, v, err)
		}
		return nil
	}
	if v, ok := table[f.Name]; ok {
		if err := setFromTOML(c, f.Name, v); err != nil {
			return usagef("%s: %s of [%s]: %w", file, f.Name, strings.Join(words(c), "."), err)
		}
	}
	return nil
}

func setFromTOML(c *cobra.Command, name string, v any) error {
	if list, ok := v.([]any); ok {
		parts := make([]string, len(list))
		for i, x := range list {
			parts[i] = fmt.Sprint(x)
		}
		return c.Flags().Set(name, strings.Join(parts, ","))
	}
	return c.Flags().Set(name, fmt.Sprint(v))
}

// configTable reads the table of c from the --config file. A key that is no
// flag of the command is an error, so that a misspelt setting is never lost.
func configTable(c *cobra.Command) (map[string]any, string, error) {
	file, _ := c.Flags().GetString("config")
	if file == "" {
		return nil, "", nil
	}
	var all map[string]any
	if _, err := toml.DecodeFile(file, &all); err != nil {
		return nil, file, usagef("config %s: %w", file, err)
	}
	table := all
	for _, w := range words(c) {
		sub, ok := table[w].(map[string]any)
		if !ok {
			return nil, file, nil
		}
		table = sub
	}
	for key, v := range table {
		if _, nested := v.(map[string]any); !nested && c.Flags().Lookup(key) == nil {
			return nil, file, usagef("config %s: [%s] has %q, which is no flag of %s", file, strings.Join(words(c), "."), key, c.CommandPath())
		}
	}
	return table, file, nil
}

// words is the command path without the program's name.
func words(c *cobra.Command) []string { return strings.Fields(c.CommandPath())[1:] }

func envName(c *cobra.Command, flag string) string {
	name := strings.Join(append(append([]string{"agar"}, words(c)...), flag), "_")
	return strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}
