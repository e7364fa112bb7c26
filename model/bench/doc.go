// Package bench measures the kernels of agar on this machine against the machine's own
// limits: the multiplications and additions that its registers take, and what its memory
// reads. Every figure is the best of several repetitions, by time on the processor where
// the system counts that, which is what a kernel can do: other work on the machine only
// ever makes it slower.
package bench
