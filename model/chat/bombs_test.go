package chat

import (
	"errors"
	"strings"
	"testing"

	"agar/model/internal/bounds"
)

// twice makes lists and dictionaries of 2⁴⁰ values out of forty.
const twice = `{% set ns = namespace(a=[1], b=[1], d={'k': 1}, e={'k': 1}) %}{% for i in range(40) %}{% set ns.a = [ns.a, ns.a] %}{% set ns.b = [ns.b, ns.b] %}` +
	`{% set ns.d = {'k': ns.d, 'l': ns.d} %}{% set ns.e = {'k': ns.e, 'l': ns.e} %}{% endfor %}`

// A template that would print, compare or make more than any memory holds is stopped
// before that.
func TestBombs(t *testing.T) {
	for _, source := range []string{
		twice + `{{ ns.a }}`, twice + `{{ ns.a | tojson }}`, twice + `{{ ns.d ~ '' }}`, twice + `{{ ns.d | tojson(indent=100) }}`, twice + `{{ ns.a | join | length }}`,
		twice + `{% if ns.a == ns.b %}x{% endif %}`, twice + `{{ ns.a < ns.b }}`, twice + `{{ ns.d == ns.e }}`, twice + `{{ ns.a in [ns.b] }}`,
		twice + `{{ [ns.a, ns.b] | unique | list | length }}`, twice + `{{ [ns.a, ns.b] | sort | length }}`, twice + `{{ [ns.b].index(ns.a) }}`,
		`{{ range(99999) | join('x' * 999999) }}`, `{% set x = 'a' * 1000000 %}{{ (x ~ x ~ x ~ x) | replace('', 'b') | length }}`,
		`{% set x = 'a\n' * 500000 %}{{ x | indent(1000) | length }}`, `{{ ([[1]] * 600000) | tojson(indent=1000) | length }}`,
	} {
		tpl, err := Parse(source, nil)
		if err != nil {
			t.Fatal(err)
		}
		var r Rendered
		n := bounds.Allocated(func() {
			bounds.Watch(func() { r, err = tpl.Render([]Message{{Role: "user", Content: "a"}}, true) })
		})
		if !errors.Is(err, errTooMuch) || n > 2<<30 {
			t.Errorf("%s: %d bytes, error %v, %d MB allocated", source[max(0, len(source)-60):], len(r.Text), err, n>>20)
		}
	}
}

// A text of as many parts as characters is taken apart in the time of its length.
func TestManyParts(t *testing.T) {
	content := strings.Repeat("ab c\n", 40_000)
	for _, use := range []string{`d.split('-') | length`, `d.split() | length`, `d.replace('-', '+') | length`, `d[::2] | length`} {
		tpl, err := Parse(`{% set d = messages[0].content | list | join('-') %}{{ `+use+` }}`, nil)
		if err != nil {
			t.Fatal(err)
		}
		n := bounds.Allocated(func() {
			bounds.Watch(func() { _, err = tpl.Render([]Message{{Role: "user", Content: content}}, false) })
		})
		if err != nil || n > 1<<30 {
			t.Errorf("%s: error %v, %d MB allocated", use, err, n>>20)
		}
	}
}
