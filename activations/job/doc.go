// Package job is what a long command keeps in its output directory while it
// runs, so that others can watch and steer it through files alone, on the same
// machine, over SSH or on a shared disk:
//
//	job.json        command, pid, host and boot id of the writer
//	job.lock        locked by the operating system while the writer lives
//	progress.jsonl  one progress.Event a line
//	control.jsonl   written by anyone: {"id":"1","op":"pause"} a line
//
// The lock is the truth: a job.json without a locked job.lock was left by a
// process that died, and the next writer takes over. Operations of control.jsonl
// are pause, resume, snapshot, stop and set (with key and value). The job reads
// them at its step boundaries and echoes each with its step into the events, and
// a resumed job applies the sets of its predecessor again in the same order.
//
// When a job ends well, only job.lock (empty) and what Options.KeepEvents asks
// for stay behind.
package job
