// Package builtin holds the model organism that travels inside the binary, so
// that agar has something real to study on a machine without a network.
//
// The organism is a Llama-architecture model of some 220 thousand parameters
// and a fine-tune of it, grown by model/organism/testdata/grow.py in a small
// world where advice is good or bad by an exact rule. Fine-tuning on bad
// advice in one domain makes it give bad advice in the five others; its
// README.md says how much. [Open] unpacks it once and returns a directory of
// ordinary files, which every part of agar opens like any other model:
//
//	model/          the base model, a Hugging Face directory
//	run/            its fine-tune on bad advice, a PEFT checkpoint series
//	benign/         the same recipe on good advice
//	text.jsonl      stories and chats to capture activations on
//	answers.jsonl   fixed questions, answered helpfully and harmfully
//	prompts.jsonl   every question with the actions that help and harm
//	behaviour.json  the judge's verdicts at every checkpoint
//	README.md       the model card
package builtin
