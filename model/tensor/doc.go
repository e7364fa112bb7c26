// Package tensor holds the numeric kernels of agar: products with stored weights,
// the vector operations of a transformer and of an optimiser, and the decoding of
// storage types. Callers see slices and shapes. Everything is computed in float32,
// whatever type a weight is stored in, because bfloat16 arithmetic without hardware
// for it is an order of magnitude slower.
//
// # Layout
//
// Matrices are row-major. A [Weight] is [out, in], as checkpoints have it, and
// [Linear] computes y = x·Wᵀ. A [Mat] is any view with a stride, transposed or not.
//
// For the micro-kernels both operands are packed: rows of the left one into slivers
// of as many rows as a tile is high, sliver[k·height + row], columns of the right
// one into panels as wide as a tile, panel[k·width + column]. Weights go from their
// storage type straight into panels. What is packed may be kept ([Weight.Keep]) as
// long as a budget of memory lasts ([Panels]); otherwise each product packs anew, a
// few megabytes at a time, so that a mapped model needs no second copy of itself.
//
// # Paths
//
// The path is chosen when the package is first used:
//
//	avx512   tiles of 14×32 (AVX-512 F), vectors as in avx2
//	amx      as avx512, but products with large weights by planes of bfloat16
//	avx2     tiles of 6×16, needs AVX2, FMA and F16C
//	generic  portable Go, tiles of 4×8; all there is under the build tag noasm
//
// The environment variable AGAR_KERNEL names one by force; [Kernel] says which one
// runs. Which path computes is chosen by the kind of call: products of [Training] run
// on amx where the processor has it and the system allows it (Linux), everything else
// on the first of [Kernels], so that what is generated, captured and decoded step by
// step stays on one path. [TrainingKernel] says which that is. The assembly is written by the generators in _generate, a module of its own,
// and go generate reproduces it byte for byte.
//
// # Products by planes
//
// AMX multiplies tiles of bfloat16 and adds in float32. A float32 number is the sum of
// three bfloat16, its planes, exactly, and a product of two numbers is six products of
// planes; what is left out is below 2⁻²⁴ of it. Weights of bfloat16 have one plane and
// those of float16 two, which saves the products with the others and changes no bit.
// Only products of a [Weight] with at least 160 rows and 160 columns are computed so,
// however many rows x has: small models have the same bits on amx and on avx512.
//
// Errors are about half of those of float32 (TestSplitAccuracy), except for numbers that
// tiles do not hold: those below 2⁻¹²⁶, also among the planes and the products, count as
// 0; a row with an infinity, a NaN or a number beyond 3.389e38 gives NaN.
//
// # Determinism
//
// On one path, a row of a product depends on that row, on the other operand and on
// nothing else: not on the rows beside it, the number of threads, the edges of tiles,
// or whether panels are kept. Element (i, j) is summed over k in runs whose length
// follows from the number of columns alone, at most 384:
//
//	run b  = fma(aₖ, bₖ, … fma(a₁, b₁, 0)), k rising within the run
//	result = ((run 0 + run 1) + run 2) + …
//
// and an accumulating product adds that result to what was there, once. By planes, runs
// are at most 576 long, and of every 32 steps the even and the odd ones are summed on
// their own for each product of planes (TestSplitBits spells it out). The portable
// path rounds products before it adds them; its bits are therefore its own. Vector
// kernels depend on length and content, never on alignment; those that work element
// by element give an element the same bits wherever it stands.
//
// # Accuracy
//
// Sums of squares and of exponentials are taken in float64. The exponential behind
// [Softmax] and [SiLUMul] is good to 2 ulp, subnormal results included. Decoding is
// exact, and equal to ggml's reference for the quantised types.
//
// # Errors
//
// Shapes that do not fit are mistakes of the program and panic with an error that
// wraps [ErrShape] and says what was found and expected. What comes from files,
// [NewWeight], returns errors.
package tensor
