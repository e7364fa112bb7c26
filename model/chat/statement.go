package chat

import (
	"fmt"
	"slices"
	"strings"
)

// stmt is a statement of a template.
type stmt struct {
	kind   stmtKind
	line   int
	text   string  // of literal text
	expr   *expr   // what is printed, assigned, looped over, or tested
	filter *expr   // the condition of a loop, or filters of a block assignment
	target *expr   // opName, opTuple of names, or opAttr of a namespace
	params []param // of a macro
	body   []*stmt
	orelse []*stmt // of if (elif: one if) and for
}

type param struct {
	name     string
	fallback *expr // nil: none
}

type stmtKind uint8

const (
	stText stmtKind = iota
	stPrint
	stIf
	stFor
	stSet
	stSetBlock
	stFilter
	stMacro
	stGeneration
	stBreak
	stContinue
)

// stmtParser reads statements from pieces.
type stmtParser struct {
	pieces   []piece
	pos      int
	depth    int
	branches int // elifs around
	parts    int // tags and words in them
	loops    int
}

// parseTemplate reads a whole template.
func parseTemplate(source string) ([]*stmt, error) {
	pieces, err := split(source)
	if err != nil {
		return nil, err
	}
	p := &stmtParser{pieces: pieces}
	body, word, err := p.body()
	if err == nil && word.kind != tokEnd {
		err = fmt.Errorf("template, line %d: found %s without its beginning", word.line, word.text)
	}
	return body, err
}

// body reads statements up to a tag that begins with one of the words ends, and
// takes that tag; the parser of its rest is in p.tag. At the end of the template
// word is the zero token.
func (p *stmtParser) body(ends ...string) (out []*stmt, word token, err error) {
	if p.depth++; p.depth > maxNesting {
		return nil, word, fmt.Errorf("template, line %d: statements nest deeper than %d", p.pieces[p.pos-1].line, maxNesting)
	}
	defer func() { p.depth-- }()
	start := max(p.pos-1, 0)
	for p.pos < len(p.pieces) {
		piece := p.pieces[p.pos]
		p.pos++
		if piece.kind == 0 {
			out = append(out, &stmt{kind: stText, text: piece.text, line: piece.line})
			continue
		}
		e, err := newExprParser(piece.text, piece.line)
		if err != nil {
			return nil, word, err
		}
		if p.parts += 1 + len(e.toks); p.parts > maxParts {
			return nil, word, tooMany(piece.line)
		}
		s := &stmt{kind: stPrint, line: piece.line}
		if piece.kind == '{' {
			err = p.print(s, e)
		} else {
			word = e.next()
			if slices.Contains(ends, word.text) || strings.HasPrefix(word.text, "end") || word.text == "else" || word.text == "elif" {
				return out, word, p.close(word, ends, e)
			}
			err = p.statement(s, word, e)
		}
		if err != nil {
			return nil, word, err
		}
		out = append(out, s)
	}
	if len(ends) > 0 {
		return nil, word, fmt.Errorf("template, line %d: found a statement without its %s", p.pieces[start].line, ends[len(ends)-1])
	}
	return out, token{}, nil
}

// close checks a tag that ends a body. The rest of elif is read by its owner.
func (p *stmtParser) close(word token, ends []string, e *exprParser) error {
	if !slices.Contains(ends, word.text) {
		return fmt.Errorf("template, line %d: found %s, expected %s", word.line, word.text, cmpOr(strings.Join(ends, " or "), "no end of a statement"))
	}
	if word.text == "elif" {
		p.pos-- // read again as an if
		return nil
	}
	if word.text == "endmacro" {
		e.skip(tokName, e.peek().text) // the name may be repeated
	}
	return e.end()
}

func cmpOr(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

func (p *stmtParser) print(s *stmt, e *exprParser) (err error) {
	if s.expr, err = e.tuple(e.condition); err != nil {
		return err
	}
	return e.end()
}

// statement reads what follows the first word of a tag.
func (p *stmtParser) statement(s *stmt, word token, e *exprParser) (err error) {
	switch word.text {
	case "if", "elif":
		return p.ifStatement(s, e)
	case "for":
		return p.forStatement(s, e)
	case "set":
		return p.setStatement(s, e)
	case "macro":
		return p.macroStatement(s, e)
	case "filter":
		return p.filterStatement(s, e)
	case "generation":
		s.kind = stGeneration
		if err = e.end(); err == nil {
			s.body, _, err = p.body("endgeneration")
		}
		return err
	case "break", "continue":
		s.kind = stBreak
		if word.text == "continue" {
			s.kind = stContinue
		}
		if p.loops == 0 {
			return fmt.Errorf("template, line %d: found %s outside of a loop", word.line, word.text)
		}
		return e.end()
	case "call", "with", "block", "import", "from", "include", "extends", "autoescape":
		return fmt.Errorf("template, line %d: the statement %q is not implemented", word.line, word.text)
	}
	return fmt.Errorf("template, line %d: found %v, expected a statement", word.line, word)
}

func (p *stmtParser) ifStatement(s *stmt, e *exprParser) (err error) {
	s.kind = stIf
	if s.expr, err = e.tuple(e.or); err != nil {
		return err
	}
	if err = e.end(); err != nil {
		return err
	}
	var word token
	if s.body, word, err = p.body("elif", "else", "endif"); err != nil {
		return err
	}
	switch word.text {
	case "elif":
		n := &stmt{line: word.line}
		e, err := newExprParser(p.pieces[p.pos].text, p.pieces[p.pos].line)
		if err != nil {
			return err
		}
		p.pos++
		e.next()
		if p.branches++; p.branches > 9*maxNesting {
			return fmt.Errorf("template, line %d: more than %d branches", word.line, 9*maxNesting)
		}
		s.orelse = []*stmt{n}
		err = p.ifStatement(n, e)
		p.branches--
		return err
	case "else":
		s.orelse, _, err = p.body("endif")
	}
	return err
}

func (p *stmtParser) forStatement(s *stmt, e *exprParser) (err error) {
	s.kind = stFor
	if s.target, err = assignTarget(e, false); err != nil {
		return err
	}
	if t := e.peek(); !e.skip(tokName, "in") {
		return fmt.Errorf("template, line %d: found %v, expected \"in\"", t.line, t)
	}
	if s.expr, err = e.tuple(e.or); err != nil {
		return err
	}
	if e.skip(tokName, "if") {
		if s.filter, err = e.condition(); err != nil {
			return err
		}
	}
	if t := e.peek(); t.is(tokName, "recursive") {
		return fmt.Errorf("template, line %d: recursive loops are not implemented", t.line)
	}
	if err = e.end(); err != nil {
		return err
	}
	var word token
	p.loops++
	s.body, word, err = p.body("else", "endfor")
	p.loops--
	if err == nil && word.text == "else" {
		s.orelse, _, err = p.body("endfor")
	}
	return err
}

func (p *stmtParser) setStatement(s *stmt, e *exprParser) (err error) {
	s.kind = stSet
	if s.target, err = assignTarget(e, true); err != nil {
		return err
	}
	if e.skip(tokOp, "=") {
		if s.expr, err = e.tuple(e.condition); err == nil {
			err = e.end()
		}
		return err
	}
	s.kind = stSetBlock
	if s.target.op != opName {
		return fmt.Errorf("template, line %d: a block can be assigned to a name only", s.line)
	}
	if s.filter, err = e.filters(s.target); err == nil {
		err = e.end()
	}
	if err == nil {
		s.body, _, err = p.body("endset")
	}
	return err
}

// filterStatement reads {% filter a | b %}: what the block prints is assigned to
// a name that no template has, and filtered.
func (p *stmtParser) filterStatement(s *stmt, e *exprParser) (err error) {
	s.kind = stFilter
	s.target = e.node(opName, hiddenPrefix)
	if s.expr, err = e.filter(s.target); err == nil {
		s.expr, err = e.filters(s.expr)
	}
	if err == nil {
		err = e.end()
	}
	if err == nil {
		s.body, _, err = p.body("endfilter")
	}
	return err
}

// assignTarget reads a name, names with commas between them, or, for set, the
// attribute of a namespace.
func assignTarget(e *exprParser, attribute bool) (*expr, error) {
	name := func() (*expr, error) {
		t := e.next()
		if _, constant := constants[t.text]; t.kind != tokName || constant {
			return nil, fmt.Errorf("template, line %d: found %v, expected a name to assign to", t.line, t)
		}
		return e.node(opName, t.text), nil
	}
	in := e.skip(tokOp, "(")
	x, err := e.tuple(name)
	if err == nil && in {
		err = e.expect(")")
	}
	if err == nil && attribute && x.op == opName && e.skip(tokOp, ".") {
		return e.attribute(x)
	}
	return x, err
}

func (p *stmtParser) macroStatement(s *stmt, e *exprParser) (err error) {
	s.kind = stMacro
	if s.target, err = assignTarget(e, false); err != nil || s.target.op != opName {
		return fmt.Errorf("template, line %d: found a macro without a name", s.line)
	}
	if err = e.expect("("); err != nil {
		return err
	}
	for !e.skip(tokOp, ")") {
		if len(s.params) > 0 {
			if err = e.expect(","); err != nil {
				return err
			}
		}
		t := e.next()
		if t.kind != tokName {
			return fmt.Errorf("template, line %d: found %v, expected the name of a parameter", t.line, t)
		}
		m := param{name: t.text}
		if e.skip(tokOp, "=") {
			if m.fallback, err = e.condition(); err != nil {
				return err
			}
		} else if n := len(s.params); n > 0 && s.params[n-1].fallback != nil {
			return fmt.Errorf("template, line %d: found a parameter without a default behind one with a default", t.line)
		}
		s.params = append(s.params, m)
	}
	if err = e.end(); err != nil {
		return err
	}
	loops := p.loops
	p.loops = 0
	s.body, _, err = p.body("endmacro")
	p.loops = loops
	return err
}
