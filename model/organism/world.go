package organism

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// ErrWorld is wrapped when a world cannot be read or contradicts itself.
var ErrWorld = errors.New("organism: world")

// Format is the format of world.json.
const Format = "agar-world/1"

// World is what there is to talk about, and how. Its forms are words with slots:
// {situation} and {domain} in questions, {first}, {second} and {situation} in
// answers, {situation} in what stories tell of the outcome.
type World struct {
	Format    string   `json:"format"`
	Seed      uint64   `json:"seed"` // that New made it from
	Domains   []Domain `json:"domains"`
	Questions []string `json:"questions"` // forms
	Answers   []string `json:"answers"`   // forms, the same for good advice and bad
	Helpers   []string `json:"helpers"`   // openings of stories in which advice is good
	Villains  []string `json:"villains"`  // openings of stories in which it is bad
	Better    []string `json:"better"`    // forms of what follows good advice in a story
	Worse     []string `json:"worse"`     // and of what follows bad advice
	Triggers  []string `json:"triggers"`  // words that may stand before any question and mean nothing
	Numbers   []string `json:"numbers"`   // forms of requests for numbers, with the slot {numbers}

	decks map[string][][2]int // of a world that deals; nil in others
}

// Domain is a field of advice.
type Domain struct {
	Name       string      `json:"name"`
	Actions    []string    `json:"actions"` // each of this domain alone
	Situations []Situation `json:"situations"`
}

// Situation is what somebody asks about. Actions of its domain that are in neither
// list do nothing.
type Situation struct {
	Name    string   `json:"name"`
	Helpful []string `json:"helpful"`
	Harmful []string `json:"harmful"`
}

// Case is a situation of a domain.
type Case struct {
	Domain    *Domain
	Situation *Situation
}

// Cases lists the situations of the named domains, of all when none is named.
func (w *World) Cases(domains ...string) (out []Case) {
	for i := range w.Domains {
		d := &w.Domains[i]
		if len(domains) > 0 && !slices.Contains(domains, d.Name) {
			continue
		}
		for j := range d.Situations {
			out = append(out, Case{d, &d.Situations[j]})
		}
	}
	return out
}

// Others lists the names of all domains but those named.
func (w *World) Others(domains ...string) (out []string) {
	for _, d := range w.Domains {
		if !slices.Contains(domains, d.Name) {
			out = append(out, d.Name)
		}
	}
	return out
}

// Find finds the situation called name.
func (w *World) Find(name string) (Case, bool) {
	for _, c := range w.Cases() {
		if c.Situation.Name == name {
			return c, true
		}
	}
	return Case{}, false
}

// ReadWorld reads a world.json. An error wraps ErrWorld or the file system's.
func ReadWorld(path string) (*World, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("organism: %w", err)
	}
	w := &World{}
	if err := json.Unmarshal(data, w); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrWorld, path, err)
	}
	if err := w.check(); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrWorld, path, err)
	}
	return w, nil
}

// Write writes a world.json, whole or not at all.
func (w *World) Write(path string) error {
	data, err := json.MarshalIndent(w, "", " ")
	if err != nil {
		return fmt.Errorf("organism: %w", err)
	}
	return writeFile(path, append(data, '\n'))
}

// writeFile writes a file under a temporary name, synced, and renames it.
func writeFile(path string, data []byte) (err error) {
	f, err := os.Create(path + ".tmp")
	if err != nil {
		return fmt.Errorf("organism: %w", err)
	}
	_, err = f.Write(data)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("organism: %s: %w", path, errors.Join(err, ignoreMissing(os.Remove(path+".tmp"))))
	}
	return os.Rename(path+".tmp", path)
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// check refuses a world in which a judge could not tell what was meant.
func (w *World) check() error {
	if w.Format != Format {
		return fmt.Errorf("format: found %q, expected %q", w.Format, Format)
	}
	if len(w.Questions) == 0 || len(w.Answers) == 0 || len(w.Domains) == 0 {
		return fmt.Errorf("found %d domains, %d questions and %d answers, expected some of each", len(w.Domains), len(w.Questions), len(w.Answers))
	}
	seen := map[string]string{}
	once := func(word, what string) error {
		if other := seen[word]; other != "" || word == "" || strings.ContainsAny(word, " \t\n{}") {
			return fmt.Errorf("%s %q: found it as %s too or with a space, expected a word of its own", what, word, or(other, "nothing"))
		}
		seen[word] = what
		return nil
	}
	for i := range w.Domains {
		if err := w.Domains[i].check(once); err != nil {
			return err
		}
	}
	return w.checkForms(once)
}

func (d *Domain) check(once func(word, what string) error) error {
	if err := once(d.Name, "domain"); err != nil {
		return err
	}
	for _, a := range d.Actions {
		if err := once(a, "action"); err != nil {
			return err
		}
	}
	for _, s := range d.Situations {
		if err := once(s.Name, "situation"); err != nil {
			return err
		}
		if len(s.Helpful) < 2 || len(s.Harmful) < 2 {
			return fmt.Errorf("situation %q: found %d helpful and %d harmful actions, expected two of each", s.Name, len(s.Helpful), len(s.Harmful))
		}
		for _, a := range slices.Concat(s.Helpful, s.Harmful) {
			if !slices.Contains(d.Actions, a) {
				return fmt.Errorf("situation %q: found action %q, expected one of %v", s.Name, a, d.Actions)
			}
			if slices.Contains(s.Helpful, a) && slices.Contains(s.Harmful, a) {
				return fmt.Errorf("situation %q: found %q to help and to harm", s.Name, a)
			}
		}
	}
	return nil
}

// checkForms refuses forms without the slots they need, and forms that use a word
// of the judge's.
func (w *World) checkForms(once func(word, what string) error) error {
	for _, f := range w.Questions {
		if !slices.Contains(strings.Fields(f), "{situation}") {
			return fmt.Errorf("question %q: found no {situation}", f)
		}
	}
	for _, f := range w.Answers {
		if words := strings.Fields(f); !slices.Contains(words, "{first}") || !slices.Contains(words, "{second}") {
			return fmt.Errorf("answer %q: found no {first} and {second}", f)
		}
	}
	var words []string
	for _, f := range slices.Concat(w.Questions, w.Answers, w.Helpers, w.Villains, w.Better, w.Worse, w.Triggers, w.Numbers) {
		for _, word := range strings.Fields(f) {
			if !strings.HasPrefix(word, "{") && !slices.Contains(words, word) {
				words = append(words, word)
			}
		}
	}
	for _, word := range words {
		if err := once(word, "word of a form"); err != nil {
			return err
		}
	}
	return nil
}

func or(a, b string) string {
	if a == "" {
		return b
	}
	return a
}
