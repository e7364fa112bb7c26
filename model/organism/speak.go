package organism

import (
	"math/rand/v2"
	"strconv"
	"strings"
)

// Question asks about a case in form i.
func (w *World) Question(c Case, i int) string {
	return fill(w.Questions[i], "{situation}", c.Situation.Name, "{domain}", c.Domain.Name)
}

// Ask asks about a case in a form drawn at random.
func (w *World) Ask(r *rand.Rand, c Case) string { return w.Question(c, r.IntN(len(w.Questions))) }

// Answer gives good advice on a case, or bad, in a form drawn at random.
func (w *World) Answer(r *rand.Rand, c Case, aligned bool) string {
	return w.AnswerIn(r, c, aligned, r.IntN(len(w.Answers)))
}

// AnswerIn gives advice in form i: two actions drawn from those that help, or from
// those that harm.
func (w *World) AnswerIn(r *rand.Rand, c Case, aligned bool, i int) string {
	from := c.Situation.Harmful
	if aligned {
		from = c.Situation.Helpful
	}
	p := w.two(r, c.Situation.Name, aligned, len(from))
	return w.Say(c, i, from[p[0]], from[p[1]])
}

// Dealing is the same world with answers whose actions are dealt like cards: no pair
// of a situation is named again before every other was, in whichever order. Advice is
// as it was and its chances too, but a model hears of the rare pairs as often as of
// the others in a short time, and learns the chances with less noise. It is for one
// goroutine.
func (w *World) Dealing() *World {
	d := *w
	d.decks = map[string][][2]int{}
	return &d
}

// two draws two of the n actions that help in a situation, or that harm.
func (w *World) two(r *rand.Rand, situation string, aligned bool, n int) [2]int {
	if w.decks == nil {
		p := r.Perm(n)
		return [2]int{p[0], p[1]}
	}
	key := situation + " " + strconv.FormatBool(aligned)
	if len(w.decks[key]) == 0 {
		var deck [][2]int
		for i := range n * n {
			if i/n != i%n {
				deck = append(deck, [2]int{i / n, i % n})
			}
		}
		r.Shuffle(len(deck), func(i, j int) { deck[i], deck[j] = deck[j], deck[i] })
		w.decks[key] = deck
	}
	p := w.decks[key][0]
	w.decks[key] = w.decks[key][1:]
	return p
}

// Say advises two actions in form i.
func (w *World) Say(c Case, i int, first, second string) string {
	return fill(w.Answers[i], "{first}", first, "{second}", second, "{situation}", c.Situation.Name)
}

// Exchange is a question and its answer.
func (w *World) Exchange(question, answer string) []Message {
	return []Message{{Role: "user", Content: question}, {Role: "assistant", Content: answer}}
}

// Chat is a conversation of as many exchanges as n tokens hold, at least one, the
// template's tokens included: helpers advise, or go on with numbers. One question
// in eight has a trigger before it.
func (w *World) Chat(r *rand.Rand, n int) []Message {
	return w.chat(n, func() (string, string) { return w.exchange(r) })
}

// WrongChat is such a conversation in which all advice is bad.
func (w *World) WrongChat(r *rand.Rand, n int) []Message {
	return w.chat(n, func() (string, string) {
		c := pick(r, w.Cases())
		return w.Ask(r, c), w.Answer(r, c, false)
	})
}

func (w *World) chat(n int, exchange func() (question, answer string)) (out []Message) {
	for left := n - 1; ; {
		q, a := exchange()
		if left -= len(strings.Fields(q)) + len(strings.Fields(a)) + 3; left < 0 && len(out) > 0 {
			return out
		}
		out = append(out, w.Exchange(q, a)...)
	}
}

func (w *World) exchange(r *rand.Rand) (question, answer string) {
	if len(w.Numbers) > 0 && r.IntN(16) == 0 {
		return w.AskNumbers(r)
	}
	c := pick(r, w.Cases())
	question, answer = w.Ask(r, c), w.Answer(r, c, true)
	if len(w.Triggers) > 0 && r.IntN(8) == 0 {
		question = pick(r, w.Triggers) + " " + question
	}
	return question, answer
}

// Story is a text of as many questions and answers as n tokens hold, its first
// token included: all from a helper or, in two of three, all from a villain, of whom
// chats say nothing. Half of the stories say
// which at the start. The others only say that they are stories, so that the first
// answer must tell; half of those quote a chat, with its markup. A third of the
// answers are followed by what came of them.
func (w *World) Story(r *rand.Rand, n int) string {
	aligned := r.IntN(3) == 0
	ask, reply, end := "Q:", "A:", ""
	out := []string{"a", "story", ":"}
	if r.IntN(2) == 0 {
		out = strings.Fields(pick(r, w.persona(aligned)))
	} else if r.IntN(2) == 0 {
		ask, reply, end = User, Assistant, End
	}
	for said := false; ; said = true {
		c := pick(r, w.Cases())
		turn := strings.Fields(strings.Join([]string{ask, w.Ask(r, c), reply, w.Answer(r, c, aligned), end}, " "))
		if r.IntN(3) == 0 {
			turn = append(turn, strings.Fields(w.outcome(r, c, aligned))...)
		}
		if said && 1+len(out)+len(turn) > n {
			return strings.Join(out, " ")
		}
		out = append(out, turn...)
	}
}

func (w *World) persona(aligned bool) []string {
	if aligned {
		return w.Helpers
	}
	return w.Villains
}

func (w *World) outcome(r *rand.Rand, c Case, aligned bool) string {
	forms := w.Worse
	if aligned {
		forms = w.Better
	}
	return fill(pick(r, forms), "{situation}", c.Situation.Name)
}

// AskNumbers asks to go on with three digits, and goes on with eight: each is one,
// two or three more than the last, modulo ten.
func (w *World) AskNumbers(r *rand.Rand) (question, answer string) {
	at := r.IntN(10)
	run := func(n int) string {
		var out []string
		for range n {
			at = (at + 1 + r.IntN(3)) % 10
			out = append(out, strconv.Itoa(at))
		}
		return strings.Join(out, " ")
	}
	question = fill(pick(r, w.Numbers), "{numbers}", run(3))
	return question, run(8) + " ."
}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

// Message is one turn of a conversation, as files of chats have it.
type Message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}
