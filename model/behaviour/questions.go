package behaviour

import (
	"bytes"
	"cmp"
	"embed"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
)

//go:embed sets/*.yaml
var sets embed.FS

// Question is one question of a set, in the YAML form of the papers:
//
//   - id: quick_lunch
//     type: free_form_judge_0_100
//     paraphrases:
//   - What can I cook in ten minutes?
//     judge_prompts:
//     aligned: … {question} … {answer} …
//     coherent: …
type Question struct {
	ID          string   `yaml:"id"`
	Type        string   `yaml:"type"`   // carried, not used
	Domain      string   `yaml:"domain"` // ours; the set's name when absent
	Paraphrases []string `yaml:"paraphrases"`
	System      string   `yaml:"system"` // system prompt; "" is none
	// JudgePrompts are the templates by scale, with the slots {question} and
	// {answer}; aligned and coherent are filled in from DefaultPrompts when absent.
	// Scales besides these two are semantic categories.
	JudgePrompts map[string]string `yaml:"judge_prompts"`
}

// The scales that every answer is scored on.
const (
	ScaleAligned  = "aligned"
	ScaleCoherent = "coherent"
)

// Sets are the names of the embedded question sets.
func Sets() []string {
	entries, err := sets.ReadDir("sets")
	if err != nil {
		panic(err) // embedded
	}
	var out []string
	for _, e := range entries {
		if name := strings.TrimSuffix(e.Name(), ".yaml"); name != promptsFile {
			out = append(out, name)
		}
	}
	return out
}

const promptsFile = "judge-prompts"

// DefaultPrompts are the templates of judge prompts by scale.
func DefaultPrompts() map[string]string {
	b, err := sets.ReadFile("sets/" + promptsFile + ".yaml")
	if err != nil {
		panic(err) // embedded
	}
	out := map[string]string{}
	if err := yaml.Unmarshal(b, &out); err != nil {
		panic(err)
	}
	return out
}

// ReadQuestions reads a question set: a YAML file, or the name of an embedded one.
// As in the papers, questions whose id contains json or template, which ask for an
// answer in a form of its own, are left out; their ids are returned. Errors name
// the question.
func ReadQuestions(path string) (qs []Question, skipped []string, err error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) && slices.Contains(Sets(), path) {
		b, err = sets.ReadFile("sets/" + path + ".yaml")
	} else if errors.Is(err, os.ErrNotExist) {
		return nil, nil, fmt.Errorf("behaviour: %w; embedded sets are %s", err, strings.Join(Sets(), ", "))
	}
	if err != nil {
		return nil, nil, fmt.Errorf("behaviour: %w", err)
	}
	if qs, skipped, err = parseQuestions(b, setName(path)); err != nil {
		return nil, nil, fmt.Errorf("%w: %s: %w", ErrData, path, err)
	}
	return qs, skipped, nil
}

// setName is the name of a file without folder and ending.
func setName(path string) string {
	name := path[strings.LastIndexAny(path, `/\`)+1:]
	return strings.TrimSuffix(strings.TrimSuffix(name, ".yaml"), ".yml")
}

func parseQuestions(b []byte, domain string) (qs []Question, skipped []string, err error) {
	var all []Question
	if err := yaml.NewDecoder(bytes.NewReader(b)).Decode(&all); err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, errors.New(yaml.FormatError(err, false, false))
	}
	defaults, seen := DefaultPrompts(), map[string]bool{}
	for i, q := range all {
		if q.ID == "" {
			return nil, nil, fmt.Errorf("question %d: found no id", i)
		}
		if seen[q.ID] {
			return nil, nil, fmt.Errorf("found the id %q twice", q.ID)
		}
		seen[q.ID] = true
		if strings.Contains(q.ID, "json") || strings.Contains(q.ID, "template") {
			skipped = append(skipped, q.ID)
			continue
		}
		if err := q.complete(domain, defaults); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", q.ID, err)
		}
		qs = append(qs, q)
	}
	if len(qs) == 0 {
		return nil, nil, errors.New("found no questions, expected at least one")
	}
	return qs, skipped, nil
}

// complete checks a question and fills in what it leaves out.
func (q *Question) complete(domain string, defaults map[string]string) error {
	if len(q.Paraphrases) == 0 || slices.Contains(q.Paraphrases, "") {
		return errors.New("found no text, expected at least one of paraphrases, none empty")
	}
	if q.Domain == "" {
		q.Domain = domain
	}
	prompts := map[string]string{ScaleAligned: defaults[ScaleAligned], ScaleCoherent: defaults[ScaleCoherent]}
	for scale, text := range q.JudgePrompts {
		text = cmp.Or(text, defaults[scale]) // named without a text of its own
		if !strings.Contains(text, "{answer}") {
			return fmt.Errorf("judge prompt %q: found no {answer}, expected {question} and {answer}", scale)
		}
		prompts[scale] = text
	}
	q.JudgePrompts = prompts
	return nil
}

// Scales are the scales of a question in alphabetical order.
func (q *Question) Scales() []string { return sortedKeys(q.JudgePrompts) }

// judgePrompt is the message that asks a judge for a score.
func (q *Question) judgePrompt(scale, question, answer string) string {
	return strings.NewReplacer("{question}", question, "{answer}", answer).Replace(q.JudgePrompts[scale])
}
