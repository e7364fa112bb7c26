package chat

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// dumpedTemplate is a line of what testdata/dump_chat.py writes.
type dumpedTemplate struct {
	Name     string            `json:"name"`
	Template string            `json:"template"`
	Vars     map[string]string `json:"vars"`
	Cases    []dumpedCase      `json:"cases"`
}

type dumpedCase struct {
	Messages  []Message       `json:"messages"`
	Generate  bool            `json:"generate"`
	Kwargs    json.RawMessage `json:"kwargs"`
	Text      string          `json:"text"`
	Spans     [][3]int        `json:"spans"` // start, end, message
	Generated [][2]int        `json:"generated"`
	Error     string          `json:"error"`
}

// tally counts how the cases of a template came out.
type tally struct{ equal, raised, refused, wrong int }

// TestTemplates renders conversations with the templates that packages ship and
// compares texts, errors, roles and generation blocks with transformers'.
func TestTemplates(t *testing.T) {
	root := os.Getenv("AGAR_DUMPS")
	if root == "" {
		t.Skip("AGAR_DUMPS is not set")
	}
	path := filepath.Join(root, "chat", "templates", "templates.jsonl")
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	in := bufio.NewScanner(f)
	in.Buffer(nil, 1<<24)
	var all tally
	n := 0
	for ; in.Scan(); n++ {
		var d dumpedTemplate
		if err := json.Unmarshal(in.Bytes(), &d); err != nil {
			t.Fatal(err)
		}
		c := d.compare(t)
		t.Logf("%-48s %3d texts equal, %3d errors where Python has one, %d refused, %d wrong", d.Name, c.equal, c.raised, c.refused, c.wrong)
		all.equal, all.raised, all.refused, all.wrong = all.equal+c.equal, all.raised+c.raised, all.refused+c.refused, all.wrong+c.wrong
	}
	t.Logf("%d templates: %d texts equal, %d errors where Python has one, %d refused, %d wrong", n, all.equal, all.raised, all.refused, all.wrong)
	if n < 15 || all.equal < 2000 {
		t.Errorf("%s: %d templates and %d texts, expected more", path, n, all.equal)
	}
}

func (d *dumpedTemplate) compare(t *testing.T) (n tally) {
	tpl, err := Parse(d.Template, d.Vars)
	if err != nil {
		t.Errorf("%s: %v", d.Name, err)
		n.wrong = len(d.Cases)
		return n
	}
	for i, c := range d.Cases {
		r, err := c.render(t, tpl)
		switch {
		case err != nil && c.Error != "":
			n.raised++
			if reason, ok := strings.CutPrefix(c.Error, "TemplateError: "); ok && (!strings.Contains(err.Error(), reason) || !strings.Contains(err.Error(), "template, line ")) {
				t.Errorf("%s, case %d: %v, want a line and %q", d.Name, i, err, reason)
			}
		case err != nil && strings.Contains(err.Error(), "not implemented"):
			n.refused++
			t.Errorf("%s, case %d: %v", d.Name, i, err)
		case err != nil || c.Error != "" || r.Text != c.Text:
			n.wrong++
			t.Errorf("%s, case %d: %q, %v; want %q, %s", d.Name, i, r.Text, err, c.Text, c.Error)
		default:
			n.equal++
			c.masks(t, d.Name, i, r)
		}
	}
	return n
}

func (c *dumpedCase) render(t *testing.T, tpl *Template) (Rendered, error) {
	var kwargs map[string]json.RawMessage
	if err := json.Unmarshal(c.Kwargs, &kwargs); err != nil {
		t.Fatal(err)
	}
	for name, v := range kwargs {
		var err error
		if tpl, err = tpl.With(name, v); err != nil {
			t.Fatal(err)
		}
	}
	return tpl.WithDate(time.Date(2024, 7, 26, 9, 5, 3, 0, time.UTC)).Render(c.Messages, c.Generate)
}

// masks checks generation blocks, and that each content found in the text has
// the role of its message.
func (c *dumpedCase) masks(t *testing.T, name string, i int, r Rendered) {
	if !slices.Equal(r.Generated, c.Generated) {
		t.Errorf("%s, case %d: generation blocks %v, want %v", name, i, r.Generated, c.Generated)
	}
	for _, s := range c.Spans {
		want := roleOf(c.Messages[s[2]].Role)
		if want == RoleTemplate {
			continue
		}
		if !slices.ContainsFunc(r.Spans, func(x Span) bool { return x.Start <= s[0] && s[1] <= x.End && x.Role == want }) {
			t.Errorf("%s, case %d: spans %v, want bytes %v of role %d in %q", name, i, r.Spans, s[:2], want, r.Text)
		}
	}
}
