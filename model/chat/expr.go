package chat

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/ardanlabs/jinja"
)

// expr is an expression of a template.
type expr struct {
	op    exprOp
	name  string      // of a name, attribute, filter, test or operator
	val   jinja.Value // of a constant
	args  []*expr     // operands; the object, callee or input comes first
	named []string    // names of the last arguments
	ops   []string    // of a comparison, one less than args
	line  int
}

type exprOp uint8

const (
	opConst   exprOp = iota
	opName           // name
	opAttr           // args[0].name
	opItem           // args[0][args[1]]
	opSlice          // args[0][args[1]:args[2]:args[3]], Undefined where left out
	opCall           // args[0](args[1:]…)
	opMethod         // args[0].name(args[1:]…)
	opFilter         // args[0] | name(args[1:]…)
	opTest           // args[0] is name(args[1:]…)
	opBinary         // args[0] name args[1]
	opCompare        // args[0] ops[0] args[1] ops[1] …
	opConcat         // args[0] ~ args[1] ~ …
	opUnary          // name args[0]
	opAnd
	opOr
	opNot
	opCond // args[0] if args[1] else args[2]
	opList
	opTuple
	opDict // args[0]: args[1], …

	// What statements ask for.
	opPrint   // args[0] as text
	opIter    // args[0] as the items of a loop
	opUnpack  // args[0] as exactly len(ops) values
	opMissing // whether args[0] was left out of a macro's call
	opAssign  // args[1], for an attribute of the namespace args[0]
)

// maxNesting bounds how deep expressions and statements nest.
const maxNesting = 100

// exprParser reads expressions as jinja2/parser.py does.
type exprParser struct {
	toks  []token
	pos   int
	depth int
}

func newExprParser(s string, line int) (*exprParser, error) {
	toks, err := tokens(s, line)
	return &exprParser{toks: toks}, err
}

func (p *exprParser) peek() token { return p.toks[p.pos] }

func (p *exprParser) next() token {
	t := p.toks[p.pos]
	if t.kind != tokEnd {
		p.pos++
	}
	return t
}

// skip takes the token if it is the given one.
func (p *exprParser) skip(kind tokenKind, text string) bool {
	ok := p.peek().is(kind, text)
	if ok {
		p.pos++
	}
	return ok
}

func (p *exprParser) expect(text string) error {
	if t := p.peek(); !p.skip(tokOp, text) {
		return fmt.Errorf("template, line %d: found %v, expected %q", t.line, t, text)
	}
	return nil
}

// end checks that nothing is left.
func (p *exprParser) end() error {
	if t := p.peek(); t.kind != tokEnd {
		return fmt.Errorf("template, line %d: found %v, expected the end of the tag", t.line, t)
	}
	return nil
}

func (p *exprParser) node(op exprOp, name string, args ...*expr) *expr {
	return &expr{op: op, name: name, args: args, line: p.toks[max(p.pos-1, 0)].line}
}

// condition reads `a if b else c`.
func (p *exprParser) condition() (*expr, error) {
	if p.depth++; p.depth > maxNesting {
		return nil, fmt.Errorf("template, line %d: expressions nest deeper than %d", p.peek().line, maxNesting)
	}
	defer func() { p.depth-- }()
	e, err := p.or()
	for err == nil && p.skip(tokName, "if") {
		var test *expr
		other := p.node(opConst, "")
		if test, err = p.or(); err == nil && p.skip(tokName, "else") {
			other, err = p.condition()
		}
		e = p.node(opCond, "", e, test, other)
	}
	return e, err
}

// chain reads operands joined by any of the operators, from the left.
func (p *exprParser) chain(operand func() (*expr, error), op exprOp, kind tokenKind, names ...string) (*expr, error) {
	e, err := operand()
	for err == nil && p.peek().kind == kind && slices.Contains(names, p.peek().text) {
		name := p.next().text
		var right *expr
		if right, err = operand(); err == nil {
			e = p.node(op, name, e, right)
		}
	}
	return e, err
}

func (p *exprParser) or() (*expr, error)  { return p.chain(p.and, opOr, tokName, "or") }
func (p *exprParser) and() (*expr, error) { return p.chain(p.not, opAnd, tokName, "and") }

func (p *exprParser) not() (*expr, error) {
	n := 0
	for p.skip(tokName, "not") {
		n++
	}
	e, err := p.compare()
	if err != nil {
		return nil, err
	}
	for range min(n, 2+n%2) {
		e = p.node(opNot, "", e)
	}
	return e, nil
}

func (p *exprParser) compare() (*expr, error) {
	e, err := p.sum()
	c := p.node(opCompare, "", e)
	for err == nil {
		op, ok := p.comparison()
		if !ok {
			break
		}
		if e, err = p.sum(); err == nil {
			c.ops, c.args = append(c.ops, op), append(c.args, e)
		}
	}
	if err != nil || len(c.ops) == 0 {
		return e, err
	}
	return c, nil
}

func (p *exprParser) comparison() (string, bool) {
	t := p.peek()
	switch {
	case t.kind == tokOp && slices.Contains([]string{"==", "!=", "<", "<=", ">", ">="}, t.text):
		p.pos++
		return t.text, true
	case p.skip(tokName, "in"):
		return "in", true
	case t.is(tokName, "not") && p.toks[p.pos+1].is(tokName, "in"):
		p.pos += 2
		return "not in", true
	}
	return "", false
}

func (p *exprParser) sum() (*expr, error) { return p.chain(p.concat, opBinary, tokOp, "+", "-") }

func (p *exprParser) concat() (*expr, error) {
	e, err := p.product()
	if err != nil || !p.peek().is(tokOp, "~") {
		return e, err
	}
	c := p.node(opConcat, "~", e)
	for err == nil && p.skip(tokOp, "~") {
		if e, err = p.product(); err == nil {
			c.args = append(c.args, e)
		}
	}
	return c, err
}

func (p *exprParser) product() (*expr, error) {
	return p.chain(p.power, opBinary, tokOp, "*", "/", "//", "%")
}

func (p *exprParser) power() (*expr, error) {
	return p.chain(func() (*expr, error) { return p.unary(true) }, opBinary, tokOp, "**")
}

func (p *exprParser) unary(filters bool) (*expr, error) {
	if p.depth++; p.depth > maxNesting {
		return nil, fmt.Errorf("template, line %d: expressions nest deeper than %d", p.peek().line, maxNesting)
	}
	defer func() { p.depth-- }()
	var e *expr
	var err error
	if t := p.peek(); t.is(tokOp, "-") || t.is(tokOp, "+") {
		p.pos++
		if e, err = p.unary(false); err == nil {
			e = p.node(opUnary, t.text, e)
		}
	} else if e, err = p.primary(); err == nil {
		e, err = p.postfix(e)
	}
	if err != nil || !filters {
		return e, err
	}
	return p.filters(e)
}

// constants are the names that are values.
var constants = map[string]jinja.Value{
	"true": jinja.NewBool(true), "True": jinja.NewBool(true), "false": jinja.NewBool(false), "False": jinja.NewBool(false),
	"none": jinja.None(), "None": jinja.None(),
}

func (p *exprParser) primary() (*expr, error) {
	t := p.next()
	e := p.node(opConst, "")
	switch t.kind {
	case tokName:
		if v, ok := constants[t.text]; ok {
			e.val = v
		} else {
			e.op, e.name = opName, t.text
		}
		return e, nil
	case tokString:
		s := t.text
		for p.peek().kind == tokString {
			s += p.next().text
		}
		e.val = jinja.NewString(s)
		return e, nil
	case tokInt:
		v, err := strconv.ParseInt(t.text, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("template, line %d: found %s, expected an integer of 64 bits", t.line, t.text)
		}
		e.val = jinja.NewInt(v)
		return e, nil
	case tokFloat:
		v, err := strconv.ParseFloat(t.text, 64)
		e.val = jinja.NewFloat(v)
		return e, err
	}
	switch t.text {
	case "(":
		return p.parenthesis()
	case "[":
		return p.display(opList, "]", false)
	case "{":
		return p.display(opDict, "}", true)
	}
	return nil, fmt.Errorf("template, line %d: found %v, expected an expression", t.line, t)
}

// parenthesis reads the rest of (…): a tuple when there is a comma or nothing.
func (p *exprParser) parenthesis() (*expr, error) {
	if p.skip(tokOp, ")") {
		return p.node(opTuple, ""), nil
	}
	e, err := p.tuple(p.condition)
	if err == nil {
		err = p.expect(")")
	}
	return e, err
}

// tuple reads items with commas between them; one without a comma is itself.
func (p *exprParser) tuple(item func() (*expr, error)) (*expr, error) {
	e, err := item()
	if err != nil || !p.peek().is(tokOp, ",") {
		return e, err
	}
	t := p.node(opTuple, "", e)
	for p.skip(tokOp, ",") {
		if n := p.peek(); n.kind == tokEnd || n.is(tokOp, ")") || n.is(tokOp, "=") || n.is(tokName, "in") {
			break
		}
		if e, err = item(); err != nil {
			return nil, err
		}
		t.args = append(t.args, e)
	}
	return t, nil
}

// display reads the rest of a list or dictionary.
func (p *exprParser) display(op exprOp, closing string, pairs bool) (*expr, error) {
	out := p.node(op, "")
	for !p.skip(tokOp, closing) {
		if len(out.args) > 0 {
			if err := p.expect(","); err != nil {
				return nil, err
			}
			if p.skip(tokOp, closing) {
				break
			}
		}
		for k := range 2 {
			if k == 1 && !pairs {
				break
			}
			if k == 1 {
				if err := p.expect(":"); err != nil {
					return nil, err
				}
			}
			e, err := p.condition()
			if err != nil {
				return nil, err
			}
			out.args = append(out.args, e)
		}
	}
	return out, nil
}
