package chat

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// golden is a line of testdata/goldens.jsonl, written by
// testdata/make_goldens.py with transformers.
type golden struct {
	Name     string            `json:"name"`
	Template string            `json:"template"`
	Vars     map[string]string `json:"vars"`
	Cases    []goldenCase      `json:"cases"`
}

type goldenCase struct {
	Messages []Message       `json:"messages"`
	Generate bool            `json:"generate"`
	Tools    json.RawMessage `json:"tools"`
	Text     string          `json:"text"`
	Spans    [][3]int        `json:"spans"` // start, end, message
	Error    string          `json:"error"`
}

func goldens(t testing.TB) (out []golden) {
	t.Helper()
	f, err := os.Open("testdata/goldens.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	in := bufio.NewScanner(f)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		var g golden
		if err := json.Unmarshal(in.Bytes(), &g); err != nil {
			t.Fatal(err)
		}
		out = append(out, g)
	}
	return out
}

// named is the golden template of that name, parsed.
func named(t testing.TB, name string) *Template {
	t.Helper()
	for _, g := range goldens(t) {
		if g.Name == name {
			tpl, err := Parse(g.Template, g.Vars)
			if err != nil {
				t.Fatal(err)
			}
			return tpl
		}
	}
	t.Fatalf("no template %q", name)
	return nil
}

func TestGoldens(t *testing.T) {
	gs := goldens(t)
	if len(gs) != 7 {
		t.Fatalf("%d templates, expected 7", len(gs))
	}
	for _, g := range gs {
		tpl, err := Parse(g.Template, g.Vars)
		if err != nil {
			t.Errorf("%s: %v", g.Name, err)
			continue
		}
		if Source(tpl) != g.Template {
			t.Errorf("%s: another source", g.Name)
		}
		for i, c := range g.Cases {
			t.Run(fmt.Sprintf("%s/%d", g.Name, i), func(t *testing.T) { c.check(t, tpl) })
		}
	}
}

func (c *goldenCase) check(t *testing.T, tpl *Template) {
	if c.Tools != nil {
		var err error
		if tpl, err = tpl.With("tools", c.Tools); err != nil {
			t.Fatal(err)
		}
	}
	r, err := tpl.Render(c.Messages, c.Generate)
	if c.Error != "" {
		if err == nil || !strings.Contains(err.Error(), c.Error) || !strings.Contains(err.Error(), "line ") {
			t.Errorf("error %v, want %q with a line", err, c.Error)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if r.Text != c.Text {
		t.Fatalf("text\n%q, want\n%q", r.Text, c.Text)
	}
	var want []Span
	for _, s := range c.Spans {
		want = append(want, Span{s[0], s[1], roleOf(c.Messages[s[2]].Role)})
	}
	// What an assistant's tool calls say is its own too; the golden has contents.
	calls := slices.ContainsFunc(c.Messages, func(m Message) bool {
		return slices.ContainsFunc(m.Extra, func(f Field) bool { return f.Name == "tool_calls" })
	})
	for _, w := range want {
		if !slices.Contains(r.Spans, w) {
			t.Errorf("spans %v, want %v in %q", r.Spans, w, r.Text)
		}
	}
	if !calls && len(r.Spans) != len(want) {
		t.Errorf("spans %v, want %v in %q", r.Spans, want, r.Text)
	}
}
