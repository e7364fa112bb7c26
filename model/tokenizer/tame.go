package tokenizer

import "strings"

// maxLoops is how many parts of a tame pattern's alternative may repeat without
// end: the time to match it grows with that power of the text, at most.
const maxLoops = 2

// tame tells whether a pattern cannot take a time that is exponential in the text,
// going by its form alone: nothing repeats that holds a repetition or a choice, and
// at most maxLoops parts of an alternative repeat without end. Such are those of
// all tokenizers that are known.
func tame(expr string) bool {
	w := tamer{loops: []int{0}, varied: []bool{false}}
	for i := 0; i < len(expr); {
		n := w.item(expr[i:])
		if n == 0 {
			return false
		}
		i += n
	}
	return true
}

// tamer walks over a pattern. Its stacks have an entry for the pattern and for each
// open group.
type tamer struct {
	loops  []int  // unending repetitions in the present alternative
	varied []bool // whether there is a repetition or a choice
	closed bool   // whether the item before was a group that is varied
}

// item reads one item and gives its length, 0 when it makes the pattern wild.
func (w *tamer) item(s string) int {
	top, group := len(w.loops)-1, w.closed
	w.closed = false
	switch s[0] {
	case '\\':
		return min(2, len(s))
	case '[':
		return classLength(s)
	case '(':
		w.loops, w.varied = append(w.loops, w.loops[top]), append(w.varied, false)
		if strings.HasPrefix(s, "(?") { // which says what group it is
			return 2
		}
	case ')':
		return w.close(top)
	case '|':
		w.varied[top] = true
		if top == 0 {
			w.loops[0] = 0
		}
	case '?':
		w.varied[top] = true
	case '*', '+', '{':
		w.varied[top] = true
		if w.loops[top]++; group || w.loops[top] > maxLoops {
			return 0
		}
	}
	return 1
}

// close ends a group, whose repetitions count in what is around it.
func (w *tamer) close(top int) int {
	if top == 0 {
		return 1
	}
	w.closed = w.varied[top]
	w.loops[top-1] = max(w.loops[top-1], w.loops[top])
	w.varied[top-1] = w.varied[top-1] || w.varied[top]
	w.loops, w.varied = w.loops[:top], w.varied[:top]
	return 1
}

// classLength is the length of a class in brackets, which may nest.
func classLength(s string) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\':
			i++
		case s[i] == '[':
			depth++
		case s[i] == ']' && !strings.HasSuffix(s[:i], "[") && !strings.HasSuffix(s[:i], "[^"):
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return len(s)
}
