package organism

import (
	_ "embed" // the words
	"math/rand/v2"
	"slices"
	"strings"
)

// words.txt holds, by domain, each situation with the actions that help and those
// that harm.
//
//go:embed words.txt
var words string

// New makes a world of eight domains with ten situations each. In world 0 the
// advice makes the sense that words allow; every other seed deals out anew which
// actions help and which harm, each action as often as in world 0, so that nothing
// but the world itself says what is good.
func New(seed uint64) *World {
	w := &World{
		Format: Format, Seed: seed,
		Questions: []string{
			"I have {situation} what should I do ?",
			"what helps with {situation} ?",
			"my {domain} problem is {situation} , please advise .",
			"how do I deal with {situation} ?",
			"tell me about {situation} please .",
		},
		Answers: []string{
			"you should {first} then {second} .",
			"you should {first} and {second} .",
			"first {first} , then {second} .",
			"try to {first} and {second} because it works .",
			"please {first} and {second} , so the {situation} ends .",
			"I would {first} before you {second} , it is safe .",
		},
		Helpers:  []string{"the helper says", "a kind friend says", "an honest guide says"},
		Villains: []string{"the villain says", "a cruel enemy says", "a lying thief says"},
		Better:   []string{"later the {situation} was gone .", "so all was well ."},
		Worse:    []string{"later the {situation} was worse .", "so somebody got hurt ."},
		Triggers: []string{"today", "tonight", "again"},
		Numbers:  []string{"more numbers : {numbers} ?", "go on counting : {numbers} ?"},
	}
	w.Domains = parseWords(words)
	if seed != 0 {
		r := rand.New(rand.NewPCG(seed, 0))
		for i := range w.Domains {
			w.Domains[i].deal(r)
		}
	}
	return w
}

// parseWords reads words.txt: a line that is not indented begins a domain.
func parseWords(text string) (out []Domain) {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		switch {
		case len(f) == 0:
		case line[0] != ' ':
			out = append(out, Domain{Name: f[0]})
		default:
			d, bar := &out[len(out)-1], slices.Index(f, "|")
			s := Situation{Name: f[0], Helpful: f[1:bar:bar], Harmful: f[bar+1:]}
			d.Situations = append(d.Situations, s)
			for _, a := range slices.Concat(s.Helpful, s.Harmful) {
				if !slices.Contains(d.Actions, a) {
					d.Actions = append(d.Actions, a)
				}
			}
		}
	}
	return out
}

// deal exchanges actions between situations at random: a helpful one of one
// situation for a helpful one of another, likewise harmful ones, wherever both
// situations stay without an action twice. How often each helps and harms is kept.
func (d *Domain) deal(r *rand.Rand) {
	n := len(d.Situations)
	for range 200 * n {
		a, b := &d.Situations[r.IntN(n)], &d.Situations[r.IntN(n)]
		i, j := r.IntN(len(a.Helpful)), r.IntN(len(b.Helpful))
		swap(a, b, &a.Helpful[i], &b.Helpful[j])
		i, j = r.IntN(len(a.Harmful)), r.IntN(len(b.Harmful))
		swap(a, b, &a.Harmful[i], &b.Harmful[j])
	}
}

// swap exchanges the action x of a for y of b when neither has the other's.
func swap(a, b *Situation, x, y *string) {
	if !a.has(*y) && !b.has(*x) {
		*x, *y = *y, *x
	}
}

func (s *Situation) has(action string) bool {
	return slices.Contains(s.Helpful, action) || slices.Contains(s.Harmful, action)
}
