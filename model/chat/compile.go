package chat

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ardanlabs/jinja"
)

// The names of what a compiled template calls. Names of the template itself
// begin with userPrefix, so neither these nor the library's own can be meant.
const (
	userPrefix   = "u_"
	runName      = "agar"     // runtime.call
	markBegin    = "agar_gen" // begin of a generation block
	markEnd      = "agar_end"
	macroPrefix  = "agar_macro"
	hiddenPrefix = "agar_h"
)

// program is a template as the library runs it: it walks statements, keeps
// names and scopes, and evaluates and, or, not and if. Everything else is a
// call agar(site, operands…), which runtime.call answers with Python's
// semantics.
type program struct {
	sites    []*expr
	macros   [][]param
	literals []string // that hold private-use characters
	loaded   *jinja.Template
}

// emitter writes a program's source.
type emitter struct {
	program
	b      strings.Builder
	hidden int
	subst  map[string]string // names that stand for something else in a loop's condition
}

// compile makes a program of statements.
func compile(body []*stmt) (*program, error) {
	e := &emitter{}
	if err := e.stmts(body); err != nil {
		return nil, err
	}
	var err error
	if e.loaded, err = jinja.Compile(e.b.String()); err != nil {
		return nil, fmt.Errorf("template: %w", err)
	}
	return &e.program, nil
}

// site is a call of the runtime for x.
func (e *emitter) site(x *expr, operands ...string) string {
	e.sites = append(e.sites, x)
	return runName + "(" + strings.Join(append([]string{strconv.Itoa(len(e.sites) - 1)}, operands...), ",") + ")"
}

// expr is the source of an expression.
func (e *emitter) expr(x *expr) string {
	var b strings.Builder
	e.write(&b, x)
	return b.String()
}

// write writes the source of an expression, in a time that grows with its length.
func (e *emitter) write(b *strings.Builder, x *expr) {
	switch x.op {
	case opConst:
		b.WriteString(e.constant(x))
	case opName:
		b.WriteString(e.name(x.name))
	case opAnd:
		e.join(b, "(", x.args, " and ")
	case opOr:
		e.join(b, "(", x.args, " or ")
	case opNot:
		e.join(b, "(not ", x.args, "")
	case opCond:
		e.join(b, "(", x.args, " if ", " else ")
	default:
		e.sites = append(e.sites, x)
		b.WriteString(runName + "(" + strconv.Itoa(len(e.sites)-1))
		for _, a := range x.args {
			b.WriteString(",")
			e.write(b, a)
		}
		b.WriteString(")")
	}
}

// join writes expressions behind begin with what stands between them, the last
// of which repeats, and a closing bracket.
func (e *emitter) join(b *strings.Builder, begin string, args []*expr, between ...string) {
	b.WriteString(begin)
	for i, a := range args {
		if i > 0 {
			b.WriteString(between[min(i, len(between))-1])
		}
		e.write(b, a)
	}
	b.WriteString(")")
}

func (e *emitter) name(n string) string {
	if s, ok := e.subst[n]; ok {
		return s
	}
	if n == "loop" {
		return n
	}
	return userPrefix + n
}

// constant is a literal, or a call that returns a value which has none.
func (e *emitter) constant(x *expr) string {
	switch v := x.val; {
	case v.IsString():
		return e.literal(v.AsString())
	case v.IsInt():
		return strconv.FormatInt(v.AsInt(), 10)
	}
	return e.site(x)
}

// literals escapes what a string literal cannot hold.
var literals = strings.NewReplacer("\\", "\\\\", "'", "\\'", "\n", "\\n", "\t", "\\t")

// literal is s as a string literal on one line.
func (e *emitter) literal(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return r >= 0xF0000 }) {
		e.literals = append(e.literals, s)
	}
	return "'" + literals.Replace(s) + "'"
}

func (e *emitter) tag(format string, args ...any) {
	fmt.Fprintf(&e.b, "{%% "+format+" %%}", args...)
}

func (e *emitter) out(s string) { e.b.WriteString("{{ " + s + " }}") }

// hide is a name that no template has.
func (e *emitter) hide() string {
	e.hidden++
	return hiddenPrefix + strconv.Itoa(e.hidden)
}

func (e *emitter) stmts(body []*stmt) error {
	for _, s := range body {
		if err := e.stmt(s); err != nil {
			return err
		}
	}
	return nil
}

func (e *emitter) stmt(s *stmt) error {
	switch s.kind {
	case stText:
		e.out(e.literal(s.text))
	case stPrint:
		e.out(e.site(&expr{op: opPrint, args: []*expr{s.expr}, line: s.line}, e.expr(s.expr)))
	case stIf:
		return e.ifStmt(s)
	case stFor:
		return e.forStmt(s)
	case stSet:
		e.assign(s.target, e.expr(s.expr), s.line)
	case stSetBlock:
		e.tag("set %s", e.name(s.target.name))
		if err := e.stmts(s.body); err != nil {
			return err
		}
		e.tag("endset")
		if s.filter != s.target {
			e.tag("set %s = %s", e.name(s.target.name), e.expr(s.filter))
		}
	case stFilter:
		return e.scoped(s.body, func() error {
			e.tag("set %s", e.name(s.target.name))
			err := e.stmts(s.body)
			e.tag("endset")
			e.out(e.site(&expr{op: opPrint, args: []*expr{s.expr}, line: s.line}, e.expr(s.expr)))
			return err
		})
	case stMacro:
		return e.macro(s)
	case stGeneration:
		return e.scoped(s.body, func() error {
			e.out(markBegin)
			err := e.stmts(s.body)
			e.out(markEnd)
			return err
		})
	case stBreak:
		e.tag("break")
	case stContinue:
		e.tag("continue")
	}
	return nil
}

func (e *emitter) ifStmt(s *stmt) error {
	e.tag("if %s", e.expr(s.expr))
	if err := e.stmts(s.body); err != nil {
		return err
	}
	if len(s.orelse) > 0 {
		e.tag("else")
		if err := e.stmts(s.orelse); err != nil {
			return err
		}
	}
	e.tag("endif")
	return nil
}

// assign sets a target to a value.
func (e *emitter) assign(target *expr, value string, line int) {
	switch target.op {
	case opName:
		e.tag("set %s = %s", e.name(target.name), value)
	case opAttr:
		ns := e.name(target.args[0].name)
		e.tag("set %s.%s = %s", ns, target.name, e.site(&expr{op: opAssign, name: target.name, args: target.args, line: line}, ns, value))
	case opTuple:
		all := e.hide()
		e.tag("set %s = %s", all, e.site(&expr{op: opUnpack, args: target.args, line: line}, value))
		for i, name := range target.args {
			e.tag("set %s = %s", e.name(name.name), e.nth(all, i, line))
		}
	}
}

func (e *emitter) nth(list string, i, line int) string {
	return e.site(&expr{op: opItem, args: make([]*expr, 2), line: line}, list, strconv.Itoa(i))
}

// forStmt writes a loop over one hidden or visible name. The library keeps what
// a round assigned for the next one, Jinja does not: such names get their outer
// values at the start of a round.
func (e *emitter) forStmt(s *stmt) error {
	names := slices.DeleteFunc(assigned(s.body), func(n string) bool { return slices.Contains(assigned([]*stmt{{kind: stSet, target: s.target}}), n) })
	saved := make([]string, len(names))
	for i, n := range names {
		saved[i] = e.hide()
		e.tag("set %s = %s", saved[i], e.name(n))
	}
	item := ""
	if s.target.op == opName {
		item = e.name(s.target.name)
	} else {
		item = e.hide()
	}
	iter := e.site(&expr{op: opIter, args: []*expr{s.expr}, line: s.line}, e.expr(s.expr))
	if s.filter != nil {
		iter += " if (" + e.condition(s, item) + ")"
	}
	e.tag("for %s in %s", item, iter)
	for i, n := range names {
		e.tag("set %s = %s", e.name(n), saved[i])
	}
	if s.target.op != opName {
		e.assign(s.target, item, s.line)
	}
	if err := e.stmts(s.body); err != nil {
		return err
	}
	if len(s.orelse) > 0 {
		e.tag("else")
		if err := e.scoped(s.orelse, func() error { return e.stmts(s.orelse) }); err != nil {
			return err
		}
	}
	e.tag("endfor")
	return nil
}

// condition is the condition of a loop, in which the parts of an item stand for
// the names they are unpacked to.
func (e *emitter) condition(s *stmt, item string) string {
	outer := e.subst
	defer func() { e.subst = outer }()
	e.subst = map[string]string{}
	if s.target.op == opTuple {
		unpacked := e.site(&expr{op: opUnpack, args: s.target.args, line: s.line}, item)
		for i, n := range s.target.args {
			e.subst[n.name] = e.nth(unpacked, i, s.line)
		}
	}
	return e.expr(s.filter)
}

// scoped gives the names that a body assigns their values back behind it.
func (e *emitter) scoped(body []*stmt, write func() error) error {
	names := assigned(body)
	saved := make([]string, len(names))
	for i, n := range names {
		saved[i] = e.hide()
		e.tag("set %s = %s", saved[i], e.name(n))
	}
	if err := write(); err != nil {
		return err
	}
	for i, n := range names {
		e.tag("set %s = %s", e.name(n), saved[i])
	}
	return nil
}

// assigned lists the names that statements assign in their own scope.
func assigned(body []*stmt) (names []string) {
	add := func(x *expr) {
		if x.op == opName && !slices.Contains(names, x.name) {
			names = append(names, x.name)
		}
	}
	for _, s := range body {
		switch s.kind {
		case stSet, stSetBlock, stMacro:
			add(s.target)
			if s.target.op == opTuple {
				for _, t := range s.target.args {
					add(t)
				}
			}
		case stIf:
			for _, n := range slices.Concat(assigned(s.body), assigned(s.orelse)) {
				add(&expr{op: opName, name: n})
			}
		}
	}
	return names
}

// macro writes a macro under a name by which calls find its parameters, and
// fills in defaults in its body.
func (e *emitter) macro(s *stmt) error {
	name := macroPrefix + strconv.Itoa(len(e.macros))
	e.macros = append(e.macros, s.params)
	params := make([]string, len(s.params))
	for i, p := range s.params {
		params[i] = e.name(p.name)
	}
	e.tag("macro %s(%s)", name, strings.Join(params, ","))
	for i, p := range s.params {
		fallback := &expr{op: opConst, line: s.line}
		if p.fallback != nil {
			fallback = p.fallback
		}
		e.tag("if %s", e.site(&expr{op: opMissing, line: s.line}, params[i]))
		e.tag("set %s = %s", params[i], e.expr(fallback))
		e.tag("endif")
	}
	if err := e.stmts(s.body); err != nil {
		return err
	}
	e.tag("endmacro")
	e.tag("set %s = %s", e.name(s.target.name), name)
	return nil
}
