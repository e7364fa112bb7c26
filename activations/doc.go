// Package activations captures what a language model computes, token by token,
// stores it as Arrow files, and hands it out again in rows.
//
// # The pieces
//
// A [Runner] computes: token sequences in, the activations of named hooks out.
// [Capture] drives a Runner over [Documents] into a capture directory, whose
// bytes FORMAT.md describes. [Open] maps such a directory; [Store.Source] and
// [Store.Shuffled] read one hook of it as a [Source] of rows, without special
// tokens and norm outliers unless a [Filter] says otherwise. An .npy file is a
// Source too ([OpenNPY]). The import functions bring what other tools cached into
// the same store, and [EmitScript] prints a program that writes it elsewhere.
//
// # Conventions
//
//   - A row is one token of one forward: its activation [D] float32 and its
//     token id, document, window, position and role.
//   - doc counts the documents of the data from 0, empty ones included, so that
//     it leads back to the record. A document longer than the context is cut into
//     windows that start anew; window counts them from 0. pos is the position in
//     the forward, 0 for the first token of a window.
//   - Rows of a store are in (doc, window, pos) order. Every token is there,
//     special ones too: leaving out is the reader's business.
//   - role is 0 plain, 1 system, 2 user, 3 assistant, 4 tool, 5 template.
//   - A column is named by its hook, blocks.3.hook_resid_post. What an adapter
//     adds to it, taken in float32 before any rounding, is the column
//     blocks.3.hook_resid_post@ADAPTER-base.
//   - Values are float16 or float32 on disk and float32 in memory. There is no
//     Inf and no NaN in a store: Capture stops instead.
package activations
