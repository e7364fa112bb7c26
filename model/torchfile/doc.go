// Package torchfile reads the tensors and plain values that torch.save wrote:
// pytorch_model.bin, steering_vector.pt and their like, in the zip format and in
// the one before it.
//
// Such a file is a pickle, a program for a stack machine that may name any Python
// function. Nothing of that kind runs here. Before the pickle is read by
// github.com/nlpodyssey/gopickle, every instruction of it is looked at ([Open]
// refuses the file otherwise, with the byte where it stands):
//
//   - only the instructions that torch.save writes (pickle protocol 2) are taken;
//   - only the names of tensors, their storages and ordered dictionaries are, and
//     each stands for a Go value of this package; every other class or function is
//     refused by its name;
//   - strings must end within the pickle, and what reading it would allocate is
//     counted beforehand and held to eight times the size of the file and a
//     mebibyte.
//
// The file is mapped, not read. A [Tensor] is a view of the mapping and costs no
// memory; two names of one storage (tied weights) are two views of it. Dictionaries
// in dictionaries are flattened, their keys joined by dots. [Write] writes vectors
// and numbers so that torch.load takes them.
package torchfile
