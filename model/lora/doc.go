// Package lora reads PEFT LoRA adapters, trained steering vectors (which it also writes), and series of
// them: one checkpoint directory, or a whole fine-tune as the Hugging Face Trainer
// leaves it.
//
// Conventions, as in PEFT:
//
//   - A is [R, In] and reads the module's input, B is [Out, R] and writes its
//     output; the module computes W·x + s·B·(A·x), so ΔW = s·B·A. On an embedding
//     A has a column a token.
//   - s = α/r, with rslora α/√r; rank_pattern and alpha_pattern give a module
//     its own r and α.
//   - With lora_bias the module adds s·b as well.
//   - DoRA (use_dora) computes m/‖W + ΔW‖ ⊙ (W + ΔW)·x, the norm of each row
//     (each neuron's weights), m its magnitude.
//   - Saved are parameters that were trained in full: those of modules_to_save,
//     biases of the base under bias all or lora_only, and embeddings that PEFT
//     saves with them.
//   - (A, B) and (−A, −B), and more generally (R⁻¹A, BR), are the same ΔW. NormDelta
//     and Inner are of s·B·A, magnitudes aside.
//   - B is 0 before the first update. That is a legal member of a series
//     (Trainer saves it at step 1); Adapter.Zero tells.
//   - A steering vector is a Module of kind Steering whose B is the vector.
//
// What PEFT would silently leave out or make up on loading is an error that names
// it: factors of modules that target_modules does not name, a module without one
// of its tensors, a key of rank_pattern that matches nothing. What would silently
// change the forward pass is refused by name: initialisations that rewrite the
// base weights, other PEFT methods, and every configuration key this package does
// not know unless its value is empty.
//
// Needs no model: whether modules exist there, with these shapes, is checked
// when an adapter is attached.
package lora
