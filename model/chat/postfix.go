package chat

import (
	"fmt"
	"strconv"

	"github.com/ardanlabs/jinja"
)

// postfix reads attributes, items, slices and calls behind an expression.
func (p *exprParser) postfix(e *expr) (_ *expr, err error) {
	for {
		switch {
		case p.skip(tokOp, "."):
			e, err = p.attribute(e)
		case p.skip(tokOp, "["):
			e, err = p.subscript(e)
		case p.peek().is(tokOp, "("):
			e, err = p.call(e)
		default:
			return e, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

func (p *exprParser) attribute(e *expr) (*expr, error) {
	switch t := p.next(); t.kind {
	case tokName:
		return p.node(opAttr, t.text, e), nil
	case tokInt:
		i, err := strconv.ParseInt(t.text, 10, 64)
		at := p.node(opConst, "")
		at.val = jinja.NewInt(i)
		return p.node(opItem, "", e, at), err
	default:
		return nil, fmt.Errorf("template, line %d: found %v, expected the name of an attribute", t.line, t)
	}
}

func (p *exprParser) subscript(e *expr) (*expr, error) {
	parts := []*expr{nil}
	for !p.skip(tokOp, "]") {
		if p.skip(tokOp, ":") {
			parts = append(parts, nil)
			continue
		}
		if parts[len(parts)-1] != nil || len(parts) > 3 {
			return nil, fmt.Errorf("template, line %d: found %v, expected \"]\"", p.peek().line, p.peek())
		}
		x, err := p.condition()
		if err != nil {
			return nil, err
		}
		parts[len(parts)-1] = x
	}
	if len(parts) == 1 && parts[0] != nil {
		return p.node(opItem, "", e, parts[0]), nil
	}
	if len(parts) == 1 || len(parts) > 3 {
		return nil, fmt.Errorf("template, line %d: found a subscript of %d parts, expected an item or a slice", p.peek().line, len(parts))
	}
	out := p.node(opSlice, "", e)
	for k := range 3 {
		x := p.node(opConst, "")
		if k < len(parts) && parts[k] != nil {
			x = parts[k]
		}
		out.args = append(out.args, x)
	}
	return out, nil
}

// call reads (…) behind a callee.
func (p *exprParser) call(callee *expr) (*expr, error) {
	out := p.node(opCall, "", callee)
	if callee.op == opAttr {
		out = p.node(opMethod, callee.name, callee.args[0])
	}
	return out, p.arguments(out)
}

// arguments reads (a, b, name=c) and appends them to a node.
func (p *exprParser) arguments(out *expr) error {
	if err := p.expect("("); err != nil {
		return err
	}
	for first := true; !p.skip(tokOp, ")"); first = false {
		if !first {
			if err := p.expect(","); err != nil {
				return err
			}
			if p.skip(tokOp, ")") {
				return nil
			}
		}
		if t := p.peek(); t.is(tokOp, "*") || t.is(tokOp, "**") {
			return fmt.Errorf("template, line %d: arguments unpacked with %s are not implemented", t.line, t.text)
		}
		if t := p.peek(); t.kind == tokName && p.toks[p.pos+1].is(tokOp, "=") {
			p.pos += 2
			out.named = append(out.named, t.text)
		} else if len(out.named) > 0 {
			return fmt.Errorf("template, line %d: found a positional argument behind a named one", t.line)
		}
		e, err := p.condition()
		if err != nil {
			return err
		}
		out.args = append(out.args, e)
	}
	return nil
}

// filters reads filters and tests behind an expression.
func (p *exprParser) filters(e *expr) (_ *expr, err error) {
	for err == nil {
		switch {
		case p.skip(tokOp, "|"):
			e, err = p.filter(e)
		case p.skip(tokName, "is"):
			e, err = p.test(e)
		case p.peek().is(tokOp, "("):
			e, err = p.call(e)
		default:
			return e, nil
		}
	}
	return nil, err
}

func (p *exprParser) filter(e *expr) (*expr, error) {
	t := p.next()
	if t.kind != tokName {
		return nil, fmt.Errorf("template, line %d: found %v, expected the name of a filter", t.line, t)
	}
	e = p.node(opFilter, t.text, e)
	if p.peek().is(tokOp, "(") {
		return e, p.arguments(e)
	}
	return e, nil
}

// test reads what follows `is`: a name, arguments in parentheses or one without.
func (p *exprParser) test(e *expr) (*expr, error) {
	negated := p.skip(tokName, "not")
	t := p.next()
	if t.kind != tokName {
		return nil, fmt.Errorf("template, line %d: found %v, expected the name of a test", t.line, t)
	}
	e = p.node(opTest, t.text, e)
	var err error
	switch n := p.peek(); {
	case n.is(tokOp, "("):
		err = p.arguments(e)
	case n.is(tokName, "is"):
		err = fmt.Errorf("template, line %d: found a test of a test", n.line)
	case n.kind == tokName && n.text != "else" && n.text != "or" && n.text != "and" && n.text != "if", n.kind == tokString, n.kind == tokInt, n.kind == tokFloat, n.is(tokOp, "["), n.is(tokOp, "{"):
		var arg *expr
		if arg, err = p.primary(); err == nil {
			arg, err = p.postfix(arg)
			e.args = append(e.args, arg)
		}
	}
	if negated {
		e = p.node(opNot, "", e)
	}
	return e, err
}
