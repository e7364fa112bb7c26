package chat

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"agar/model/tokenizer"
)

// Spans of contents that repeat, that read like the template's own words, or
// that hold its special tokens are where those of unmistakable contents of the
// same shape are.
func TestSpansOfRepeatedContents(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	words := []string{"user", "assistant", "a", " a ", "\n", "", "<|im_end|>\n", "system", "  ", "user\n", "[INST]", "aa", "\nassistant", "</s>"}
	for _, g := range goldens(t) {
		tpl, err := Parse(g.Template, g.Vars)
		if err != nil {
			t.Fatal(err)
		}
		for range 60 {
			msgs := randomChat(rng, words)
			got, err := tpl.Render(msgs, rng.IntN(2) == 0)
			if err != nil {
				continue // roles that this template refuses
			}
			checkSpans(t, g.Name, msgs, got)
		}
	}
}

func randomChat(rng *rand.Rand, words []string) (msgs []Message) {
	if rng.IntN(2) == 0 {
		msgs = append(msgs, Message{Role: "system", Content: words[rng.IntN(len(words))]})
	}
	for k := range 1 + rng.IntN(5) {
		role := []string{"user", "assistant"}[k%2]
		msgs = append(msgs, Message{Role: role, Content: words[rng.IntN(len(words))] + words[rng.IntN(len(words))]})
	}
	return msgs
}

// checkSpans: every content that is more than white space has one span, in the
// order of the messages, that holds the content apart from white space.
func checkSpans(t *testing.T, name string, msgs []Message, r Rendered) {
	t.Helper()
	k := 0
	for _, m := range msgs {
		if strings.TrimSpace(m.Content) == "" {
			for k < len(r.Spans) && strings.TrimSpace(r.Text[r.Spans[k].Start:r.Spans[k].End]) == "" {
				k++
			}
			continue
		}
		for k < len(r.Spans) && strings.TrimSpace(r.Text[r.Spans[k].Start:r.Spans[k].End]) == "" {
			k++
		}
		if k == len(r.Spans) {
			t.Fatalf("%s: no span for %q in %q", name, m.Content, r.Text)
		}
		s := r.Spans[k]
		if got := r.Text[s.Start:s.End]; strings.TrimSpace(got) != strings.TrimSpace(m.Content) || s.Role != roleOf(m.Role) {
			t.Fatalf("%s: span %v %q, want %q of %s in %q", name, s, got, m.Content, m.Role, r.Text)
		}
		k++
	}
}

// What a template makes of a content keeps its role.
func TestSpansOfTransformedContent(t *testing.T) {
	for _, c := range []struct{ source, text, want string }{
		{`<{{ m.content | upper }}>`, "<FABRIC>", "[{1 7 2}]"},
		{`{{ m.content }}{% if m.content | length > 5 %}!{% endif %}`, "fabric!", "[{0 6 2}]"},
		{`<{{ m.content.split('b')[1] }}>`, "<ric>", "[{1 4 2}]"},
		{`{{ m.content[::-1] }}{{ m.content[1:3] }}`, "cirbafab", "[{0 8 2}]"},
		{`{{ m.content.replace('b', ' B ') }}`, "fa B ric", "[{0 8 2}]"},
		{`{{ '%s, %s' % (m.role, m.content) }}`, "user, fabric", "[{6 12 2}]"},
		{`{{ [m.content, m.role] | join('-') }}`, "fabric-user", "[{0 6 2}]"},
		{`{% set x = [] %}{% for c in m.content if c in 'abc' %}{{ loop.index ~ c }}{% endfor %}`, "1a2b3c", "[{1 2 2} {3 4 2} {5 6 2}]"},
		{`{% set x %}{{ m.content }}.{% endset %}{{ x | trim('.') }}`, "fabric", "[{0 6 2}]"},
		{`{{ {'a': m.content} }}`, "{'a': 'fabric'}", "[{7 13 2}]"},
		{`{% macro f(x, y='-') %}{{ y }}{{ x }}{% endmacro %}{{ f(m.content) ~ f(y=m.content, x='z') }}`, "-fabricfabricz", "[{1 13 2}]"},
		{`{{ ('<b>' | safe) + m.content + '<' }}`, "<b>fabric&lt;", "[{3 9 2}]"},
		{`{% filter upper %}x{{ m.content }}{% endfilter %}`, "XFABRIC", "[{1 7 2}]"},
	} {
		tpl, err := Parse("{% set m = messages[0] %}"+c.source, nil)
		if err != nil {
			t.Fatal(err)
		}
		r, err := tpl.Render([]Message{{Role: "user", Content: "fabric"}}, false)
		if err != nil || r.Text != c.text || fmt.Sprint(r.Spans) != c.want {
			t.Errorf("%s: %q, spans %v, %v; want %q, %s", c.source, r.Text, r.Spans, err, c.text, c.want)
		}
	}
}

// Scopes are Jinja's: what a round of a loop assigns is gone in the next one.
func TestScopes(t *testing.T) {
	for _, c := range []struct{ source, want string }{
		{`{% set x = 'o' %}{% for i in range(3) %}{{ x }}{% if i == 0 %}{% set x = 'n' %}{% endif %}{{ x }} {% endfor %}{{ x }}`, "on oo oo o"},
		{`{% for i in range(2) %}{{ y is defined }}{% set y = 1 %}{% endfor %}{{ y is defined }}`, "FalseFalseFalse"},
		{`{% if true %}{% set z = 1 %}{% endif %}{{ z }}`, "1"},
		{`{% set ns = namespace(n=0) %}{% for i in range(4) %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}`, "6"},
		{`{% for x in [] %}{% else %}{% set w = 1 %}none{% endfor %}{{ w is defined }}`, "noneFalse"},
		{`{% for a, b in [(1, 2), (3, 4)] if b > 2 %}{{ a }}{{ b }}{{ loop.length }}{% endfor %}`, "341"},
		{`{% for k, v in {'a': 1, 'b': 2}.items() %}{{ k }}{{ v }}{% if not loop.last %},{% endif %}{% endfor %}`, "a1,b2"},
		{`{% for i in range(9) %}{% if i == 1 %}{% continue %}{% endif %}{% if i == 3 %}{% break %}{% endif %}{{ i }}{% endfor %}`, "02"},
		{`{% set a, b = 'xy' %}{{ b ~ a }}`, "yx"},
		{`{% macro f(n) %}{{ n }}{% if n > 0 %}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(3) }}`, "3210"},
		{`{% generation %}{% set q = 1 %}{% endgeneration %}{{ q is defined }}`, "False"},
		{`{% set g = [1, 2] | map('string') %}{{ g | list }}{{ g | list }}`, "['1', '2'][]"},
		{`{% set x = 800 %}{% if x == 0 %}0` + branches(800) + `{% endif %}`, "800"},
		{`{{ 7 // -2 }} {{ 7 % -2 }} {{ 2 ** 3 }} {{ 1 / 2 }} {{ 1e22 }} {{ (1, ) }} {{ 1 < 2 < 2 }} {{ True + 1 }} {{ not not '' }}`, "-4 -1 8 0.5 1e+22 (1,) False 2 False"},
	} {
		tpl, err := Parse(c.source, nil)
		if err != nil {
			t.Fatalf("%s: %v", c.source, err)
		}
		if r, err := tpl.Render(nil, false); err != nil || r.Text != c.want {
			t.Errorf("%s: %q, %v; want %q", c.source, r.Text, err, c.want)
		}
	}
}

// branches are n further branches of an if, for x from 1 to n.
func branches(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "{%% elif x == %d %%}%[1]d", i+1)
	}
	return b.String()
}

// Templates that Python would not render are errors here too, and none of them
// takes long.
func TestRefuses(t *testing.T) {
	for _, c := range []struct{ source, want string }{
		{`{{ 'a' + 1 }}`, "a str + an int"}, {`{{ 'a' + none }}`, "None"}, {`{{ [1] + 'a' }}`, "list"}, {`{{ x.y }}`, "x is undefined"}, {`{{ messages[7].content.strip() }}`, "messages[7]"},
		{`{{ none | length }}`, "no length"}, {`{% for x in none %}{% endfor %}`, "not iterable"}, {`{{ messages.append(1) }}`, "not allowed"}, {`{{ 'x'.__class__ }}`, "__class__"},
		{`{% set messages.x = 1 %}`, "namespace"}, {`{{ 1 < 'a' }}`, "ordered"}, {`{% set a, b = [1] %}`, "expected 2"}, {`{{ range(1000000) }}`, "range"},
		{`{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}`, "deep"}, {`{% macro f(a) %}{% endmacro %}{{ f(b=1) }}`, "no argument"}, {`{{ messages | tojson(2, 3, 4, 5, 6) }}`, "at most 4"},
		{`{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}`, "more than is allowed"}, {`{{ 'x' * 99999999999 }}`, "more than is allowed"},
		{`{% set ns = namespace(s='x') %}{% for a in range(99) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}`, "more than is allowed"},
		{`{{ strftime_now }}{{ namespace().x }}{{ {1: 2} }}`, "function"}, {`{{ 9223372036854775807 + 1 }}`, "64 bits"}, {`{{ 1 // 0 }}`, "zero"},
	} {
		tpl, err := Parse(c.source, nil)
		if err != nil {
			t.Fatalf("%s: %v", c.source, err)
		}
		if r, err := tpl.Render([]Message{{Role: "user", Content: "x"}}, false); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "line 1") {
			t.Errorf("%s: %q, error %v; want %s", c.source, r.Text, err, c.want)
		}
	}
	for _, c := range []string{`{% call f() %}{% endcall %}`, `{% for x in y recursive %}{% endfor %}`, `{{ f(*a) }}`, `{% endif %}`, `{% if x %}{% endfor %}`, `{{ a b }}`, `{{ 'x }}`, `{{ ` + strings.Repeat("(", 5000) + ` }}`, `{{ $ }}`, `{{ 99999999999999999999 }}`, strings.Repeat(`{% if x %}`, 2000), `{% break %}`, `{% if x %}` + branches(901), strings.Repeat(`{{ a + b }}`, maxParts), strings.Repeat(`a{# #}`, maxParts+1)} {
		if _, err := Parse(c, nil); err == nil || !strings.Contains(err.Error(), "line 1") {
			t.Errorf("%.40s: %v, want an error with its line", c, err)
		}
	}
}

// A content that the template leaves out has no span; one that comes twice has
// two; one that is escaped has the escaped bytes.
func TestSpansOfUnusualTemplates(t *testing.T) {
	for _, c := range []struct{ source, want string }{
		{`{% for m in messages %}{% if m.role == 'user' %}<{{ m.content }}>{% endif %}{% endfor %}`, "[{1 5 2}]"},
		{`{% for m in messages %}{{ m.content }}|{{ m.content }};{% endfor %}`, "[{0 3 1} {4 7 1} {8 12 2} {13 17 2}]"},
		{`{% for m in messages %}{{ m.content | tojson }}{% endfor %}`, "[{1 4 1} {6 11 2}]"},
		{`{{ messages[1].content }}{{ messages[0].content }}`, "[{0 4 2} {4 7 1}]"},
	} {
		tpl, err := Parse(c.source, nil)
		if err != nil {
			t.Fatal(err)
		}
		r, err := tpl.Render([]Message{{Role: "system", Content: "sys"}, {Role: "user", Content: "us\"r"}}, false)
		if err != nil || fmt.Sprint(r.Spans) != c.want {
			t.Errorf("%s: spans %v, %v; want %s in %q", c.source, r.Spans, err, c.want, r.Text)
		}
	}
}

// Templates of reasoning models drop the reasoning of earlier turns and put
// that of the last together anew.
func TestReasoningIsLocated(t *testing.T) {
	tpl, err := Parse(`{% for m in messages %}{% set c = m.content %}{% set r = '' %}{% if '</think>' in c %}{% set r = c.split('</think>')[0].rstrip('\n').split('<think>')[-1].lstrip('\n') %}{% set c = c.split('</think>')[-1].lstrip('\n') %}{% endif %}{% if loop.last %}<think>\n{{ r }}\n</think>\n\n{% endif %}{{ c }}|{% endfor %}`, nil)
	if err != nil {
		t.Fatal(err)
	}
	long := "<think>\nhm\n</think>\n\nfour"
	r, err := tpl.Render([]Message{{Role: "user", Content: "2 + 2"}, {Role: "assistant", Content: long}, {Role: "user", Content: "?"}, {Role: "assistant", Content: long}}, false)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range r.Spans {
		got = append(got, r.Text[s.Start:s.End])
	}
	if want := []string{"2 + 2", "four", "?", "hm", "four"}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("spans %q, want %q in %q", got, want, r.Text)
	}
}

func TestErrorsSayLineAndReason(t *testing.T) {
	for _, c := range []struct{ source, want string }{
		{"a\n{% if true %}\n{{ raise_exception('no ' + messages[0].role) }}{% endif %}", "line 3: no user"},
		{"{{ 1 }}\n\n{{ messages[0].content.nothing() }}", "line 3: "},
		{"x\n{{ strftime_now('%d') }}", "line 2: strftime_now: the template asks for today's date"},
		{"{% set x %}\n\n{{ raise_exception('deep') }}{% endset %}", "line 3: deep"},
		{"\n{{ messages | nofilter }}", "line 2: unknown filter \"nofilter\""},
	} {
		tpl, err := Parse(c.source, nil)
		if err != nil {
			t.Errorf("%q: %v", c.source, err)
			continue
		}
		if r, err := tpl.Render([]Message{{Role: "user", Content: "x"}}, false); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %q, error %v; want %s", c.source, r.Text, err, c.want)
		}
	}
	for _, c := range []struct{ source, want string }{
		{"\n\n{{ 'open", "line 3"}, {"a\n{% if x %}", "if"}, {"{% raw %}x", "raw without endraw"}, {"\n{% frobnicate %}", "line 2"}, {"{# never closed", "line 1"}, {"a\n\nb{{ ) }}", "line 3"},
	} {
		if _, err := Parse(c.source, nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: error %v, want %s", c.source, err, c.want)
		}
	}
}

func TestDate(t *testing.T) {
	tpl, err := Parse(`{{ strftime_now("%d %b %Y|%-d.%-m.%y %B %A %H:%M:%S %j %%") }}`, nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := tpl.WithDate(time.Date(2024, 7, 6, 9, 5, 3, 0, time.UTC)).Render(nil, false)
	if want := "06 Jul 2024|6.7.24 July Saturday 09:05:03 188 %"; err != nil || r.Text != want {
		t.Errorf("%q, %v; want %q", r.Text, err, want)
	}
	bad, err := Parse(`{{ strftime_now("%Q") }}`, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bad.WithDate(time.Unix(0, 0)).Render(nil, false); err == nil || !strings.Contains(err.Error(), "%Q") {
		t.Errorf("an unknown directive: %v", err)
	}
}

func TestTokenize(t *testing.T) {
	tok, err := tokenizer.Open("../tokenizer/testdata/llama3.json")
	if err != nil {
		t.Fatal(err)
	}
	msgs := []Message{{Role: "user", Content: "the house"}, {Role: "assistant", Content: "a river"}}
	tpl := named(t, "llama3")
	ids, roles, err := tpl.Tokenize(tok, msgs, true)
	if err != nil {
		t.Fatal(err)
	}
	bos := tok.Prefix()[0]
	if len(ids) != len(roles) || ids[0] != bos || ids[1] == bos {
		t.Errorf("ids %v begin with %d more or less than once", ids, bos)
	}
	if text, _ := tpl.Render(msgs, true); tok.Decode(ids, false) != text.Text {
		t.Errorf("the ids decode as %q", tok.Decode(ids, false))
	}
	for role, want := range map[uint8]string{RoleUser: "the house", RoleAssistant: "a river"} {
		var part []int32
		for i, id := range ids {
			if roles[i] == role {
				part = append(part, id)
			}
		}
		if got := tok.Decode(part, false); got != want {
			t.Errorf("tokens of role %d decode as %q, want %q", role, got, want)
		}
	}
}

func TestRoles(t *testing.T) {
	r := Rendered{Spans: []Span{{2, 5, RoleUser}, {5, 8, RoleAssistant}, {10, 11, RoleTool}}}
	got := r.Roles([][2]int{{0, 0}, {0, 2}, {1, 3}, {4, 6}, {6, 8}, {8, 10}, {9, 11}, {11, 12}, {12, 12}})
	want := []uint8{RoleTemplate, RoleTemplate, RoleUser, RoleUser, RoleAssistant, RoleTemplate, RoleTool, RoleTemplate, RoleTemplate}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("roles %v, want %v", got, want)
	}
}

func TestUnmarshalMessage(t *testing.T) {
	var m Message
	if err := json.Unmarshal([]byte(`{"name":"b","role":"assistant","content":null,"tool_calls":[{"z":1,"a":2.0}]}`), &m); err != nil {
		t.Fatal(err)
	}
	if m.Role != "assistant" || len(m.Extra) != 2 || m.Extra[0].Name != "name" || !m.NoContent {
		t.Errorf("%+v", m)
	}
	tpl, err := Parse(`{% for m in messages %}{{ m.content is defined }} {{ m | tojson }}{% endfor %}`, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r, err := tpl.Render([]Message{m}, false); err != nil || r.Text != `False {"name": "b", "role": "assistant", "tool_calls": [{"z": 1, "a": 2.0}]}` {
		t.Errorf("%q, %v", r.Text, err)
	}
	for _, bad := range []string{`[]`, `{}`, `{"role":3}`, `{"role":"user","content":1}`, `{"role":"user","content":"x"`, `3 4`} {
		if err := json.Unmarshal([]byte(bad), &m); err == nil {
			t.Errorf("%s was accepted", bad)
		}
	}
}

func TestWithRefusesBadJSON(t *testing.T) {
	if _, err := named(t, "smollm2").With("tools", []byte(`{`)); err == nil {
		t.Error("no error")
	}
}

// A template for tools takes over once there are some, with all that was set.
func TestToolUse(t *testing.T) {
	plain, err := Parse(`plain {{ bos_token }}`, map[string]string{"bos_token": "<s>"})
	if err != nil {
		t.Fatal(err)
	}
	use, err := Parse(`{{ x }} {{ tools | length }} {{ bos_token }}`, nil)
	if err != nil {
		t.Fatal(err)
	}
	tpl, err := plain.WithToolUse(use).With("x", []byte(`"y"`))
	if err != nil {
		t.Fatal(err)
	}
	none, err := tpl.With("tools", []byte("null"))
	if err != nil {
		t.Fatal(err)
	}
	some, err := tpl.With("tools", []byte(`[{}, {}]`))
	if err != nil {
		t.Fatal(err)
	}
	for want, tpl := range map[string]*Template{"plain <s>": none, "y 2 <s>": some} {
		if r, err := tpl.Render([]Message{{Role: "user"}}, false); err != nil || r.Text != want {
			t.Errorf("%q, %v; want %q", r.Text, err, want)
		}
	}
}
