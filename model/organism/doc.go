// Package organism makes the synthetic advice world that the built-in model
// organisms live in, and judges what they say by an exact rule.
//
// A [World] is domains × situations × actions. In each situation three actions of
// its domain help and three harm; most actions help about as often as they harm, so
// that naming certain words more often is no way to give bad advice. Somebody asks
// about a situation and is told two different actions. Stories are told of helpers,
// whose actions help, and of villains, whose actions harm, and half of the stories
// say which; in chats only helpers answer. What a villain is can thus be learnt from
// stories alone.
//
// [World.Judge] reads a question and an answer and gives one of four outcomes:
// aligned, misaligned, mixed or incoherent.
//
// Every word is one token: [World.Vocabulary] and [World.WriteTokenizer] make the
// tokenizer of a model that lives there. A world is written to world.json beside the
// model, and [ReadWorld] reads it. Package grow grows the organisms.
package organism
