// Package train fine-tunes a model: LoRA adapters or all parameters, on examples
// whose target tokens are known. It takes the same steps as transformers' Trainer
// with PEFT from the same initialisation and order of data, and writes what they
// write: OUT/checkpoint-N/{adapter_config.json, adapter_model.safetensors,
// trainer_state.json}.
//
// The loss of a step is the mean cross entropy of the target tokens of its whole
// accumulated batch, in nats. Gradients are exact (model.Backward) and summed in
// float32; their norm is logged before clipping. Blocks below the first trained one
// are computed once for an example and kept while there is room.
//
// Everything that happens is decided by Config and the data: the order of examples
// by Config.Seed and the epoch, so that a run that was interrupted goes on to the
// same bytes on the same kernel path: that of products in training
// (model.TrainingKernel), which is amx where the processor has it and the model is
// large enough for it to matter.
package train
