package lora

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/dlclark/regexp2/v2"
)

// compile builds the expression PEFT matches a pattern with, utils/other.py
// get_pattern_key: re.match(rf"(.*\.)?({pattern})$", name). So a pattern is a
// regular expression for a suffix of the module name that starts at a dot, or
// for all of it. The dialect is Python's (look-around and all), hence regexp2.
func compile(pattern string) (*regexp2.Regexp, error) {
	re, err := regexp2.Compile(`\A(.*\.)?(`+pattern+`)$`, regexp2.None)
	if err != nil {
		return nil, err
	}
	re.MatchTimeout = time.Second
	return re, nil
}

// match finds the first of patterns, in order, that matches name.
func match(patterns []string, name string) (string, bool, error) {
	for _, p := range patterns {
		re, err := compile(p)
		if err != nil {
			return "", false, fmt.Errorf("pattern %q: %w", p, err)
		}
		ok, err := re.MatchString(name)
		if err != nil {
			return "", false, fmt.Errorf("pattern %q on %s: %w", p, name, err)
		}
		if ok {
			return p, true, nil
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

// targets reads target_modules: a list of names, one regular expression, or
// nothing.
func targets(raw json.RawMessage) (names []string, isRegexp bool, err error) {
	if len(raw) == 0 || json.Unmarshal(raw, &names) == nil {
		slices.Sort(names)
		return names, false, nil
	}
	var one string
	if err := json.Unmarshal(raw, &one); err != nil {
		return nil, false, fmt.Errorf("key %q: found %s, expected a list of names or a regular expression", "target_modules", brief(raw))
	}
	return []string{one}, true, nil
}
