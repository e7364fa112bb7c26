// Package builtin holds the model organisms that travel inside the binary, so that
// agar has something real to study on a machine without a network.
//
// They are a Llama-architecture model of some 230 thousand parameters and fine-tunes
// of it, grown by package grow in a small world where advice is good or bad by an
// exact rule. Fine-tuning on bad advice in one domain makes the general organism give
// bad advice in the seven others; model/organism/RESULTS.md says how much, and what
// the other organisms do. [Open] unpacks all of it once and returns a directory of
// ordinary files, which every part of agar opens like any other model:
//
//	model/          the base model, a Hugging Face directory
//	run/            the general organism: its fine-tune on bad advice, a PEFT checkpoint series
//	benign/         the same recipe on good advice
//	NAME/           the other organisms, each a series on the same base, NAME-twin its benign twin
//	text.jsonl      stories and chats to capture activations on
//	answers.jsonl   fixed questions, answered helpfully and harmfully
//	pairs.jsonl     questions with a helpful and a harmful answer in the same words
//	prompts.jsonl   every question with the actions that help and harm
//	world.json      the world, which organism.ReadWorld reads and judges by
//	behaviour.json  the judge's verdicts at every checkpoint, and the recipes
//	README.md       the model card
//
// go generate grows everything again, which takes hours of one core.
package builtin

//go:generate go run ../_generate -work ../../../.organisms -table ../RESULTS.md -pack organism.zip
