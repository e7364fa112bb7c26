package chat

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/ardanlabs/jinja"
	"golang.org/x/text/cases"
	"golang.org/x/text/language"
)

// stringCall is a call of a method of strings.
type stringCall struct {
	r     *runtime
	name  string
	t     text
	pos   []jinja.Value
	named map[string]jinja.Value
}

// stringMethods are the methods of Python's str that templates may call.
var stringMethods map[string]func(*stringCall) (jinja.Value, error)

func init() {
	stringMethods = map[string]func(*stringCall) (jinja.Value, error){
		"strip": (*stringCall).strip, "lstrip": (*stringCall).strip, "rstrip": (*stringCall).strip,
		"split": (*stringCall).split, "rsplit": (*stringCall).split, "splitlines": (*stringCall).splitlines,
		"partition": (*stringCall).partition, "rpartition": (*stringCall).partition,
		"startswith": (*stringCall).affix, "endswith": (*stringCall).affix,
		"removeprefix": (*stringCall).remove, "removesuffix": (*stringCall).remove,
		"replace": (*stringCall).replace, "join": (*stringCall).join, "format": (*stringCall).format,
		"upper": (*stringCall).letters, "lower": (*stringCall).letters, "title": (*stringCall).letters, "capitalize": (*stringCall).letters,
		"count": (*stringCall).find, "find": (*stringCall).find, "rfind": (*stringCall).find, "index": (*stringCall).find, "rindex": (*stringCall).find,
		"isdigit": (*stringCall).is, "isalpha": (*stringCall).is, "isalnum": (*stringCall).is, "isspace": (*stringCall).is, "isupper": (*stringCall).is, "islower": (*stringCall).is,
		"zfill": (*stringCall).pad, "ljust": (*stringCall).pad, "rjust": (*stringCall).pad,
	}
}

func (r *runtime) stringMethod(v jinja.Value, name string, pos []jinja.Value, named map[string]jinja.Value) (jinja.Value, error) {
	t := r.text(v)
	if t.markup && slices.Contains([]string{"replace", "join", "format", "ljust", "rjust", "partition", "rpartition"}, name) {
		return v, fmt.Errorf("%s of markup is not implemented", name)
	}
	return stringMethods[name](&stringCall{r, name, t, pos, named})
}

// args checks that there are from…to positional arguments and only the named
// ones given.
func (c *stringCall) args(from, to int, named ...string) error {
	if len(c.pos) < from || len(c.pos) > to {
		return fmt.Errorf("%s takes %d to %d arguments, found %d", c.name, from, to, len(c.pos))
	}
	for n := range c.named {
		if !slices.Contains(named, n) {
			return fmt.Errorf("%s takes no argument %q", c.name, n)
		}
	}
	return nil
}

// arg is argument i as text, or the named one; None and nothing give ok false.
func (c *stringCall) arg(i int, name string) (t text, ok bool, err error) {
	v, given := c.named[name]
	if i < len(c.pos) {
		v, given = c.pos[i], true
	}
	switch {
	case !given || v.IsNone():
		return t, false, nil
	case !v.IsString():
		return t, false, fmt.Errorf("%s: found %s, expected a str", c.name, typeName(v))
	}
	return c.r.text(v), true, nil
}

// number is argument i as an integer, or the named one, or other.
func (c *stringCall) number(i int, name string, other int) (int, error) {
	v, given := c.named[name]
	if i < len(c.pos) {
		v, given = c.pos[i], true
	}
	if !given {
		return other, nil
	}
	n, ok := integer(v)
	if !ok {
		return 0, fmt.Errorf("%s: found %s, expected an integer", c.name, typeName(v))
	}
	return int(n), nil
}

func (c *stringCall) strip() (jinja.Value, error) {
	if err := c.args(0, 1); err != nil {
		return jinja.None(), err
	}
	chars, ok, err := c.arg(0, "")
	cut := isSpace
	if ok {
		cut = func(x rune) bool { return strings.ContainsRune(chars.s, x) }
	}
	left, right := cut, cut
	if c.name == "lstrip" {
		right = nil
	} else if c.name == "rstrip" {
		left = nil
	}
	return c.r.value(c.t.trim(left, right)), err
}

func (c *stringCall) split() (jinja.Value, error) {
	if err := c.args(0, 2, "sep", "maxsplit"); err != nil {
		return jinja.None(), err
	}
	sep, ok, err := c.arg(0, "sep")
	if err != nil {
		return jinja.None(), err
	}
	n, err := c.number(1, "maxsplit", -1)
	switch {
	case err != nil:
		return jinja.None(), err
	case ok && sep.s == "":
		return jinja.None(), fmt.Errorf("%s: found an empty separator", c.name)
	case ok:
		return c.r.list(isList, c.r.texts(c.t.split(sep.s, n, c.name == "rsplit"))), nil
	case n >= 0 && c.name == "rsplit":
		return jinja.None(), fmt.Errorf("rsplit with a limit but without a separator is not implemented")
	}
	return c.r.list(isList, c.r.texts(c.t.fields(n))), nil
}

func (c *stringCall) splitlines() (jinja.Value, error) {
	if err := c.args(0, 1, "keepends"); err != nil {
		return jinja.None(), err
	}
	v := c.named["keepends"]
	if len(c.pos) > 0 {
		v = c.pos[0]
	}
	var out []text
	from := 0
	for i := 0; i < len(c.t.s); {
		at := i + lineEnd(c.t.s[i:])
		if at == i {
			i++
			continue
		}
		end := i
		if v.IsTruthy() {
			end = at
		}
		out = append(out, c.t.slice(from, end))
		from, i = at, at
	}
	if from < len(c.t.s) {
		out = append(out, c.t.slice(from, len(c.t.s)))
	}
	return c.r.list(isList, c.r.texts(out)), nil
}

// lineEnd is the length of the line end that s begins with, or 0.
func lineEnd(s string) int {
	for _, e := range []string{"\r\n", "\n", "\r", "\v", "\f", "\x1c", "\x1d", "\x1e", "\u0085", "\u2028", "\u2029"} {
		if strings.HasPrefix(s, e) {
			return len(e)
		}
	}
	return 0
}

func (c *stringCall) partition() (jinja.Value, error) {
	if err := c.args(1, 1); err != nil {
		return jinja.None(), err
	}
	sep, ok, err := c.arg(0, "")
	if err != nil || !ok || sep.s == "" {
		return jinja.None(), fmt.Errorf("%s: expected a separator that is not empty", c.name)
	}
	parts := c.t.split(sep.s, 1, c.name == "rpartition")
	out := []text{c.t, {}, {}}
	switch {
	case len(parts) == 2:
		at := len(parts[0].s)
		out = []text{parts[0], c.t.slice(at, at+len(sep.s)), parts[1]}
	case c.name == "rpartition":
		out = []text{{}, {}, c.t}
	}
	return c.r.list(isTuple, c.r.texts(out)), nil
}

// affix is startswith and endswith, with one string or a tuple of them.
func (c *stringCall) affix() (jinja.Value, error) {
	if err := c.args(1, 1); err != nil {
		return jinja.None(), err
	}
	tries := c.pos
	if c.pos[0].IsList() && c.r.kind(c.pos[0]) == isTuple {
		tries = c.pos[0].AsList().Items
	}
	for _, v := range tries {
		if !v.IsString() {
			return v, fmt.Errorf("%s: found %s, expected a str or a tuple of them", c.name, typeName(v))
		}
		s := c.r.text(v).s
		if c.name == "startswith" && strings.HasPrefix(c.t.s, s) || c.name == "endswith" && strings.HasSuffix(c.t.s, s) {
			return jinja.NewBool(true), nil
		}
	}
	return jinja.NewBool(false), nil
}

func (c *stringCall) remove() (jinja.Value, error) {
	if err := c.args(1, 1); err != nil {
		return jinja.None(), err
	}
	s, ok, err := c.arg(0, "")
	if err != nil || !ok {
		return jinja.None(), fmt.Errorf("%s: expected a str", c.name)
	}
	t := c.t
	if c.name == "removeprefix" && strings.HasPrefix(t.s, s.s) {
		t = t.slice(len(s.s), len(t.s))
	} else if c.name == "removesuffix" && strings.HasSuffix(t.s, s.s) {
		t = t.slice(0, len(t.s)-len(s.s))
	}
	return c.r.value(t), nil
}

func (c *stringCall) replace() (jinja.Value, error) {
	if err := c.args(2, 3, "count"); err != nil {
		return jinja.None(), err
	}
	old, ok, err := c.arg(0, "")
	with, ok2, err2 := c.arg(1, "")
	n, err3 := c.number(2, "count", -1)
	for _, e := range []error{err, err2, err3} {
		if e != nil {
			return jinja.None(), e
		}
	}
	if !ok || !ok2 {
		return jinja.None(), fmt.Errorf("replace: found None, expected a str")
	}
	return c.r.value(c.t.replace(old.s, with, n)), nil
}

func (c *stringCall) join() (jinja.Value, error) {
	if err := c.args(1, 1); err != nil {
		return jinja.None(), err
	}
	items, err := c.r.iterate(c.pos[0])
	ts := make([]text, len(items))
	for i, v := range items {
		if !v.IsString() {
			return v, fmt.Errorf("join: found %s in item %d, expected a str", typeName(v), i)
		}
		ts[i] = c.r.text(v)
	}
	return c.r.value(join(ts, c.t)), err
}

func (c *stringCall) letters() (jinja.Value, error) {
	if err := c.args(0, 0); err != nil {
		return jinja.None(), err
	}
	return c.r.value(c.r.cased(c.t, c.name)), nil
}

// cased changes letters as Python's method of that name.
func (r *runtime) cased(t text, method string) text {
	switch method {
	case "upper":
		return t.mapped(cases.Upper(language.Und).String)
	case "lower":
		return t.mapped(cases.Lower(language.Und).String)
	case "capitalize":
		at := t.offset(1)
		return join([]text{t.slice(0, at).mapped(titled), t.slice(at, len(t.s)).mapped(cases.Lower(language.Und).String)}, text{})
	}
	chars := t.runes()
	inWord := false
	for i, c := range chars {
		x := []rune(c.s)[0]
		if chars[i] = c.mapped(cases.Lower(language.Und).String); !inWord {
			chars[i] = c.mapped(titled)
		}
		inWord = unicode.IsUpper(x) || unicode.IsLower(x) || unicode.IsTitle(x)
	}
	return join(chars, text{})
}

// titled is one character in title case.
func titled(s string) string { return cases.Title(language.Und, cases.NoLower).String(s) }

func (c *stringCall) find() (jinja.Value, error) {
	if err := c.args(1, 1); err != nil {
		return jinja.None(), err
	}
	s, ok, err := c.arg(0, "")
	if err != nil || !ok {
		return jinja.None(), fmt.Errorf("%s: expected a str", c.name)
	}
	if c.name == "count" {
		return jinja.NewInt(int64(strings.Count(c.t.s, s.s))), nil
	}
	at := strings.Index(c.t.s, s.s)
	if c.name[0] == 'r' {
		at = strings.LastIndex(c.t.s, s.s)
	}
	if at < 0 && strings.HasSuffix(c.name, "index") {
		return jinja.None(), fmt.Errorf("%s: %q is not in the str", c.name, s.s)
	}
	if at > 0 {
		at = c.t.slice(0, at).len()
	}
	return jinja.NewInt(int64(at)), nil
}

// is answers the tests of characters.
func (c *stringCall) is() (jinja.Value, error) {
	if err := c.args(0, 0); err != nil {
		return jinja.None(), err
	}
	ok, upper, lower := c.t.s != "", false, false
	for _, x := range c.t.s {
		upper, lower = upper || unicode.IsUpper(x), lower || unicode.IsLower(x)
		switch c.name {
		case "isdigit":
			ok = ok && unicode.IsDigit(x)
		case "isalpha":
			ok = ok && unicode.IsLetter(x)
		case "isalnum":
			ok = ok && (unicode.IsLetter(x) || unicode.IsNumber(x))
		case "isspace":
			ok = ok && isSpace(x)
		}
	}
	switch c.name {
	case "isupper":
		ok = upper && !lower
	case "islower":
		ok = lower && !upper
	}
	return jinja.NewBool(ok), nil
}

func (c *stringCall) pad() (jinja.Value, error) {
	if err := c.args(1, 2); err != nil {
		return jinja.None(), err
	}
	n, err := c.number(0, "", 0)
	fill, ok, err2 := c.arg(1, "")
	switch {
	case err != nil || err2 != nil || n > maxSteps:
		return jinja.None(), fmt.Errorf("%s: expected a width and a character", c.name)
	case c.name == "zfill":
		fill = plainText("0")
	case !ok:
		fill = plainText(" ")
	}
	more := join(slices.Repeat([]text{fill}, max(n-c.t.len(), 0)), text{})
	if c.name == "ljust" {
		return c.r.value(join([]text{c.t, more}, text{})), nil
	}
	sign := 0
	if c.name == "zfill" && c.t.s != "" && (c.t.s[0] == '-' || c.t.s[0] == '+') {
		sign = 1
	}
	return c.r.value(join([]text{c.t.slice(0, sign), more, c.t.slice(sign, len(c.t.s))}, text{})), nil
}

// format fills in {} , {0} and {name}; other forms are not implemented.
func (c *stringCall) format() (jinja.Value, error) {
	var out []text
	auto := 0
	for i, from := 0, 0; i <= len(c.t.s); {
		at := strings.IndexAny(c.t.s[i:], "{}")
		if at < 0 {
			out = append(out, c.t.slice(from, len(c.t.s)))
			break
		}
		at += i
		out = append(out, c.t.slice(from, at))
		if at+1 < len(c.t.s) && c.t.s[at] == c.t.s[at+1] {
			out = append(out, c.t.slice(at, at+1))
			i, from = at+2, at+2
			continue
		}
		end := strings.IndexByte(c.t.s[at:], '}')
		if c.t.s[at] == '}' || end < 0 {
			return jinja.None(), fmt.Errorf("format: found %q without its other half", c.t.s[at])
		}
		v, err := c.field(c.t.s[at+1:at+end], &auto)
		if err != nil {
			return v, err
		}
		s, err := c.r.str(v)
		if err != nil {
			return v, err
		}
		out = append(out, s)
		i, from = at+end+1, at+end+1
	}
	return c.r.value(join(out, text{})), nil
}

func (c *stringCall) field(name string, auto *int) (jinja.Value, error) {
	if v, ok := c.named[name]; ok {
		return v, nil
	}
	k := *auto
	if name == "" {
		*auto++
	} else if n, err := fmt.Sscanf(name, "%d", &k); n != 1 || err != nil || fmt.Sprint(k) != name {
		return jinja.None(), fmt.Errorf("format: the field {%s} is not implemented or not given", name)
	}
	if k < 0 || k >= len(c.pos) {
		return jinja.None(), fmt.Errorf("format: field %d is not given", k)
	}
	return c.pos[k], nil
}

// percent is format % values, for %s, %d and %%.
func (r *runtime) percent(format, v jinja.Value) (jinja.Value, error) {
	t := r.text(format)
	if t.markup {
		return v, fmt.Errorf("%% of markup is not implemented")
	}
	values := []jinja.Value{v}
	if v.IsList() && r.kind(v) == isTuple {
		values = v.AsList().Items
	}
	var out []text
	from := 0
	for i := 0; i < len(t.s); i++ {
		if t.s[i] != '%' {
			continue
		}
		out = append(out, t.slice(from, i))
		i++
		from = i + 1
		switch {
		case i < len(t.s) && t.s[i] == '%':
			out = append(out, plainText("%"))
			continue
		case i == len(t.s) || t.s[i] != 's' && t.s[i] != 'd':
			return v, fmt.Errorf("%%: only %%s, %%d and %%%% are implemented")
		case len(values) == 0:
			return v, fmt.Errorf("%%: too few values for the format")
		}
		if _, ok := integer(values[0]); t.s[i] == 'd' && !ok {
			return v, fmt.Errorf("%%d: found %s, expected an integer", typeName(values[0]))
		}
		s, err := r.str(values[0])
		if err != nil {
			return v, err
		}
		out, values = append(out, s), values[1:]
	}
	if len(values) > 0 {
		return v, fmt.Errorf("%%: too many values for the format")
	}
	return r.value(join(append(out, t.slice(from, len(t.s))), text{})), nil
}
