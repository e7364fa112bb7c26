// Package blob is where artefacts are put: five verbs over named byte strings.
// [Dir] keeps them as files of a directory; object stores can stand behind the
// same interface.
//
// Names are slash-separated relative paths. A blob exists wholly or not at all:
// it appears under its name at Commit, and a writer that dies before leaves at
// most NAME.tmp, which List never shows.
package blob
