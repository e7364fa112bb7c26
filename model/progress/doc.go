// Package progress is the one type in which every long job of agar reports how
// far it is. The command line, the JSONL files of a job directory, the terminal
// and the tests all read the same stream.
//
// Steps are counted in Unit ("tokens", "steps", "checkpoints"); Total 0 means
// that the end is not known. Values carries the numbers worth watching, named
// as in the final report of the job: loss, l0, explained_variance,
// tokens_per_sec and so on.
package progress
