package chat

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"agar/model/internal/bounds"
)

// FuzzRender holds that any template is read and rendered, with any content and
// tools, or an error says why not; that its spans lie in the text; and that reading
// it takes no more memory than its parts may.
func FuzzRender(f *testing.F) {
	f.Add(`{%- for m in messages -%} {{ m.content | trim }} {% endfor %}`, "a b")
	f.Add("{% raw %}{{ x }}{% endraw %}\n  {%+ if messages %}y{% endif +%}\n", " ")
	f.Add("{% for a, b in messages[0].items() if b is not string %}{{ a[::2] ~ b|tojson(indent=1) }}{% else %}{% break %}{% endfor %}", "c")
	f.Add("{% macro f(x, y=none) %}{{ (x, y) }}{% endmacro %}{% set ns = namespace(a=[1]) %}{% set ns.a = f(1, y=2) %}{% generation %}{{ ns.a|upper }}{% endgeneration %}", "c")
	f.Add("{% set x %}{{ messages|map(attribute='content')|join('-') }}{% endset %}{% filter trim %}{{ x|safe + '<' if x > 'a' else x ** 2 // 3 }}{% endfilter %}", "c")
	for _, s := range []string{"{{a+b*c-d}}", "{{a}}", "{%for a in b%}{%endfor%}", "{{[a,b|trim,c]}}", "{#a#}b", "{{'a'}}"} {
		f.Add(strings.Repeat(s, 30), "d")
		f.Add(strings.Repeat(s, maxParts/len(s)*4), "d")
	}
	f.Add("{% if x %}"+branches(890)+"{% endif %}", "c")
	f.Add("{% if x %}"+branches(910)+"{% endif %}", "c")
	f.Add(strings.Repeat("{{a}}", maxParts+1), "d")
	f.Add("{# c -#}\n{{- 'a\\u00e9\\'' ~ {'a': {}} }}", "")
	for _, g := range goldens(f) {
		f.Add(g.Template, "What's 2 + 2?")
	}
	tools := []byte(`[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object","properties":{"x":{"type":"string"}},"required":["x"]}}}]`)
	f.Fuzz(func(t *testing.T, source, content string) {
		var tpl *Template
		var err error
		bounds.Parse(t, len(source), 1<<18+min(16<<20, 700*uint64(len(source))), func() { tpl, err = Parse(source, map[string]string{"bos_token": "<s>"}) })
		if err != nil {
			return
		}
		msgs := []Message{{Role: "system", Content: "s"}, {Role: "user", Content: content}, {Role: "assistant", Content: "<think>a</think>b"}}[len(source)%2:]
		var given []Message
		if bounds.Watch(func() { err = json.Unmarshal([]byte(content), &given) }); err == nil {
			msgs = given
		}
		if len(content)%2 == 1 {
			if tpl, err = tpl.With("tools", tools); err != nil {
				t.Fatal(err)
			}
		} else if with, err := tpl.WithToolUse(tpl).With("tools", []byte(content)); err == nil {
			tpl = with
		}
		if len(content)%3 != 1 {
			tpl = tpl.WithDate(time.Unix(0, 0))
		}
		var r Rendered
		bounds.Watch(func() { r, err = tpl.Render(msgs, true) })
		if err != nil {
			return
		}
		last := 0
		for _, s := range r.Spans {
			if s.Start < last || s.End <= s.Start || s.End > len(r.Text) {
				t.Fatalf("spans %v in %d bytes", r.Spans, len(r.Text))
			}
			last = s.End
		}
		whole := [][2]int{{0, len(r.Text) / 2}, {len(r.Text) / 2, len(r.Text)}}
		if len(r.Roles(whole)) != 2 || len(r.AssistantMask(whole)) != 2 {
			t.Fatalf("%v and %v of two tokens", r.Roles(whole), r.AssistantMask(whole))
		}
	})
}
