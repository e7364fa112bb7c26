package lora

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dlclark/regexp2/v2"
)

// allLinear is the value of target_modules that stands for every linear layer
// but the output's.
const allLinear = "all-linear"

// suffixOf is the expression PEFT matches a key of rank_pattern with,
// utils/other.py get_pattern_key: re.match(rf"(.*\.)?({pattern})$", name). So a
// pattern is a regular expression for a suffix of the module name that starts at
// a dot, or for all of it.
func suffixOf(pattern string) string { return `\A(.*\.)?(` + pattern + `)$` }

// wholes are the expressions of a setting that is one regular expression for
// whole names; none when it is a list of names.
func wholes(list []string, isRegexp bool) []string {
	if !isRegexp || len(list) == 0 || strings.EqualFold(list[0], allLinear) {
		return nil
	}
	return []string{`\A(?:` + list[0] + `)\z`}
}

// layerExps are the expressions that find a layer's number behind each pattern.
func layerExps(patterns []string) []string {
	if len(patterns) == 0 || len(patterns) == 1 && patterns[0] == "" {
		return []string{`\A.*?\.[^.]*\.(?<idx>[0-9]+)\.`}
	}
	var out []string
	for _, p := range patterns {
		out = append(out, `\A(?:|.*?\.)`+p+`\.(?<idx>[0-9]+)\.`)
	}
	return out
}

// savedExps are the expressions for the modules that entries of modules_to_save
// stand for, and all that is inside them.
func savedExps(entries []string) []string {
	var out []string
	for _, m := range entries {
		out = append(out, `\A(|.*\.)`+m+`($|\..*)`)
	}
	return out
}

// expression is a compiled regular expression.
type expression struct {
	plain *regexp.Regexp  // linear in time; nil where the dialect needs more
	rich  *regexp2.Regexp // look-around and back-references
}

// compiled keeps expressions: every module of every checkpoint asks for the same
// few. When there are more than maxCompiled it begins anew.
var (
	compiled sync.Map // string → *expression
	kept     atomic.Int32
)

const maxCompiled = 1 << 14

// compile compiles an expression in Python's dialect: with Go's own engine, or
// with regexp2 what that does not know (look-around and all).
func compile(exp string) (*expression, error) {
	if e, ok := compiled.Load(exp); ok {
		return e.(*expression), nil
	}
	if err := pythons(exp); err != nil {
		return nil, err
	}
	e := &expression{}
	var err error
	if e.plain, err = regexp.Compile(exp); err != nil {
		e.plain = nil
		if e.rich, err = regexp2.Compile(strings.ReplaceAll(exp, "(?P<", "(?<"), regexp2.None); err != nil {
			return nil, err
		}
		e.rich.MatchTimeout = time.Second
	}
	if kept.Add(1) > maxCompiled {
		compiled.Clear()
		kept.Store(1)
	}
	compiled.Store(exp, e)
	return e, nil
}

// pythonEscapes are the letters that Python's re knows behind a backslash, and z,
// with which agar itself ends expressions.
const pythonEscapes = "ABDNSUWZabdfnrstuvwxz"

// pythons refuses the escapes that Python refuses. The engines here know some of
// them, like classes of Unicode, not all of which regexp2 can match with.
func pythons(exp string) error {
	for i := 0; i+1 < len(exp); i++ {
		if exp[i] != '\\' {
			continue
		}
		i++
		if letter := exp[i] | 0x20; 'a' <= letter && letter <= 'z' && strings.IndexByte(pythonEscapes, exp[i]) < 0 {
			return fmt.Errorf("bad escape \\%c, which Python does not know", exp[i])
		}
	}
	return nil
}

// find tells whether the expression finds a match in name, and what its group idx
// holds.
func (e *expression) find(name string) (idx string, ok bool, err error) {
	if e.plain != nil {
		g := e.plain.FindStringSubmatch(name)
		if i := e.plain.SubexpIndex("idx"); g != nil && i >= 0 {
			idx = g[i]
		}
		return idx, g != nil, nil
	}
	m, err := e.rich.FindStringMatch(name)
	if err != nil || m == nil {
		return "", false, err
	}
	if g := m.GroupByName("idx"); g != nil {
		idx = g.String()
	}
	return idx, true, nil
}

// search looks for an expression in name.
func search(exp, name string) (idx string, ok bool, err error) {
	e, err := compile(exp)
	if err != nil {
		return "", false, fmt.Errorf("pattern %q: %w", exp, err)
	}
	if idx, ok, err = e.find(name); err != nil {
		return "", false, fmt.Errorf("pattern %q on %s: %w", exp, name, err)
	}
	return idx, ok, nil
}

// matches tells whether an expression finds a match in name.
func matches(exp, name string) (bool, error) {
	_, ok, err := search(exp, name)
	return ok, err
}

// match finds the first of patterns, in order, that a suffix of name matches.
func match(patterns []string, name string) (string, bool, error) {
	for _, p := range patterns {
		if ok, err := matches(suffixOf(p), name); ok || err != nil {
			return p, ok, err
		}
	}
	return "", false, nil
}

// ForModule gives rank, α and scale s of the module with this name
// (model.layers.21.mlp.down_proj): rank_pattern and alpha_pattern first, then
// the defaults; s = α/r, or α/√r with rslora.
func (c *Config) ForModule(name string) (r int, alpha, scale float64, err error) {
	r, alpha = c.R, c.Alpha
	p, ok, err := match(c.rankOrder, name)
	if err != nil {
		return 0, 0, 0, err
	} else if ok {
		r = c.RankPattern[p]
	}
	p, ok, err = match(c.alphaOrder, name)
	if err != nil {
		return 0, 0, 0, err
	} else if ok {
		alpha = c.AlphaPattern[p]
	}
	if c.RSLoRA {
		return r, alpha, alpha / math.Sqrt(float64(r)), nil
	}
	return r, alpha, alpha / float64(r), nil
}

// Targets tells whether PEFT puts factors on the module with this name:
// target_modules names it (the whole name or its last parts, or by a regular
// expression for the whole name), exclude_modules and modules_to_save do not,
// and layers_to_transform has its layer. Without target_modules, every module.
func (c *Config) Targets(name string) (bool, error) {
	for _, excluded := range []func(string) (bool, error){c.excludes, c.Saves} {
		if out, err := excluded(name); out || err != nil {
			return false, err
		}
	}
	if len(c.TargetModules) == 0 || c.TargetRegexp && strings.EqualFold(c.TargetModules[0], allLinear) {
		return true, nil
	}
	if c.TargetRegexp {
		return matches(wholes(c.TargetModules, true)[0], name)
	}
	if slices.Contains(c.TargetModules, name) {
		return true, nil
	}
	if !endsWith(name, c.TargetModules) {
		return false, nil
	}
	return c.inLayers(name)
}

// endsWith tells whether name is one of the entries or ends with a dot and one.
func endsWith(name string, entries []string) bool {
	return slices.ContainsFunc(entries, func(e string) bool { return name == e || strings.HasSuffix(name, "."+e) })
}

// excludes tells whether exclude_modules names a module.
func (c *Config) excludes(name string) (bool, error) {
	if c.ExcludeRegexp {
		return matches(`\A(?:`+c.Exclude[0]+`)\z`, name)
	}
	return endsWith(name, c.Exclude), nil
}

// Saves tells whether modules_to_save names the module, or one around it.
func (c *Config) Saves(name string) (bool, error) {
	for _, e := range savedExps(c.ModulesToSave) {
		if ok, err := matches(e, name); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

// inLayers tells whether layers_to_transform has the layer of a module.
func (c *Config) inLayers(name string) (bool, error) {
	if len(c.Layers) == 0 {
		return true, nil
	}
	for _, e := range layerExps(c.LayersPattern) {
		idx, ok, err := search(e, name)
		if err != nil {
			return false, err
		}
		if ok {
			n, err := strconv.Atoi(idx)
			return err == nil && slices.Contains(c.Layers, n), nil
		}
	}
	return false, nil
}

// unusedPattern is a key of rank_pattern or alpha_pattern that matches none of
// the modules, with the name of the setting.
func (c *Config) unusedPattern(modules []string) (key, pattern string, err error) {
	for _, x := range []struct {
		key      string
		patterns []string
	}{{"rank_pattern", c.rankOrder}, {"alpha_pattern", c.alphaOrder}} {
		for _, p := range x.patterns {
			used := false
			for _, m := range modules {
				if used, err = matches(suffixOf(p), m); err != nil {
					return "", "", err
				} else if used {
					break
				}
			}
			if !used {
				return x.key, p, nil
			}
		}
	}
	return "", "", nil
}
