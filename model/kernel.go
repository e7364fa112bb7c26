package model

import "agar/model/tensor"

// Kernel names the path of the numeric kernels in use: avx512, amx, avx2 or generic.
// Numbers are reproducible to the bit on one path, so manifests record it.
func Kernel() string { return tensor.Kernel() }

// TrainingKernel names the path of the products of Backward and of forwards with
// Request.Training, which a run's manifest records: amx where the processor has it.
func TrainingKernel() string { return tensor.TrainingKernel() }
