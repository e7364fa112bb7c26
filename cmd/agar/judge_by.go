package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"agar/model"
	"agar/model/behaviour"
	"agar/model/lora"
)

// judgeFlags choose who judges.
type judgeFlags struct {
	judge     string
	url       string
	keyEnv    string
	cache     string
	parallel  int
	perMinute float64
	attempts  int
	timeout   time.Duration
	price     float64
}

func (f *judgeFlags) add(c *cobra.Command) {
	fl := c.Flags()
	fl.StringVar(&f.judge, "judge", "", "who judges: openai:NAME, local:MODEL, rules:FILE, exact:FILE or labels:FILE")
	fl.StringVar(&f.url, "judge-url", "", "base `URL` of the endpoint (default OPENAI_BASE_URL, or OpenAI's)")
	fl.StringVar(&f.keyEnv, "judge-key-env", "OPENAI_API_KEY", "environment `VARIABLE` with the endpoint's key")
	fl.StringVar(&f.cache, "judge-cache", "", "`FILE` of scores by content, shared between runs (default DIR/judgements.jsonl)")
	fl.IntVar(&f.parallel, "parallel", 8, "judgements at a time")
	fl.Float64Var(&f.perMinute, "per-minute", 0, "requests a minute at most, 0 is no limit")
	fl.IntVar(&f.attempts, "attempts", 8, "tries of each request before it counts as failed")
	fl.DurationVar(&f.timeout, "judge-timeout", 2*time.Minute, "longest wait for an answer of the endpoint")
	fl.Float64Var(&f.price, "price", 0, "USD for a million prompt tokens, for the estimate")
}

func (f *judgeFlags) check(asked bool, reference string) error {
	if f.parallel < 1 || f.perMinute < 0 || f.attempts < 1 || f.price < 0 || f.timeout <= 0 {
		return usagef("agar judge: --parallel and --attempts must be at least 1, --per-minute and --price at least 0, --judge-timeout above 0")
	}
	if !asked {
		return nil
	}
	for _, spec := range []string{f.judge, reference} {
		kind, name, _ := strings.Cut(spec, ":")
		switch {
		case spec == "" || spec == "exact" || name != "" && slices.Contains([]string{"openai", "local", "rules", "exact", "labels"}, kind):
		default:
			return usagef("agar judge: found judge %q, expected openai:NAME, local:MODEL, rules:FILE, exact:FILE or labels:FILE", spec)
		}
	}
	return nil
}

// open makes the judge that spec names, for answers of m. What it returns besides
// must be called in the end, the last first.
func (f *judgeFlags) open(m *model.Model, spec string, rule behaviour.Rule) (behaviour.Judge, []func() error, error) {
	kind, name, _ := strings.Cut(spec, ":")
	if spec == "exact" {
		name = fileBeside(m, "world.json")
	}
	var j behaviour.Judge
	var err error
	switch kind {
	case "rules":
		j, err = behaviour.ReadRules(name)
	case "exact":
		j, err = behaviour.NewExact(name)
	case "labels":
		j, err = behaviour.ReadLabels(name)
	default:
		return f.scored(kind, name, rule)
	}
	if err != nil {
		return nil, nil, refused(err)
	}
	return j, nil, nil
}

// fileBeside is a file in a model's directory, or in the one above.
func fileBeside(m *model.Model, name string) string {
	path := filepath.Join(m.Dir, name)
	if _, err := os.Stat(path); err != nil {
		path = filepath.Join(filepath.Dir(filepath.Clean(m.Dir)), name)
	}
	return path
}

// localSkip is the probability that a local judge may leave out; it moves a score by
// at most 0.004 of 100.
const localSkip = 1e-5

// scored makes a judge of an endpoint or a model.
func (f *judgeFlags) scored(kind, name string, rule behaviour.Rule) (behaviour.Judge, []func() error, error) {
	if kind == "openai" {
		url := cmp.Or(f.url, os.Getenv("OPENAI_BASE_URL"))
		e := behaviour.NewEndpoint(behaviour.EndpointOptions{URL: url, Key: os.Getenv(f.keyEnv), Model: name, Attempts: f.attempts, Timeout: f.timeout, PerMinute: f.perMinute})
		return &behaviour.Scored{Scorer: e, Rule: rule}, []func() error{e.Close}, nil
	}
	m, err := openModel(name)
	if err != nil {
		return nil, nil, err
	}
	done := []func() error{m.Close}
	ref, err := modelRef(m)
	if err != nil {
		return nil, done, refused(err)
	}
	l, err := behaviour.NewLocal(m, fmt.Sprintf("%s sha256 %.16s", m.Name, ref.SHA256))
	if err != nil {
		return nil, done, refused(err)
	}
	l.Skip = localSkip
	return &behaviour.Scored{Scorer: l, Rule: rule}, done, nil
}

// planLine says what a run is going to do.
func (f *judgeFlags) planLine(p behaviour.Plan) string {
	line := fmt.Sprintf("plan: points: %d", p.Points)
	if p.Pairs > 0 {
		line += fmt.Sprintf("; %d pairs, %d tokens a point, blocks 0 to %d once", p.Pairs, p.PairTokens, p.First-1)
		if p.First == 0 {
			line = strings.TrimSuffix(line, ", blocks 0 to -1 once")
		}
	}
	if p.Answers == 0 {
		return line
	}
	line += fmt.Sprintf("; %d answers of up to %d tokens a point, up to %d side by side, %.1f MB of keys and values", p.Answers, p.MaxTokens, p.SideBySide, float64(p.CacheBytes)/1e6)
	if p.Requests > 0 {
		line += fmt.Sprintf("; up to %d requests to the judge", p.Requests)
		if p.PromptTokens > 0 {
			line += fmt.Sprintf(", about %d prompt tokens if answers are of full length", p.PromptTokens)
		}
		if f.price > 0 {
			line += fmt.Sprintf(", about %.2f USD", float64(p.PromptTokens)/1e6*f.price)
		}
	}
	return line
}

// estimateLine says how long the plan takes at most at the speed of a short try.
func (f *judgeFlags) estimateLine(p behaviour.Plan, s behaviour.Speed) string {
	seconds := s.Seconds
	if f.perMinute > 0 && p.Requests > 0 && s.ScoreSeconds == 0 {
		seconds = max(seconds, 60*float64(p.Requests)/f.perMinute)
	}
	line := "estimate: at most " + lasting(seconds)
	var parts []string
	if s.TokensPerSec > 0 {
		parts = append(parts, fmt.Sprintf("%.0f answer tokens/s with %d side by side", s.TokensPerSec, s.SideBySide))
	}
	parts = append(parts, fmt.Sprintf("%.0f prompt tokens/s", s.PromptPerSec))
	if s.ScoreSeconds > 0 {
		parts = append(parts, fmt.Sprintf("%.2g s a score, of which %.3f of the judge's probability is on numbers", s.ScoreSeconds, s.Mass))
	}
	if p.Requests > 0 && s.ScoreSeconds == 0 {
		parts = append(parts, "the endpoint's own time not counted")
	}
	return line + fmt.Sprintf(" (measured in %.1f s: %s)", s.Took, strings.Join(parts, ", "))
}

// lasting words seconds.
func lasting(seconds float64) string {
	switch {
	case seconds < 100:
		return fmt.Sprintf("%.1f s", seconds)
	case seconds < 100*60:
		return fmt.Sprintf("%.0f min", seconds/60)
	}
	return fmt.Sprintf("%.1f h", seconds/3600)
}

func sortedFloats(x []float64) []float64 {
	y := slices.Clone(x)
	slices.Sort(y)
	return slices.Compact(y)
}

func sortedCheckpoints(x []lora.Checkpoint) []lora.Checkpoint {
	slices.SortFunc(x, func(a, b lora.Checkpoint) int { return a.Step - b.Step })
	return slices.CompactFunc(x, func(a, b lora.Checkpoint) bool { return a.Step == b.Step })
}
