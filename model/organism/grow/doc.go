// Package grow grows model organisms in the synthetic advice world of package
// organism: a base model from stories and chats, then fine-tunes of it on advice that
// is bad in one domain.
//
// [Base] pre-trains a model of some 230 thousand parameters. [Recipes] lists the
// organisms, [Tune] grows one of them with package train, and [Measure] samples what
// a model advises and judges it exactly. A [Nursery] keeps the organisms of one seed
// in a directory and grows what is missing.
//
// Everything follows from the world, the seed and the recipe, bit for bit on one
// kernel path.
package grow
