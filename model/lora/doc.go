// Package lora reads PEFT LoRA adapters and series of them: one checkpoint
// directory, or a whole fine-tune as the Hugging Face Trainer leaves it.
//
// Conventions, as in PEFT:
//
//   - A is [R, In] and reads the module's input, B is [Out, R] and writes its
//     output; the module computes W·x + s·B·(A·x), so ΔW = s·B·A.
//   - s = α/r, with rslora α/√r; rank_pattern and alpha_pattern give a module
//     its own r and α.
//   - (A, B) and (−A, −B), and more generally (R⁻¹A, BR), are the same ΔW.
//   - B is 0 before the first update. That is a legal member of a series
//     (Trainer saves it at step 1); Adapter.Zero tells.
//
// What would silently change the forward pass is refused by name: DoRA,
// modules_to_save, biases, initialisations that rewrite the base weights,
// other PEFT methods, and every configuration key this package does not know
// unless its value is empty.
//
// Needs no model: whether modules exist there, with these shapes, is checked
// when an adapter is attached.
package lora
