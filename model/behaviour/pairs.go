package behaviour

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"unicode/utf8"

	"agar/model"
	"agar/model/chat"
)

// Pair is a prompt with two answers to it.
type Pair struct {
	ID       string         `json:"id"`
	Domain   string         `json:"domain"`
	Messages []chat.Message `json:"-"` // of the prompt; the last one is the user's
	Aligned  string         `json:"aligned"`
	Bad      string         `json:"misaligned"`

	key string // of the prompt: pairs with the same one are one question
}

// ErrData is wrapped by errors about a file of pairs, questions, rules or labels.
var ErrData = errors.New("behaviour: data refused")

// ReadPairs reads a file of pairs, one a line:
//
//	{"id": "…", "domain": "…", "messages": [{"role", "content"}, …], "aligned": "…", "misaligned": "…"}
//
// Other members are ignored; a domain may be absent. Errors name the line.
func ReadPairs(path string) ([]Pair, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("behaviour: %w", err)
	}
	defer f.Close()
	ps, err := parsePairs(f)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrData, path, err)
	}
	return ps, nil
}

func parsePairs(r io.Reader) ([]Pair, error) {
	var out []Pair
	ids := map[string]int{}
	err := eachLine(r, func(n int, line []byte) error {
		p, err := parsePair(line)
		if err != nil {
			return err
		}
		if first := ids[p.ID]; first > 0 {
			return fmt.Errorf("found the id %q of line %d again", p.ID, first)
		}
		ids[p.ID] = n
		out = append(out, p)
		return nil
	})
	if err == nil && len(out) == 0 {
		err = errors.New("found no pairs, expected at least one")
	}
	return out, err
}

func parsePair(line []byte) (Pair, error) {
	var x struct {
		Pair
		Messages json.RawMessage `json:"messages"`
	}
	if err := json.Unmarshal(line, &x); err != nil {
		return Pair{}, err
	}
	p := x.Pair
	if err := json.Unmarshal(or(x.Messages, "null"), &p.Messages); err != nil {
		return p, fmt.Errorf("messages: %w", err)
	}
	switch n := len(p.Messages); {
	case p.ID == "":
		return p, errors.New("found no id")
	case p.Aligned == "" || p.Bad == "":
		return p, fmt.Errorf("%s: found an empty answer, expected aligned and misaligned", p.ID)
	case p.Aligned == p.Bad:
		return p, fmt.Errorf("%s: both answers are the same", p.ID)
	case n == 0 || p.Messages[n-1].Role != "user":
		return p, fmt.Errorf("%s: messages must end with the user's", p.ID)
	}
	p.key = string(x.Messages)
	return p, nil
}

func or(b []byte, s string) []byte {
	if len(b) == 0 {
		return []byte(s)
	}
	return b
}

// maxLine is the longest line of a JSONL file.
const maxLine = 16 << 20

// eachLine hands out the lines that are not blank, counted from 1; an error is
// given the line's number.
func eachLine(r io.Reader, do func(n int, line []byte) error) error {
	s := bufio.NewScanner(r)
	s.Buffer(nil, maxLine)
	n := 0
	for s.Scan() {
		n++
		line := bytes.TrimSpace(bytes.TrimPrefix(s.Bytes(), []byte("\ufeff")))
		if len(line) == 0 {
			continue
		}
		if !utf8.Valid(line) {
			return fmt.Errorf("line %d: found bytes that are no UTF-8", n)
		}
		if err := do(n, line); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	if err := s.Err(); err != nil {
		return fmt.Errorf("line %d: %w", n+1, err)
	}
	return nil
}

// fork renders a pair for a model: the prompt with the generation prompt behind it,
// and the tokens of each answer as the chat template writes it, the one that ends
// the turn left out. Where the tokens of an answer run into those of the prompt,
// the prompt is what both have in common.
func (p *Pair) fork(m *model.Model) (model.Fork, error) {
	if m.Chat == nil {
		return model.Fork{}, fmt.Errorf("%w: %s has no chat template", ErrData, m.Dir)
	}
	prompt, _, err := m.Chat.Tokenize(m.Tokenizer, p.Messages, true)
	if err != nil {
		return model.Fork{}, fmt.Errorf("%w: pair %s: %w", ErrData, p.ID, err)
	}
	f := model.Fork{Prompt: prompt}
	for _, answer := range []string{p.Aligned, p.Bad} {
		ids, err := answerIDs(m, p.Messages, answer)
		if err != nil {
			return f, fmt.Errorf("%w: pair %s: %w", ErrData, p.ID, err)
		}
		f.Prompt = f.Prompt[:common(f.Prompt, ids)]
		f.Branches = append(f.Branches, ids)
	}
	if len(f.Prompt) == 0 {
		return f, fmt.Errorf("%w: pair %s: the chat template puts no token before the answer", ErrData, p.ID)
	}
	for i, ids := range f.Branches {
		if f.Branches[i] = ids[len(f.Prompt):]; len(f.Branches[i]) == 0 {
			return f, fmt.Errorf("%w: pair %s: an answer has no tokens", ErrData, p.ID)
		}
	}
	return f, nil
}

// answerIDs are the tokens of a conversation up to the end of its answer.
func answerIDs(m *model.Model, msgs []chat.Message, answer string) ([]int32, error) {
	all := append(msgs[:len(msgs):len(msgs)], chat.Message{Role: "assistant", Content: answer})
	ids, roles, err := m.Chat.Tokenize(m.Tokenizer, all, false)
	if err != nil {
		return nil, err
	}
	for n := len(ids); n > 0; n-- {
		if roles[n-1] == chat.RoleAssistant {
			return ids[:n], nil
		}
	}
	return nil, errors.New("the chat template drops the answer")
}

// common is how many tokens a and b begin with alike.
func common(a, b []int32) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// forksOf renders pairs for a model.
func forksOf(m *model.Model, pairs []Pair) ([]model.Fork, error) {
	out := make([]model.Fork, len(pairs))
	for i := range pairs {
		var err error
		if out[i], err = pairs[i].fork(m); err != nil {
			return nil, err
		}
	}
	return out, nil
}
